#include "connector/byte_stream.h"

#include <algorithm>
#include <vector>

#include <zlib.h>
#include <zstd.h>

namespace leat::connector {
namespace {

constexpr std::size_t compressed_bytes = 256 * 1024;
constexpr std::size_t skipped_bytes = 1 << 20;
/// A frame that wants a larger window would take more memory than a reader is worth.
constexpr int zstd_window_log_max = 27;

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(std::unique_ptr<io::File> file) : file_(std::move(file)) {}

  Result<std::size_t> read(std::span<char> into) override {
    const std::size_t count = LEAT_TRY(file_->read_at(into, position_));
    position_ += count;
    return count;
  }
  Result<bool> seek(std::uint64_t position) override {
    if (LEAT_TRY(file_->size()) < position) return false;
    position_ = position;
    return true;
  }
  Result<std::optional<std::uint64_t>> size() const override { return LEAT_TRY(file_->size()); }

 private:
  const std::unique_ptr<io::File> file_;
  std::uint64_t position_ = 0;
};

/// What both forms of compression share: input in blocks, and seeking by reading over.
class CompressedStream : public ByteStream {
 public:
  CompressedStream(std::unique_ptr<io::File> file, std::string path)
      : file_(std::move(file)), path_(std::move(path)), input_(compressed_bytes) {}

  Result<std::size_t> read(std::span<char> into) override {
    std::size_t count = 0;
    while (count < into.size()) {
      if (consumed_ == available_) {
        available_ = LEAT_TRY(file_->read_at(input_, input_position_));
        input_position_ += available_;
        consumed_ = 0;
      }
      // At the end of the file too: the decoder may still hold bytes that it had no room for.
      const std::size_t consumed_before = consumed_;
      const std::size_t made = LEAT_TRY(decompress(into.subspan(count)));
      count += made;
      if (available_ == 0 && made == 0) {
        if (!at_boundary()) return damaged("it ends in the middle; was it copied whole?");
        break;
      }
      if (made == 0 && consumed_ == consumed_before) return damaged("no progress");
    }
    position_ += count;
    return count;
  }

  Result<bool> seek(std::uint64_t position) override {
    if (position < position_) {
      restart();
      input_position_ = consumed_ = available_ = position_ = 0;
    }
    std::vector<char> skipped(std::min<std::uint64_t>(skipped_bytes, position - position_));
    while (position_ < position) {
      const auto wanted =
          static_cast<std::size_t>(std::min<std::uint64_t>(skipped.size(), position - position_));
      if (LEAT_TRY(read(std::span(skipped.data(), wanted))) == 0) return false;
    }
    return true;
  }

  Result<std::optional<std::uint64_t>> size() const override { return std::nullopt; }

 protected:
  /// Consumes from input() and fills `into`, in part at least; returns the bytes made.
  virtual Result<std::size_t> decompress(std::span<char> into) = 0;
  virtual void restart() = 0;
  /// Nothing has been begun that is not complete.
  virtual bool at_boundary() const = 0;

  std::span<char> input() { return std::span(input_).subspan(consumed_, available_ - consumed_); }
  void consume(std::size_t count) { consumed_ += count; }
  std::unexpected<Error> damaged(std::string_view what) const {
    return user_error("damaged-file", "{} can't be decompressed after byte {}: {}", path_,
                      position_, what);
  }

 private:
  const std::unique_ptr<io::File> file_;
  const std::string path_;
  std::vector<char> input_;
  std::size_t consumed_ = 0, available_ = 0;
  std::uint64_t input_position_ = 0;  ///< in the compressed file, of what comes after input_
  std::uint64_t position_ = 0;        ///< in the decompressed bytes
};

class GzipStream final : public CompressedStream {
 public:
  GzipStream(std::unique_ptr<io::File> file, std::string path)
      : CompressedStream(std::move(file), std::move(path)) {
    constexpr int gzip_or_zlib = 15 + 32;
    usable_ = inflateInit2(&state_, gzip_or_zlib) == Z_OK;
  }
  ~GzipStream() override { inflateEnd(&state_); }

 protected:
  Result<std::size_t> decompress(std::span<char> into) override {
    if (!usable_) return damaged("there is no memory for it");
    const std::span<char> from = input();
    if (between_members_) {
      if (from.empty()) return 0;
      inflateReset(&state_);
      between_members_ = false;
    }
    begun_ = begun_ || !from.empty();
    state_.next_in = reinterpret_cast<Bytef*>(from.data());
    state_.avail_in = static_cast<uInt>(from.size());
    state_.next_out = reinterpret_cast<Bytef*>(into.data());
    state_.avail_out = static_cast<uInt>(std::min<std::size_t>(into.size(), 1 << 30));
    const uInt room = state_.avail_out;
    const int result = inflate(&state_, Z_NO_FLUSH);
    consume(from.size() - state_.avail_in);
    if (result == Z_STREAM_END) {
      between_members_ = true;
      begun_ = false;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return damaged(state_.msg != nullptr ? state_.msg : "no gzip data");
    }
    return room - state_.avail_out;
  }
  void restart() override {
    inflateReset(&state_);
    between_members_ = begun_ = false;
  }
  bool at_boundary() const override { return !begun_; }

 private:
  z_stream state_{};
  bool usable_ = false;
  bool between_members_ = false;
  bool begun_ = false;
};

class ZstdStream final : public CompressedStream {
 public:
  ZstdStream(std::unique_ptr<io::File> file, std::string path)
      : CompressedStream(std::move(file), std::move(path)), state_(ZSTD_createDStream()) {
    ZSTD_DCtx_setParameter(state_.get(), ZSTD_d_windowLogMax, zstd_window_log_max);
  }

 protected:
  Result<std::size_t> decompress(std::span<char> into) override {
    const std::span<char> from = input();
    if (from.empty() && frame_done_) return 0;
    ZSTD_inBuffer source{from.data(), from.size(), 0};
    ZSTD_outBuffer target{into.data(), into.size(), 0};
    const std::size_t result = ZSTD_decompressStream(state_.get(), &target, &source);
    if (ZSTD_isError(result)) return damaged(ZSTD_getErrorName(result));
    consume(source.pos);
    frame_done_ = result == 0;
    return target.pos;
  }
  void restart() override {
    ZSTD_DCtx_reset(state_.get(), ZSTD_reset_session_only);
    frame_done_ = true;
  }
  bool at_boundary() const override { return frame_done_; }

 private:
  struct Deleter {
    void operator()(ZSTD_DStream* state) const { ZSTD_freeDStream(state); }
  };
  std::unique_ptr<ZSTD_DStream, Deleter> state_;
  bool frame_done_ = true;
};

}  // namespace

bool is_compressed(const std::string& path) {
  return path.ends_with(".gz") || path.ends_with(".zst");
}

Result<std::unique_ptr<ByteStream>> open_byte_stream(io::FileSystem& files,
                                                     const std::string& path) {
  auto file = LEAT_TRY(files.open(path, io::OpenMode::read));
  if (path.ends_with(".gz")) return std::make_unique<GzipStream>(std::move(file), path);
  if (path.ends_with(".zst")) return std::make_unique<ZstdStream>(std::move(file), path);
  return std::make_unique<PlainStream>(std::move(file));
}

}  // namespace leat::connector
