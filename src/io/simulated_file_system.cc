#include "io/simulated_file_system.h"

#include <algorithm>
#include <optional>
#include <set>

namespace leat::io {
namespace {

constexpr std::size_t sector_bytes = 512;

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
}

std::unexpected<Error> not_found(const std::string& path) {
  return user_error("file-not-found", "can't open {}: no such file or directory; check the path",
                    path);
}

}  // namespace

/// What a file holds: now, and what is sure to survive a power loss.
struct SimulatedFileSystem::Inode {
  std::string data;
  std::string durable;
  std::size_t same = 0;  ///< so many first bytes of `data` and `durable` are the same ones
  std::vector<std::pair<std::size_t, std::size_t>> dropped;  ///< dirty ranges of a failed sync

  void truncate(std::size_t size) {
    data.resize(size);
    same = std::min(same, size);
  }

  void sync() {
    durable.resize(same);
    durable.append(data, same);
    for (const auto& [begin, end] : dropped) {
      const std::size_t last = std::min(end, durable.size());
      if (begin < last) std::fill(durable.begin() + begin, durable.begin() + last, '\0');
    }
    same = data.size();
  }

  void fail_sync() { dropped.emplace_back(same, data.size()); }

  void lose_power(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    if (same < durable.size() && random() % 2 == 0) data = durable;  // the truncation is lost
    const std::size_t kept = data == durable ? durable.size() : same;
    const std::size_t unsynced = data.size() - std::min(kept, data.size());
    data.resize(kept + (random() % 3 == 0 ? unsynced : random() % (unsynced + 1)));
    for (const auto& [begin, end] : dropped) {
      const std::size_t last = std::min(end, data.size());
      if (begin < last) std::fill(data.begin() + begin, data.begin() + last, '\0');
    }
    if (random() % 2 == 0) lose_sectors(kept, random);
    durable = data;
    same = data.size();
    dropped.clear();
  }

 private:
  // Sectors reach the disk in any order; one that did not reads as zeros.
  void lose_sectors(std::size_t kept, std::mt19937_64& random) {
    for (std::size_t sector = kept / sector_bytes; sector * sector_bytes < data.size(); ++sector) {
      if (random() % 4 != 0) continue;
      const std::size_t begin = std::max(kept, sector * sector_bytes);
      const std::size_t end = std::min(data.size(), (sector + 1) * sector_bytes);
      std::fill(data.begin() + begin, data.begin() + end, '\0');
    }
  }
};

struct SimulatedFileSystem::Disk {
  /// A file, or a directory where `inode` is nothing.
  struct Entry {
    std::shared_ptr<Inode> inode;
  };
  using Tree = std::map<std::string, Entry>;
  /// A change of the tree that a power loss may undo. Renames have both paths, removals only
  /// `from`, creations only `to`.
  struct Change {
    std::string from;
    std::string to;
    Entry entry;

    bool touches(const std::string& directory) const {
      return (!from.empty() && parent_of(from) == directory) ||
             (!to.empty() && parent_of(to) == directory);
    }
    void apply(Tree& to_tree) const {
      if (!from.empty()) to_tree.erase(from);
      if (!to.empty()) to_tree[to] = entry;
    }
  };
  struct PlannedFault {
    std::optional<Operation> operation;  ///< nothing: any that changes something
    std::uint64_t left = 0;              ///< operations to let pass
    Fault fault = Fault::io_error;
  };

  mutable std::mutex mutex;
  std::uint64_t generation = 0;
  Tree now;
  Tree durable;
  std::vector<Change> pending;
  std::vector<PlannedFault> faults;
  std::optional<std::uint64_t> left_until_halt;  ///< changes
  bool halted = false;
  bool failed = false;
  std::uint64_t changes = 0;
  std::uint64_t quota = UINT64_MAX;
  std::map<std::string, std::string> locks;

  std::uint64_t used() const {
    std::uint64_t sum = 0;
    for (const auto& [path, entry] : now) sum += entry.inode ? entry.inode->data.size() : 0;
    return sum;
  }

