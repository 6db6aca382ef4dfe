#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "connector/byte_stream.h"
#include "connector/framing.h"
#include "connector/source.h"
#include "io/file_system.h"

namespace leat::connector {

/// How every file of one source is read.
struct FileOptions {
  Framing framing;
  bool follow = false;
  bool header = false;      ///< the first record names the columns and is none itself
  std::string header_text;  ///< what it must be; empty: anything
};

/// One file, from a byte offset (of the decompressed bytes) on. Nothing is opened before the first
/// read or seek.
class FilePartition final : public PartitionReader {
 public:
  /// `name`: the path as the pipeline file has it; `path`: as the process opens it.
  FilePartition(io::FileSystem& files, const Clock& clock, const FileOptions& options,
                std::string name, std::string path)
      : files_(files),
        clock_(clock),
        options_(options),
        name_(std::move(name)),
        path_(std::move(path)) {}

  std::string name() const override { return name_; }
  Result<Outcome> read(Slice& slice, std::size_t bytes_max) override;
  Status seek(Offset position) override;
  std::uint64_t lag() const override;

 private:
  Status open();
  Status check_boundary(std::uint64_t position);
  Result<Outcome> read_records(Slice& slice, std::size_t bytes_max);
  Result<Outcome> at_end(Slice& slice, std::size_t have);
  Result<std::size_t> read_over_long_record(Slice& slice, std::size_t have);
  Status take_header(Slice& slice);
  Status check_replaced();
  std::unexpected<Error> position_lost(std::string_view what) const;
  /// Ends a slice with `used` bytes taken of the `have` that are in it.
  void keep_rest(const Slice& slice, std::size_t used, std::size_t have);

  io::FileSystem& files_;
  const Clock& clock_;
  const FileOptions options_;
  const std::string name_;
  const std::string path_;

  std::unique_ptr<ByteStream> stream_;
  std::unique_ptr<io::File> followed_;  ///< the same file, to notice its replacement
  std::chrono::steady_clock::time_point checked_at_{};
  std::int64_t position_ = 0;  ///< of the first byte that is in no record given out
  std::vector<char> rest_;     ///< bytes from position_ on that were read already
  bool ended_ = false;
};

}  // namespace leat::connector
