#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "state/entry.h"
#include "state/record.h"
#include "state/store.h"
#include "state/timeline.h"
#include "state/undo_log.h"

namespace leat::state {

/// What all shards of a table share. Immutable.
struct TableOptions {
  Store* store = nullptr;
  Timeline* timeline = nullptr;
  Family* family = nullptr;
  std::string prefix;  ///< of the table's keys in the family; no table's prefix begins another's
  RecordLayout layout;
  /// Snapshots can be scanned. Without it a table keeps no old versions.
  bool versioned = true;
  /// first_in() and last_in() can be asked; costs an ordered index of the keys in memory.
  bool ordered = false;
};

/// One part of a keyed table: rows of fixed-size records by the bytes of their key, in memory over
/// the store. One writer at a time, which is the only one to call anything but the Scan functions;
/// it holds the lock (`lock()`) for every call that is not said to go without, for pieces of work
/// of about a millisecond at most, so that scans come through.
///
/// A complete shard has all its rows in memory: a missing key needs no read of the store. Once rows
/// were evicted, a key that is not in memory is read from the store, many at a time.
class KeyedShard {
 public:
  struct Key {
    std::string_view bytes;
    std::uint64_t hash = 0;
  };

  explicit KeyedShard(const TableOptions& options);
  KeyedShard(const KeyedShard&) = delete;
  KeyedShard& operator=(const KeyedShard&) = delete;
  ~KeyedShard();

  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

  /// Starts an epoch: what is touched from now on belongs to it. Lets go of what no snapshot needs
  /// any more. Takes the lock itself. All Entry pointers that are not pinned are invalid after it.
  void begin(Epoch epoch);

  /// The entries of these keys, created (dead) where missing; valid until the next begin().
  Status find_or_create(std::span<const Key> keys, std::vector<Entry*>& entries);
  /// The live entry of this key or null; reads the store where needed.
  Result<Entry*> find(Key key);
  /// The same for many keys at once.
  Status find(std::span<const Key> keys, std::vector<Entry*>& entries);

  /// The record of an entry, to be changed in this epoch: saves what snapshots need and brings a
  /// dead row to life, all zero.
  std::byte* touch(Entry* entry) {
    constexpr auto ready = static_cast<std::uint8_t>(Entry::live | Entry::dirty);
    if (__builtin_expect(entry->epoch != epoch_ || (entry->flags & ready) != ready, 0)) {
      touch_slowly(entry);
    }
    return entry->record();
  }
  /// Replaces a blob of a touched entry.
  void set_blob(Entry* entry, std::size_t index, std::string_view bytes);
  /// Ends a row.
  void remove(Entry* entry);
  /// Keeps the entry in memory, dead or alive, so that pointers to it stay valid until it is
  /// unpinned.
  void pin(Entry* entry) { entry->set(Entry::pinned); }
  void unpin(Entry* entry);

  /// Entries touched in this epoch, each once; and what the record was before it, null when the
  /// row did not exist. Need no lock. Only of a versioned table.
  const std::vector<Entry*>& touched() const { return touched_; }
  const std::byte* before(const Entry* entry) const {
    return entry->undo != nullptr && entry->undo->live ? entry->undo->record() : nullptr;
  }

  /// The first and the last live entry with a key in [begin, end) that `wanted` accepts, or null;
  /// an empty `end` is the end of the table. Read the store where needed. Only of an ordered table,
  /// and of keys that all belong to this shard.
  using Wanted = std::function<bool(const Entry*)>;
  Result<Entry*> first_entry(std::string_view begin, std::string_view end, const Wanted& wanted);
  Result<Entry*> last_entry(std::string_view begin, std::string_view end, const Wanted& wanted);
  /// Brings rows with keys in [begin, end) into memory, the first `rows_max` of those that are not;
  /// gives how many. Of such keys, too.
  Result<std::size_t> load_range(std::string_view begin, std::string_view end,
                                 std::size_t rows_max);

  /// Ends the rows with keys in [begin, end), or those for which `which` holds; gives their keys.
  /// Only of an ordered table; with `which` also of keys of other shards, which it leaves out.
  Result<std::vector<std::string>> remove_range(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view)>& which = {});

  /// The smallest and the greatest live key with this prefix, without the table's own. Only of an
  /// ordered table.
  Result<std::optional<std::string>> first_in(std::string_view prefix);
  Result<std::optional<std::string>> last_in(std::string_view prefix);

