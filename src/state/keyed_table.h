#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "state/keyed_shard.h"

namespace leat::state {

/// Rows of fixed-size records (with blobs, where they vary) by the bytes of a key, in shards that
/// are worked on in parallel, in memory over one family of the store. See KeyedShard for writing.
class KeyedTable {
 public:
  /// Where a stored row belongs.
  struct Place {
    unsigned shard = 0;
    bool pinned = false;  ///< must be in memory
  };
  using PlaceOf = std::function<Place(std::string_view key, const std::byte* record)>;

  /// `shards` is a power of two. `place_of` must put a row where its writer puts it; empty: by the
  /// hash of the key, none pinned.
  KeyedTable(TableOptions options, unsigned shards, PlaceOf place_of = {});
  KeyedTable(const KeyedTable&) = delete;
  KeyedTable& operator=(const KeyedTable&) = delete;

  unsigned shard_count() const { return static_cast<unsigned>(shards_.size()); }
  KeyedShard& shard(unsigned index) { return *shards_[index]; }
  /// Of a key with this hash, where placing goes by hash.
  static unsigned shard_of(std::uint64_t hash, unsigned shards) {
    return static_cast<unsigned>(hash >> 32) & (shards - 1);
  }

  /// Loads what the store holds, up to `memory_max` bytes a shard (pinned rows regardless).
  /// `loaded` is called for each row that is in memory.
  Status restore(std::uint64_t memory_max,
                 const std::function<void(unsigned shard, Entry*)>& loaded = {});

  /// Rows of a snapshot, some at a time: record i begins at i times the record's size. Keys and
  /// blobs stay valid during the call only.
  struct Piece {
    std::vector<std::string_view> keys;
    std::vector<std::byte> records;
  };
  /// Calls `piece_sink` until it says false. Any thread; the snapshot is one of the table's
  /// timeline.
  Status scan(const Snapshot& snapshot, const std::function<bool(const Piece&)>& piece_sink) const;

  std::uint64_t row_count() const;
  std::uint64_t memory_bytes() const;

 private:
  Status scan_store(const Snapshot& snapshot,
                    const std::vector<std::unique_ptr<KeyedShard::Scan>>& scans,
                    const std::function<bool(const Piece&)>& piece_sink) const;

  const TableOptions options_;
  PlaceOf place_of_;
  std::vector<std::unique_ptr<KeyedShard>> shards_;
};

}  // namespace leat::state
