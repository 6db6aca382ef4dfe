#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/check.h"

namespace leat::state {

/// A directory of a test's own, removed with it.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    path_ = (std::filesystem::temp_directory_path() / "leat-state-XXXXXX").string();
    LEAT_CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }

  /// Flips bits in the middle of the largest file with this ending.
  void damage_largest(const std::string& ending) const {
    std::filesystem::path largest;
    std::uintmax_t size = 0;
    for (const auto& file : std::filesystem::directory_iterator(path_)) {
      if (file.path().extension() == ending && file.file_size() >= size) {
        largest = file.path();
        size = file.file_size();
      }
    }
    LEAT_CHECK(size > 0);
    std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(size / 2));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(size / 2));
    file.put(static_cast<char>(~byte));
  }

 private:
  std::string path_;
};

}  // namespace leat::state
