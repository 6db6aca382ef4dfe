#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "io/file_system.h"

namespace leat::connector {

/// The bytes of one file from front to back: as they are, or decompressed. Used by one thread.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Fills `into` as far as there are bytes; fewer than asked for only where the file ends now.
  /// Errors: io::File's, `damaged-file` (user) for bytes that can't be decompressed.
  virtual Result<std::size_t> read(std::span<char> into) = 0;
  /// Goes on at this byte (of the decompressed ones). False: the file ends before it.
  virtual Result<bool> seek(std::uint64_t position) = 0;
  /// Bytes of the file now; nothing where only decompressing would tell.
  virtual Result<std::optional<std::uint64_t>> size() const = 0;
};

/// Opens `path`; a name that ends in .gz or .zst is decompressed (several members or frames one
/// after another are one stream).
Result<std::unique_ptr<ByteStream>> open_byte_stream(io::FileSystem& files,
                                                     const std::string& path);

/// Whether open_byte_stream would decompress this file.
bool is_compressed(const std::string& path);

}  // namespace leat::connector
