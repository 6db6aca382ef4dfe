#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace leat::io {

/// An open file. Reads are safe from any thread; writes come from one thread at a time.
/// Errors: `disk-full` (transient), `io-error` (external). A failed sync is final: the caller must
/// end the process rather than try again, because the kernel may have dropped the dirty pages.
class File {
 public:
  virtual ~File() = default;
  /// Reads up to `into.size()` bytes at `position`; fewer only at the end of the file.
  virtual Result<std::size_t> read_at(std::span<char> into, std::uint64_t position) const = 0;
  /// Writes all of `bytes` at the end.
  virtual Status append(std::string_view bytes) = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  /// Bytes written so far survive a power loss once this returns (fdatasync).
  virtual Status sync() = 0;
  virtual Result<std::uint64_t> size() const = 0;
};

enum class OpenMode {
  read,    ///< must exist
  append,  ///< created when missing, kept as it is
  create,  ///< must not exist
};

/// Holds an exclusive lock on a file until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// Everything that Leat does to files goes through here, so that tests can lose unsynced data and
/// inject faults. Thread-safe. Paths are used as given.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  /// Creates the directory and those above it that are missing; they survive a power loss.
  virtual Status create_directories(const std::string& path) = 0;
  /// Makes renames, creations and removals in the directory survive a power loss.
  virtual Status sync_directory(const std::string& path) = 0;
  /// Names (not paths) of the directory's entries, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  /// Locks `path` for this process and writes `owner` into it. Error `locked` (user) tells who
  /// holds it.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path,
                                                 const std::string& owner) = 0;
  /// Free bytes on the file system that holds `path`.
  virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;
};

/// The machine's own files.
FileSystem& posix_file_system();

}  // namespace leat::io