  /// Counts the operation, and says whether it has to fail.
  std::optional<Fault> next_fault(Operation operation) {
    const bool change = operation != Operation::read;
    if (change) ++changes;
    if (change && left_until_halt && (*left_until_halt)-- == 0) {
      left_until_halt.reset();
      halted = failed = true;
    }
    if (halted) return Fault::io_error;
    std::optional<Fault> hit;
    for (auto planned = faults.begin(); planned != faults.end();) {
      if (planned->operation ? *planned->operation != operation : !change) {
        ++planned;
      } else if (planned->left > 0) {
        --planned->left;
        ++planned;
      } else {
        hit = planned->fault;
        planned = faults.erase(planned);
      }
    }
    failed = failed || hit.has_value();
    return hit;
  }

  Status check(Operation operation, std::string_view action, const std::string& path) {
    const std::optional<Fault> fault = next_fault(operation);
    if (!fault) return {};
    return describe(*fault, action, path);
  }

  static std::unexpected<Error> describe(Fault fault, std::string_view action,
                                         const std::string& path) {
    if (fault == Fault::io_error) {
      return external_error("io-error", "can't {} {}: simulated I/O error", action, path);
    }
    return transient_error("disk-full", "can't {} {}: simulated full disk", action, path);
  }

  bool is_directory(const std::string& path) const {
    const auto found = now.find(path);
    return path == "/" || path == "." || (found != now.end() && !found->second.inode);
  }

  void change(Change made) {
    made.apply(now);
    pending.push_back(std::move(made));
  }
  void sync_directory(const std::string& path) {
    std::erase_if(pending, [&](const Change& made) {
      if (!made.touches(path)) return false;
      made.apply(durable);
      return true;
    });
  }
};

class SimulatedFileSystem::SimulatedFile final : public File {
 public:
  SimulatedFile(std::shared_ptr<Disk> disk, std::shared_ptr<Inode> inode, std::string path,
                bool writable)
      : disk_(std::move(disk)),
        inode_(std::move(inode)),
        path_(std::move(path)),
        writable_(writable),
        generation_(disk_->generation) {}

  Result<std::size_t> read_at(std::span<char> into, std::uint64_t position) const override {
    std::lock_guard lock(disk_->mutex);
    LEAT_TRY(usable());
    LEAT_TRY(disk_->check(Operation::read, "read", path_));
    if (position >= inode_->data.size()) return std::size_t{0};
    return inode_->data.copy(into.data(), into.size(), position);
  }

  Status append(std::string_view bytes) override {
    std::lock_guard lock(disk_->mutex);
    LEAT_TRY(usable());
    if (!writable_) return external_error("io-error", "{} is open for reading only", path_);
    const std::optional<Fault> fault = disk_->next_fault(Operation::append);
    if (fault) {
      if (*fault == Fault::short_write) inode_->data.append(bytes.substr(0, bytes.size() / 2));
      return Disk::describe(*fault, "write to", path_);
    }
    const std::uint64_t used = disk_->quota == UINT64_MAX ? 0 : disk_->used();
    const std::uint64_t room = disk_->quota - std::min(used, disk_->quota);
    inode_->data.append(bytes.substr(0, room));
    if (bytes.size() > room) return Disk::describe(Fault::disk_full, "write to", path_);
    return {};
  }

  Status truncate(std::uint64_t size) override {
    std::lock_guard lock(disk_->mutex);
    LEAT_TRY(usable());
    LEAT_TRY(disk_->check(Operation::truncate, "truncate", path_));
    inode_->truncate(size);
    return {};
  }

  Status sync() override {
    std::lock_guard lock(disk_->mutex);
    LEAT_TRY(usable());
    if (disk_->next_fault(Operation::sync)) {
      // A machine that stops before it syncs drops nothing: the disk may have written all by
      // itself.
      if (!disk_->halted) inode_->fail_sync();
      return external_error("io-error", "can't sync {}: simulated I/O error", path_);
    }
    inode_->sync();
    return {};
  }

  Result<std::uint64_t> size() const override {
    std::lock_guard lock(disk_->mutex);
    LEAT_TRY(usable());
    return inode_->data.size();
  }

