#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "io/file_system.h"

namespace leat::state {

/// A named space of keys in the store: one RocksDB column family (one a view, and a few of the
/// engine's own). Owned by the store, valid until the family is dropped.
class Family {
 public:
  virtual ~Family() = default;
  virtual const std::string& name() const = 0;
};

/// Changes that become durable together, and only together. Built by one thread at a time.
class CommitBatch {
 public:
  virtual ~CommitBatch() = default;
  virtual void put(Family& family, std::string_view key, std::string_view value) = 0;
  virtual void remove(Family& family, std::string_view key) = 0;
  virtual std::size_t bytes() const = 0;
};

/// The store as it was when this was taken: reads through it never see a later commit.
class StoreView {
 public:
  virtual ~StoreView() = default;
};

/// One epoch's state of everything, for as long as it is held: the store as of a commit, and in
/// memory what epochs have changed since. Cheap to take; queries hold one for at most their time
/// limit.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Epoch epoch() const = 0;
  /// The store as of the newest commit before the epoch; null when nothing was ever committed to
  /// it.
  virtual const StoreView* store_view() const { return nullptr; }
};

/// The durable state of one data directory: a RocksDB whose layout is `docs/formats/store.md`.
/// Thread-safe, except family() and drop_family(), which only the thread that sets the engine up
/// calls. Errors: `disk-full` (transient), `io-error`, `store-damaged` (external); `locked`,
/// `newer-format` (user).
class Store {
 public:
  struct Options {
    /// Nothing is written, and another process may hold the directory; families that do not exist
    /// are errors (`unknown-family`).
    bool read_only = false;
    /// Everything is kept in memory and gone with the store; nothing of the directory is looked at.
    bool in_memory = false;
    /// Where the directory is; it outlives the store. Null: RocksDB goes to the disk by itself,
    /// which is quicker.
    io::FileSystem* files = nullptr;
    std::size_t block_cache_bytes = 32u << 20;
    std::size_t write_buffer_bytes = 64u << 20;  ///< of all families together
    /// Told of torn logs that opening cut back, as sentences.
    std::function<void(const std::string& message)> warn = [](const std::string&) {};
  };

  static Result<std::unique_ptr<Store>> open(const std::string& directory, Options options);
  static Result<std::unique_ptr<Store>> open(const std::string& directory) {
    return open(directory, Options());
  }
  virtual ~Store() = default;

  /// The family of this name, created when missing.
  virtual Result<Family*> family(std::string_view name) = 0;
  /// Creates those of these families that are missing, at once: one by one each takes as long.
  virtual Status make_families(std::span<const std::string> names) = 0;
  /// Names of all families that exist, sorted.
  virtual std::vector<std::string> family_names() const = 0;
  /// Forgets a family and all its keys; pointers to it are dead. Nothing when it does not exist.
  virtual Status drop_family(std::string_view name) = 0;

  /// Values as of the newest commit, or as of `view`.
  virtual Result<std::optional<std::string>> get(const Family& family, std::string_view key,
                                                 const StoreView* view = nullptr) const = 0;
  /// Many keys at once, cheaper than one by one; `values` gets as many elements as `keys`.
  virtual Status get_many(const Family& family, std::span<const std::string_view> keys,
                          std::vector<std::optional<std::string>>& values) const = 0;
  /// Calls `row` for each key in [begin, end) in order of bytes until it says false; an empty `end`
  /// is the end of the family.
  virtual Status for_each(const Family& family, std::string_view begin, std::string_view end,
                          const std::function<bool(std::string_view, std::string_view)>& row,
                          const StoreView* view = nullptr) const = 0;
  /// As for_each, from the last key downwards.
  virtual Status for_each_backwards(
      const Family& family, std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view, std::string_view)>& row) const = 0;

  /// `bytes_expected`: room that is made at once, as growing step by step copies what is there.
  virtual std::unique_ptr<CommitBatch> new_batch(std::size_t bytes_expected = 0) const = 0;
  /// Makes the batch durable with one sync. On an error nothing of it is visible; the batch stays
  /// as it is, so that a `disk-full` can be tried again when there is room.
  virtual Status commit(CommitBatch& batch) = 0;
  virtual std::shared_ptr<const StoreView> view() const = 0;
  virtual std::uint64_t bytes_on_disk() const = 0;
};

/// The smallest key that is greater than every key with this prefix; empty when there is none.
std::string end_of_prefix(std::string_view prefix);

}  // namespace leat::state
