#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "operator/row_places.h"
#include "state/keyed_table.h"

namespace leat::op {

/// One shard's rows by key: for each key (any bytes) a multiset of rows (any bytes, such as
/// RowCodec's) in order of arrival, each with a weight that is never 0 and a count of the caller's.
/// Rows lie in pages of about 2 KiB, each an entry of a KeyedShard, so that a key with a million
/// rows costs no more to add to than one with ten; the first page of a key carries what holds for
/// the whole key. Keys of many rows of which some were taken back are given an index in memory, so
/// that the next is not looked for in all pages. Who writes holds the lock of table(). Errors are
/// the store's.
class RowPages {
 public:
  /// The rows of one key. Valid until the next begin(), also while the key has no rows.
  using Group = state::Entry*;

  /// One row. Valid until a row is added to its group or taken from it, or begin().
  struct Row {
    std::string_view bytes;
    std::int64_t weight = 0;
    std::int64_t count = 0;
    char* place = nullptr;
    state::Entry* page = nullptr;
  };

  RowPages(state::KeyedShard& table, bool counted)
      : table_(table), header_(counted ? 20 : 12), counted_(counted) {}

  state::KeyedShard& table() { return table_; }
  /// Starts an epoch; takes the lock itself.
  void begin(Epoch epoch) { table_.begin(epoch); }

  /// The groups of these keys, with rows or without.
  Status find_or_create(std::span<const std::string_view> keys, std::vector<Group>& groups);
  /// The groups of these keys, null where a key has no rows.
  Status find(std::span<const std::string_view> keys, std::vector<Group>& groups);

  /// Adds a row `weight` times, or takes it back: then the newest rows with these bytes go, and
  /// what is not there is kept with its negative weight until it comes. `count` is what the row has
  /// where it is new.
  Status add(Group group, std::string_view bytes, std::int64_t weight, std::int64_t count = 0);

  /// Calls `visit(Row&)` for each row in order of arrival until it says false. Of this object it
  /// may only call add_to_count().
  template <class Visit>
  Status for_each(Group group, Visit&& visit);
  /// Adds to a row's count, which may be another by now than `row` says, and gives it; only where
  /// rows are counted.
  std::int64_t add_to_count(const Row& row, std::int64_t step);

  /// Takes all rows of a group.
  Status drop(Group group);
  bool empty(Group group) const { return group == nullptr || !group->has(state::Entry::live); }
  /// Keeps the group's page in memory until it is unpinned, so that the pointer stays valid.
  void pin(Group group) { table_.pin(group); }
  void unpin(Group group) { table_.unpin(group); }
  std::string_view key_of(const state::Entry* group) const {
    const std::string_view key = table_.key_of(group);
    return key.substr(0, key.size() - sizeof(std::uint32_t));
  }

 private:
  friend class RowPagesTable;

  /// A page as the store keeps it (docs/formats/store.md).
  struct Page {
    // Of a group's first page, which has the number 0; in the others all zero.
    std::uint32_t first;        // the others have numbers from this …
    std::uint32_t end;          // … to less than this
    std::uint32_t negatives;    // how many rows have a negative weight
    std::uint32_t used;         // of every page: bytes of `rows` that hold rows
    std::uint64_t taken_bytes;  // of rows that were taken since the pages were last packed
    state::Blob rows;
  };
  static constexpr std::size_t page_bytes_max = 2048;  // but for a row that is longer alone
  static constexpr std::uint32_t pages_at_once = 64;   // read from the store together
  static constexpr std::uint32_t pages_loose_max = 4;  // so few are not worth packing
  // Of how many pages a key is worth an index, how many pages one may have, and what all take.
  static constexpr std::uint32_t places_pages_min = 16;
  static constexpr std::uint32_t places_pages_max = 128u << 10;
  static constexpr std::uint64_t places_bytes_max = 32u << 20;

  static Page& page_of(state::Entry* entry) { return *reinterpret_cast<Page*>(entry->record()); }
  static std::uint32_t span_of(Group group) { return page_of(group).end - page_of(group).first; }
  static std::string_view rows_of(state::Entry* entry) {
    return page_of(entry).rows.view().substr(0, page_of(entry).used);
  }