  /// Calls `visit` for the live keys in [begin, end) that are in memory, without the table's own
  /// prefix and in order, until it says false; an empty `end` is the end of the table. Only of an
  /// ordered table.
  void for_each_in_memory(std::string_view begin, std::string_view end,
                          const std::function<bool(std::string_view)>& visit) const;
  /// The same with their entries.
  void for_each_entry(std::string_view begin, std::string_view end,
                      const std::function<bool(Entry*)>& visit) const;
  /// The same for those that are in the store alone. All shards of a table have one store, so other
  /// shards' keys are among them.
  Status for_each_in_store(std::string_view begin, std::string_view end,
                           const std::function<bool(std::string_view)>& visit) const;
  /// The same with their records, which stay for the call.
  Status for_each_record_in_store(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view, const std::byte*)>& visit) const;
  /// The same for all of them: those that are in the store alone are brought into memory on the
  /// way, some at a time. Of keys that all belong to this shard.
  Status for_each_row(std::string_view begin, std::string_view end,
                      const std::function<bool(Entry*)>& visit);
  /// All rows are in memory.
  bool is_complete() const { return complete_; }

  /// Writes what changed since the last call into the batch. Takes the lock itself.
  void persist(CommitBatch& batch);
  /// Takes a row from the store in, at restore. Returns its entry, or null when it was only
  /// counted: it can be read again when it is asked for.
  Result<Entry*> restore(Key key, std::string_view stored, bool must_stay);
  /// Evicts clean entries until about `bytes` are free or all were looked at twice; gives the bytes
  /// freed. Takes the lock itself; between epochs or right after begin().
  std::uint64_t evict(std::uint64_t bytes);

  std::size_t record_size() const { return options_.layout.size; }
  std::string_view key_of(const Entry* entry) const { return entry->key(options_.layout.size); }

  /// Any thread, without the lock.
  std::uint64_t row_count() const { return row_count_.load(std::memory_order_relaxed); }
  std::uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }
  /// Bytes that eviction could bring down.
  std::uint64_t used_bytes() const;
  /// The same with the places of entries that were freed, which others will take.
  std::uint64_t held_bytes() const {
    return used_bytes() - pool_.used_bytes() + pool_.page_bytes();
  }
  /// Makes row_count and memory_bytes say what holds now.
  void publish_counts();

  /// A scan of the entries in memory, on any thread; keeps the shard from evicting.
  class Scan {
   public:
    Scan(KeyedShard& shard, Epoch epoch);
    Scan(const Scan&) = delete;
    Scan& operator=(const Scan&) = delete;
    ~Scan();
    bool complete() const { return complete_; }
    /// Appends up to `rows_max` more rows: keys (which stay valid as long as the scan) and copies
    /// of the records, one behind the other. False when that was the last.
    bool next(std::size_t rows_max, std::vector<std::string_view>& keys,
              std::vector<std::byte>& records);
    /// Whether this key was in memory when the scan began, so that next() decides about it.
    bool covers(Key key) const;

   private:
    KeyedShard& shard_;
    const std::uint64_t epoch_;
    EntryPool::Position position_;
    std::uint64_t serials_end_ = 0;
    bool complete_ = true;
  };

 private:
  struct KeyOrder {
    using is_transparent = void;
    std::size_t record_size;
    bool operator()(const Entry* left, const Entry* right) const {
      return left->key(record_size) < right->key(record_size);
    }
    bool operator()(const Entry* left, std::string_view right) const {
      return left->key(record_size) < right;
    }
    bool operator()(std::string_view left, const Entry* right) const {
      return left < right->key(record_size);
    }
  };

  // A slot is 0 (free), 1 (was freed) or an entry's address with the top 16 bits of its hash above.
  static constexpr std::uint64_t freed_slot = 1;
  static constexpr std::uint64_t address_mask = (std::uint64_t{1} << 48) - 1;
  static Entry* entry_in(std::uint64_t slot) {
    return reinterpret_cast<Entry*>(slot & address_mask);
  }

  Entry* look_up(Key key) const;
  void prefetch(std::span<const Key> keys) const;
  Entry* create(Key key);
  void resize_slots(std::size_t count);
  void forget(Entry* entry);
  void doom(Entry* entry);
  void touch_slowly(Entry* entry);
  void free_blob(Blob& blob);
  Status load(std::span<Entry* const> entries);
  void adopt_blobs(Entry* entry);
  void bring_to_life(Entry* entry);
  void collect();
  void sort_by_key(std::vector<Entry*>& entries) const;
  std::string stored_key(std::string_view key) const { return options_.prefix + std::string(key); }
  std::size_t entry_size(const Entry* entry) const {
    return sizeof(Entry) + options_.layout.size + entry->key_size;
  }
  const std::byte* record_at(const Entry* entry, std::uint64_t epoch) const;
  Status for_each_stored(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view key, std::string_view stored)>& visit) const;
  Result<std::optional<std::string>> edge_in_store(std::string_view begin, std::string_view end,
                                                   bool last) const;
  Status load_keys(std::span<const std::string> keys, std::vector<Entry*>& entries);

  const TableOptions& options_;
  std::mutex mutex_;
  std::vector<std::uint64_t> slots_;
  std::size_t slots_taken_ = 0;  // entries and freed places
  std::size_t entry_count_ = 0;
  EntryPool pool_;
  UndoLog undo_;
  std::set<Entry*, KeyOrder> index_;
  std::vector<Entry*> touched_;
  std::vector<Entry*> dirty_;
  std::deque<Entry*> doomed_;
  EntryPool::Position hand_;
  std::uint64_t epoch_ = 0;
  std::uint64_t next_serial_ = 1;
  std::uint64_t live_in_memory_ = 0;
  std::uint64_t live_in_store_only_ = 0;
  std::uint64_t blob_bytes_ = 0;
  unsigned scans_ = 0;
  bool complete_ = true;
  std::string scratch_;
  std::vector<Entry*> to_load_;
  std::atomic<std::uint64_t> row_count_ = 0;
  std::atomic<std::uint64_t> memory_bytes_ = 0;
};

/// The same of several, each with its lock.
inline void publish_counts(std::span<KeyedShard* const> shards) {
  for (KeyedShard* shard : shards) {
    const auto lock = shard->lock();
    shard->publish_counts();
  }
}

}  // namespace leat::state