 private:
  Status usable() const {
    if (generation_ == disk_->generation) return {};
    return external_error("io-error", "{} was opened before the power loss", path_);
  }

  const std::shared_ptr<Disk> disk_;
  const std::shared_ptr<Inode> inode_;
  const std::string path_;
  const bool writable_;
  const std::uint64_t generation_;
};

class SimulatedFileSystem::SimulatedLock final : public FileLock {
 public:
  SimulatedLock(std::shared_ptr<Disk> disk, std::string path)
      : disk_(std::move(disk)), path_(std::move(path)), generation_(disk_->generation) {}
  ~SimulatedLock() override {
    std::lock_guard lock(disk_->mutex);
    if (generation_ == disk_->generation) disk_->locks.erase(path_);
  }

 private:
  const std::shared_ptr<Disk> disk_;
  const std::string path_;
  const std::uint64_t generation_;
};

SimulatedFileSystem::SimulatedFileSystem() : disk_(std::make_shared<Disk>()) {}
SimulatedFileSystem::~SimulatedFileSystem() = default;

void SimulatedFileSystem::lose_power(std::uint64_t seed) {
  std::lock_guard lock(disk_->mutex);
  std::mt19937_64 random(seed);
  ++disk_->generation;
  disk_->halted = false;
  disk_->locks.clear();
  const std::uint64_t kept_of_two = random() % 3;  // none, about half or all of the changes
  for (const Disk::Change& change : disk_->pending) {
    if (random() % 2 < kept_of_two) change.apply(disk_->durable);
  }
  disk_->pending.clear();
  // What lies in a directory that is gone, is gone with it.
  Disk::Tree& tree = disk_->durable;
  for (auto entry = tree.begin(); entry != tree.end();) {
    const std::string parent = parent_of(entry->first);
    const bool there = parent == "/" || parent == "." || tree.contains(parent);
    entry = there ? std::next(entry) : tree.erase(entry);
  }
  std::set<Inode*> seen;  // chances of its own each, so that what one loses is no other's matter
  for (auto& [path, entry] : tree) {
    if (entry.inode && seen.insert(entry.inode.get()).second) entry.inode->lose_power(random());
  }
  disk_->now = tree;
}

void SimulatedFileSystem::fail(Operation operation, std::uint64_t nth, Fault fault) {
  std::lock_guard lock(disk_->mutex);
  disk_->faults.push_back({operation, nth, fault});
}

void SimulatedFileSystem::fail_change(std::uint64_t nth, Fault fault) {
  std::lock_guard lock(disk_->mutex);
  disk_->faults.push_back({std::nullopt, nth, fault});
}

void SimulatedFileSystem::halt_at(std::uint64_t nth) {
  std::lock_guard lock(disk_->mutex);
  disk_->left_until_halt = nth;
}

void SimulatedFileSystem::heal() {
  std::lock_guard lock(disk_->mutex);
  disk_->faults.clear();
  disk_->left_until_halt.reset();
  disk_->failed = false;
}

bool SimulatedFileSystem::failed() const {
  std::lock_guard lock(disk_->mutex);
  return disk_->failed;
}

std::uint64_t SimulatedFileSystem::changes() const {
  std::lock_guard lock(disk_->mutex);
  return disk_->changes;
}

void SimulatedFileSystem::set_quota(std::uint64_t bytes) {
  std::lock_guard lock(disk_->mutex);
  disk_->quota = bytes;
}

std::vector<std::string> SimulatedFileSystem::paths() const {
  std::lock_guard lock(disk_->mutex);
  std::vector<std::string> paths;
  for (const auto& [path, entry] : disk_->now) paths.push_back(entry.inode ? path : path + "/");
  return paths;
}

std::string SimulatedFileSystem::contents(const std::string& path) const {
  std::lock_guard lock(disk_->mutex);
  const auto found = disk_->now.find(path);
  return found == disk_->now.end() || !found->second.inode ? "" : found->second.inode->data;
}

void SimulatedFileSystem::overwrite(const std::string& path, std::string bytes) {
  std::lock_guard lock(disk_->mutex);
  auto inode = std::make_shared<Inode>();
  inode->data = inode->durable = std::move(bytes);
  inode->same = inode->data.size();
  disk_->now[path] = disk_->durable[path] = {inode};
}