  Row row_at(state::Entry* page, std::size_t offset) const;
  std::size_t stored_bytes(const Row& row) const { return header_ + row.bytes.size(); }
  void set_weight(const Row& row, std::int64_t weight);
  template <class Visit>
  bool visit_page(state::Entry* page, Visit&& visit);

  void make_keys(std::span<const std::string_view> keys);
  std::string_view page_key(const state::Entry* group, std::uint32_t number);
  Result<state::Entry*> find_page(Group group, std::uint32_t number);
  Status find_pages(Group group, std::uint32_t begin, std::uint32_t end);
  Result<state::Entry*> page_for(Group group, std::size_t bytes);
  Status append(Group group, std::string_view bytes, std::int64_t weight, std::int64_t count);
  void append_bytes(state::Entry* page, std::string_view bytes);
  void set_rows(state::Entry* page, std::string& rows, std::size_t capacity);
  RowPlaces* places_of(Group group);
  Status index_places(Group group);
  void forget_places(Group group);
  void put_place(RowPlaces& places, std::string_view row, const state::Entry* page);
  Result<bool> find_opposite(Group group, std::string_view bytes, bool negative, Row& found);
  Result<bool> find_newest(Group group, std::string_view bytes, bool negative, Row& found);
  bool find_in_page(state::Entry* page, std::string_view bytes, bool negative, Row& found);
  Result<std::int64_t> cancel(Group group, std::string_view bytes, std::int64_t weight);
  Status erase(Group group, const Row& row);
  Status trim(Group group);
  Status pack(Group group);

  state::KeyedShard& table_;
  const std::size_t header_;  // bytes before a row's own: length, weight and, where counted, count
  const bool counted_;
  std::map<std::string, RowPlaces, std::less<>> places_;  // by key
  std::atomic<std::uint64_t> places_bytes_ = 0;
  // Scratch space.
  std::string key_bytes_;
  std::vector<state::KeyedShard::Key> keys_;
  std::vector<state::Entry*> pages_;
  std::string page_key_;
  std::string row_;
  std::string rows_;
};

/// RowPages of all shards, in one family of the store.
class RowPagesTable {
 public:
  struct Layout {
    bool counted = false;
    /// So many bytes at the end of a key don't decide which shard it belongs to.
    std::size_t tail_bytes = 0;
    bool pinned = false;  ///< restore() pins each key's group
  };
  /// Of `base` store, timeline, family and prefix count. A key's shard is that of the hash of its
  /// bytes without the tail (KeyedTable::shard_of).
  RowPagesTable(state::TableOptions base, unsigned shards, Layout layout);

  RowPages& shard(unsigned index) { return *pages_[index]; }
  /// `group` is called for each group that is in memory: all of them where they are pinned.
  Status restore(std::uint64_t bytes_max_a_shard,
                 const std::function<void(unsigned shard, RowPages::Group)>& group = {});
  std::uint64_t memory_bytes() const;

 private:
  static state::TableOptions options_of(state::TableOptions base);

  state::KeyedTable table_;
  std::vector<std::unique_ptr<RowPages>> pages_;
};

template <class Visit>
bool RowPages::visit_page(state::Entry* page, Visit&& visit) {
  for (std::size_t offset = 0; offset < page_of(page).used;) {
    Row row = row_at(page, offset);
    if (!visit(row)) return false;
    offset += stored_bytes(row);
  }
  return true;
}

template <class Visit>
Status RowPages::for_each(Group group, Visit&& visit) {
  if (empty(group) || !visit_page(group, visit)) return {};
  const std::uint32_t end = page_of(group).end;
  for (std::uint32_t begin = page_of(group).first; begin < end; begin += pages_at_once) {
    LEAT_TRY(find_pages(group, begin, std::min(end, begin + pages_at_once)));
    for (state::Entry* page : pages_) {
      if (page != nullptr && !visit_page(page, visit)) return {};
    }
  }
  return {};
}

}  // namespace leat::op
