#include "log/compression.h"

#include <lz4frame.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace leat::log {
namespace {

constexpr std::int16_t code_none = 0;
constexpr std::int16_t code_lz4 = 3;
constexpr std::int16_t code_zstd = 4;
constexpr int zstd_level = 3;
constexpr std::size_t growth_bytes_min = 64 << 10;

LZ4F_preferences_t lz4_preferences(std::size_t size) {
  LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
  preferences.frameInfo.blockSizeID = LZ4F_max256KB;  // the library takes less for small contents
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;  // Kafka's clients demand it
  preferences.frameInfo.contentSize = size;
  return preferences;
}

std::unexpected<Error> broken(std::string_view format, std::string_view cause) {
  return external_error("log-damaged", "the batch's {} data is broken: {}", format, cause);
}

std::unexpected<Error> too_large(std::size_t bytes_max) {
  return external_error("log-damaged", "the batch decompresses to more than {} bytes", bytes_max);
}

/// Room in `out` from `position + done` on: at least `wish` more bytes, as far as `bytes_max` lets.
std::size_t make_room(std::vector<char>& out, std::size_t position, std::size_t done,
                      std::size_t wish, std::size_t bytes_max) {
  const std::size_t room = std::min(bytes_max, done + wish);
  if (out.size() < position + room) out.resize(position + room);
  return std::min(out.size() - position, bytes_max) - done;
}

struct FreeLz4 {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

LZ4F_dctx* lz4_context() {
  thread_local const std::unique_ptr<LZ4F_dctx, FreeLz4> context = [] {
    LZ4F_dctx* made = nullptr;
    LZ4F_createDecompressionContext(&made, LZ4F_VERSION);
    return std::unique_ptr<LZ4F_dctx, FreeLz4>(made);
  }();
  return context.get();
}

Result<std::size_t> decompress_lz4(std::string_view bytes, std::size_t bytes_max,
                                   std::vector<char>& out, std::size_t position) {
  LZ4F_dctx* context = lz4_context();
  if (context == nullptr) return broken("lz4", "no memory");
  LZ4F_resetDecompressionContext(context);
  LZ4F_frameInfo_t info{};
  std::size_t used = bytes.size();
  std::size_t hint = LZ4F_getFrameInfo(context, &info, bytes.data(), &used);
  if (LZ4F_isError(hint)) return broken("lz4", LZ4F_getErrorName(hint));
  bytes.remove_prefix(used);
  if (info.contentSize > bytes_max) return too_large(bytes_max);
  // A frame may claim any size; LZ4 itself can't gain more than a factor of 255.
  const std::size_t claimed = std::min<std::size_t>(info.contentSize, bytes.size() * 255);
  LZ4F_decompressOptions_t options{};
  options.stableDst = 1;
  std::size_t done = 0;
  std::size_t wish = claimed > 0 ? claimed : std::max(growth_bytes_min, bytes.size() * 4);
  while (hint != 0) {
    std::size_t room = make_room(out, position, done, wish, bytes_max);
    used = bytes.size();
    const std::size_t available = room;
    hint = LZ4F_decompress(context, out.data() + position + done, &room, bytes.data(), &used,
                           &options);
    if (LZ4F_isError(hint)) return broken("lz4", LZ4F_getErrorName(hint));
    bytes.remove_prefix(used);
    done += room;
    if (hint == 0) break;
    if (used == 0 && room == 0) {
      if (available > 0) return broken("lz4", "it ends early");
      if (done >= bytes_max) return too_large(bytes_max);
    }
    wish = growth_bytes_min + done;
  }
  if (!bytes.empty()) return broken("lz4", "bytes follow the frame");
  return done;
}

struct FreeZstd {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

Result<std::size_t> decompress_zstd(std::string_view bytes, std::size_t bytes_max,
                                    std::vector<char>& out, std::size_t position) {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeZstd> context(ZSTD_createDCtx());
  if (!context) return broken("zstd", "no memory");
  const auto claimed = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (claimed == ZSTD_CONTENTSIZE_ERROR) return broken("zstd", "no frame");
  const bool known = claimed != ZSTD_CONTENTSIZE_UNKNOWN;
  if (known && claimed > bytes_max) return too_large(bytes_max);
  ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
  ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
  std::size_t done = 0;
  std::size_t wish = std::max(growth_bytes_min, bytes.size() * 4);
  if (known) wish = std::min<std::size_t>(claimed, std::max<std::size_t>(16 << 20, wish));
  for (std::size_t hint = 1; hint != 0;) {
    const std::size_t room = make_room(out, position, done, wish, bytes_max);
    ZSTD_outBuffer output{out.data() + position + done, room, 0};
    const std::size_t used_before = input.pos;
    hint = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(hint)) return broken("zstd", ZSTD_getErrorName(hint));
    done += output.pos;
    if (hint != 0 && output.pos == 0 && input.pos == used_before) {
      if (room > 0) return broken("zstd", "it ends early");
      if (done >= bytes_max) return too_large(bytes_max);
    }
    wish = growth_bytes_min + done;
  }
  if (input.pos != input.size) return broken("zstd", "bytes follow the frame");
  return done;
}

}  // namespace

std::int16_t compression_code(Compression compression) {
  switch (compression) {
    case Compression::none:
      return code_none;
    case Compression::lz4:
      return code_lz4;
    case Compression::zstd:
      return code_zstd;
  }
  return code_none;
}

bool compress(Compression compression, std::string_view bytes, std::vector<char>& out) {
  const std::size_t before = out.size();
  std::size_t written = 0;
  bool failed = true;
  if (compression == Compression::lz4) {
    const LZ4F_preferences_t preferences = lz4_preferences(bytes.size());
    out.resize(before + LZ4F_compressFrameBound(bytes.size(), &preferences));
    written = LZ4F_compressFrame(out.data() + before, out.size() - before, bytes.data(),
                                 bytes.size(), &preferences);
    failed = LZ4F_isError(written);
  } else if (compression == Compression::zstd) {
    thread_local const std::unique_ptr<ZSTD_CCtx, FreeZstd> context(ZSTD_createCCtx());
    out.resize(before + ZSTD_compressBound(bytes.size()));
    if (context) {
      written = ZSTD_compressCCtx(context.get(), out.data() + before, out.size() - before,
                                  bytes.data(), bytes.size(), zstd_level);
      failed = ZSTD_isError(written);
    }
  }
  const bool smaller = !failed && written < bytes.size();
  out.resize(smaller ? before + written : before);
  return smaller;
}

Result<std::size_t> decompress(std::int16_t code, std::string_view bytes, std::size_t bytes_max,
                               std::vector<char>& out, std::size_t position) {
  switch (code) {
    case code_none:
      if (out.size() < position + bytes.size()) out.resize(position + bytes.size());
      std::copy(bytes.begin(), bytes.end(), out.begin() + static_cast<std::ptrdiff_t>(position));
      return bytes.size();
    case code_lz4:
      return decompress_lz4(bytes, bytes_max, out, position);
    case code_zstd:
      return decompress_zstd(bytes, bytes_max, out, position);
    default:
      return external_error("unsupported-compression",
                            "the batch is compressed with {}; only lz4, zstd and none can be read",
                            code == 1   ? "gzip"
                            : code == 2 ? "snappy"
                                        : "an unknown method");
  }
}

}  // namespace leat::log
