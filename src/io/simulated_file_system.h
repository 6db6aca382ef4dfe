#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "io/file_system.h"

namespace leat::io {

/// Files in memory that behave as badly as POSIX allows, for tests. What was not synced may be gone
/// after `lose_power`: tails of files (cut anywhere, with sectors of zeros inside), truncations,
/// and creations, renames and removals in directories that were not synced. Operations can be made
/// to fail. Thread-safe. Everything random comes from the seeds given.
class SimulatedFileSystem final : public FileSystem {
 public:
  enum class Operation { open, append, sync, truncate, rename, remove, sync_directory, read };
  enum class Fault {
    io_error,     ///< nothing done; a failed sync also loses the dirty bytes, as Linux does
    disk_full,    ///< nothing done
    short_write,  ///< append: half of the bytes get written, then `disk-full`; else as `disk_full`
  };

  SimulatedFileSystem();
  ~SimulatedFileSystem() override;

  /// The machine stops and starts again: open files and locks become unusable, and only what was
  /// synced is sure to be there.
  void lose_power(std::uint64_t seed);

  /// Makes the `nth` (from 0, counted from now) of these operations fail once.
  void fail(Operation operation, std::uint64_t nth, Fault fault);
  /// Makes the `nth` (from 0, counted from now) operation that changes something fail once.
  void fail_change(std::uint64_t nth, Fault fault);
  /// The machine stops just before the `nth` change from now (from 0): nothing works any more until
  /// `lose_power`. That is a crash at a place, where `lose_power` alone is one in between.
  void halt_at(std::uint64_t nth);
  /// From now on nothing fails any more.
  void heal();
  /// Whether a fault that was asked for has happened.
  bool failed() const;
  /// Operations that change something so far.
  std::uint64_t changes() const;

  /// The disk holds this many bytes of file contents.
  void set_quota(std::uint64_t bytes);

  /// Tests look at and damage files with these, without faults and without marking anything dirty.
  std::vector<std::string> paths() const;  ///< directories' end in /
  std::string contents(const std::string& path) const;
  void overwrite(const std::string& path, std::string bytes);

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

 private:
  struct Inode;
  struct Disk;
  class SimulatedFile;
  class SimulatedLock;

  // Files outlive neither the disk nor a power loss: they hold the disk and its generation.
  const std::shared_ptr<Disk> disk_;
};

}  // namespace leat::io
