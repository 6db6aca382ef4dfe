#pragma once

#include <string>

#include "io/file_system.h"

namespace leat::io {

/// Who we are, as a lock's owner text: "pid 4711 on mill since 2026-01-01T00:00:00Z".
std::string this_process();

/// The machine's files by system calls. Thread-safe, holds no state.
class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<bool> exists(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status create_directories(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path,
                                         const std::string& owner) override;
  Result<std::uint64_t> free_bytes(const std::string& path) override;
};

}  // namespace leat::io
