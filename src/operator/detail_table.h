#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "operator/operator.h"
#include "state/keyed_table.h"

namespace leat::op {

/// Pinned entries by the end of their window, so that a window can be let go as a whole. One
/// shard's rows; used by its merge only.
class WindowIndex {
 public:
  void add(EventTimeUs window_end, state::Entry* entry) { windows_[window_end].push_back(entry); }
  /// Takes out all entries of windows that end at or before `time`, earliest first.
  std::vector<state::Entry*> take_until(EventTimeUs time);
  /// The end of the first window that ends at `time` or later, where there is one.
  std::optional<EventTimeUs> first_end_from(EventTimeUs time) const {
    const auto found = windows_.lower_bound(time);
    return found == windows_.end() ? std::nullopt : std::optional(found->first);
  }
  /// All entries of windows whose ends are in [from, to], earliest first.
  template <class Each>
  void for_each_in(EventTimeUs from, EventTimeUs to, Each&& each) const {
    for (auto it = windows_.lower_bound(from); it != windows_.end() && it->first <= to; ++it) {
      for (state::Entry* entry : it->second) each(entry);
    }
  }
  /// The end of the last window; no_watermark when there is none.
  EventTimeUs last_end() const {
    return windows_.empty() ? no_watermark : windows_.rbegin()->first;
  }

 private:
  std::map<EventTimeUs, std::vector<state::Entry*>> windows_;
};

/// What a group's record has no room for, such as the distinct values it has seen: an entry for
/// each (group, value), so that a change costs one entry however large the group is. Lies in the
/// group's shard. No snapshot is needed: what a query shows of it is kept in the group's record.
class DetailTable {
 public:
  /// What every detail record begins with.
  struct Head {
    std::uint32_t group_size;  ///< bytes of the key that are the group's
    std::uint32_t unused;
    EventTimeUs window_end;
  };

  DetailTable(state::TableOptions options, unsigned shards, bool windowed);

  /// The entries of (group, value) pairs, touched; `value_of(i)` gives the bytes for groups[i].
  struct Lookup {
    std::string bytes;
    std::vector<std::size_t> ends;
    std::vector<state::KeyedShard::Key> keys;
    std::vector<state::Entry*> entries;
  };
  template <class ValueOf>
  Status find_or_create(unsigned shard, const state::KeyedShard& group_table,
                        std::span<state::Entry* const> groups, const ValueOf& value_of,
                        Lookup& lookup) {
    lookup.bytes.clear();
    lookup.ends.clear();
    for (std::size_t i = 0; i < groups.size(); ++i) {
      lookup.bytes.append(group_table.key_of(groups[i]));
      value_of(i, lookup.bytes);
      lookup.ends.push_back(lookup.bytes.size());
    }
    return find(shard, group_table, groups, lookup);
  }
  /// Brings the entry to life where it is not, and gives its record.
  std::byte* touch(unsigned shard, state::Entry* entry, const state::KeyedShard& group_table,
                   const state::Entry* group);

  state::KeyedShard& shard(unsigned index) { return table_.shard(index); }
  /// Drops everything of one group. Only of an ordered table.
  Status drop_group(unsigned shard, std::string_view group);
  /// Drops everything of windows that end at or before `time`.
  void drop_windows(unsigned shard, EventTimeUs time);
  Status restore(std::uint64_t bytes_max_a_shard);
  std::uint64_t memory_bytes() const { return table_.memory_bytes(); }

 private:
  Status find(unsigned shard, const state::KeyedShard& group_table,
              std::span<state::Entry* const> groups, Lookup& lookup);

  const bool windowed_;
  state::KeyedTable table_;
  std::vector<WindowIndex> windows_;
};

/// All detail tables of a view.
class DetailTables {
 public:
  /// `droppable`: groups can be dropped one by one, which costs an index in memory.
  DetailTables(state::TableOptions base, unsigned shards, bool windowed, bool droppable)
      : base_(std::move(base)), shards_(shards), windowed_(windowed), droppable_(droppable) {}

  /// A table whose records are `record_size` bytes, Head included.
  DetailTable& add(std::size_t record_size, bool ordered);
  std::vector<std::unique_ptr<DetailTable>>& all() { return tables_; }
  const std::vector<std::unique_ptr<DetailTable>>& all() const { return tables_; }

 private:
  const state::TableOptions base_;
  const unsigned shards_;
  const bool windowed_;
  const bool droppable_;
  std::vector<std::unique_ptr<DetailTable>> tables_;
};

/// Where a windowed group's record keeps its window's end.
inline constexpr std::size_t group_rows_offset = 0;
inline constexpr std::size_t group_window_offset = 8;

}  // namespace leat::op