Result<std::unique_ptr<File>> SimulatedFileSystem::open(const std::string& path, OpenMode mode) {
  std::lock_guard lock(disk_->mutex);
  LEAT_TRY(disk_->check(Operation::open, "open", path));
  const auto found = disk_->now.find(path);
  std::shared_ptr<Inode> inode;
  if (found != disk_->now.end()) {
    if (!found->second.inode) {
      return external_error("io-error", "can't open {}: it is a directory", path);
    }
    if (mode == OpenMode::create) return user_error("file-exists", "{} exists already", path);
    inode = found->second.inode;
  } else {
    if (mode == OpenMode::read || !disk_->is_directory(parent_of(path))) return not_found(path);
    inode = std::make_shared<Inode>();
    disk_->change({"", path, {inode}});
  }
  return std::make_unique<SimulatedFile>(disk_, inode, path, mode != OpenMode::read);
}

Result<bool> SimulatedFileSystem::exists(const std::string& path) {
  std::lock_guard lock(disk_->mutex);
  return disk_->now.contains(path) || disk_->is_directory(path);
}

Status SimulatedFileSystem::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(disk_->mutex);
  LEAT_TRY(disk_->check(Operation::rename, "rename", from));
  const auto found = disk_->now.find(from);
  if (found == disk_->now.end()) return not_found(from);
  if (!found->second.inode) {
    return external_error("io-error", "can't rename {}: directories can't be renamed here", from);
  }
  disk_->change({from, to, found->second});
  return {};
}

Status SimulatedFileSystem::remove(const std::string& path) {
  std::lock_guard lock(disk_->mutex);
  LEAT_TRY(disk_->check(Operation::remove, "remove", path));
  if (!disk_->now.contains(path)) return not_found(path);
  const auto inside = disk_->now.lower_bound(path + "/");
  if (inside != disk_->now.end() && inside->first.starts_with(path + "/")) {
    return external_error("io-error", "can't remove {}: it is not empty", path);
  }
  disk_->change({path, "", {}});
  return {};
}

Status SimulatedFileSystem::create_directories(const std::string& path) {
  std::lock_guard lock(disk_->mutex);
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    const auto found = disk_->now.find(part);
    if (found != disk_->now.end() && found->second.inode) {
      return user_error("file-exists", "can't create directory {}: a file is there", part);
    }
    if (found == disk_->now.end() && !disk_->is_directory(part)) {
      disk_->change({"", part, {}});
      disk_->sync_directory(parent_of(part));
    }
    if (end == std::string::npos) return {};
  }
}

Status SimulatedFileSystem::sync_directory(const std::string& path) {
  std::lock_guard lock(disk_->mutex);
  LEAT_TRY(disk_->check(Operation::sync_directory, "sync directory", path));
  if (!disk_->is_directory(path)) return not_found(path);
  disk_->sync_directory(path);
  return {};
}

Result<std::vector<std::string>> SimulatedFileSystem::list(const std::string& path) {
  std::lock_guard lock(disk_->mutex);
  if (!disk_->is_directory(path)) return not_found(path);
  std::vector<std::string> names;
  for (const auto& [name, entry] : disk_->now) {
    if (parent_of(name) == path) names.push_back(name.substr(path == "/" ? 1 : path.size() + 1));
  }
  return names;
}

Result<std::unique_ptr<FileLock>> SimulatedFileSystem::lock(const std::string& path,
                                                            const std::string& owner) {
  std::lock_guard lock(disk_->mutex);
  const auto [held, taken] = disk_->locks.emplace(path, owner);
  if (!taken) {
    return user_error("locked", "{} is held by {}; stop that process or use another directory",
                      path, held->second);
  }
  return std::make_unique<SimulatedLock>(disk_, path);
}

Result<std::uint64_t> SimulatedFileSystem::free_bytes(const std::string&) {
  std::lock_guard lock(disk_->mutex);
  return disk_->quota - std::min(disk_->quota, disk_->used());
}

}  // namespace leat::io
