#include "operator/row_pages.h"

#include <algorithm>

#include "base/check.h"
#include "state/hash.h"

namespace leat::op {
namespace {

constexpr std::size_t number_bytes = sizeof(std::uint32_t);
// Where a row's header has its parts: length, weight, count.
constexpr std::size_t weight_offset = 4;
constexpr std::size_t count_offset = 12;
/// Shorter blobs lie in the record itself, where nothing can be added in place.
constexpr std::size_t capacity_min = 2 * state::Blob::inline_max;

template <class T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void store(T value, char* to) {
  std::memcpy(to, &value, sizeof value);
}

void append_number(std::uint32_t number, std::string& out) {
  const std::uint32_t big_endian = __builtin_bswap32(number);
  out.append(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
}

std::uint32_t number_of(std::string_view page_key) {
  return __builtin_bswap32(load<std::uint32_t>(page_key.data() + page_key.size() - number_bytes));
}

}  // namespace

void RowPages::make_keys(std::span<const std::string_view> keys) {
  key_bytes_.clear();
  for (const std::string_view key : keys) {
    key_bytes_.append(key);
    append_number(0, key_bytes_);
  }
  keys_.clear();
  const char* at = key_bytes_.data();
  for (const std::string_view key : keys) {
    const std::string_view bytes(at, key.size() + number_bytes);
    keys_.push_back({bytes, state::hash_bytes(bytes)});
    at += bytes.size();
  }
}

Status RowPages::find_or_create(std::span<const std::string_view> keys,
                                std::vector<Group>& groups) {
  make_keys(keys);
  return table_.find_or_create(keys_, groups);
}

Status RowPages::find(std::span<const std::string_view> keys, std::vector<Group>& groups) {
  make_keys(keys);
  LEAT_TRY(table_.find(keys_, groups));
  for (const Group group : groups) {
    if (group != nullptr) __builtin_prefetch(page_of(group).rows.block());
  }
  return {};
}

RowPages::Row RowPages::row_at(state::Entry* page, std::size_t offset) const {
  char* place = page_of(page).rows.block() + offset;
  Row row{{place + header_, load<std::uint32_t>(place)}, 0, 0, place, page};
  row.weight = load<std::int64_t>(place + weight_offset);
  if (counted_) row.count = load<std::int64_t>(place + count_offset);
  return row;
}

void RowPages::set_weight(const Row& row, std::int64_t weight) {
  table_.touch(row.page);
  store(weight, row.place + weight_offset);
}

std::int64_t RowPages::add_to_count(const Row& row, std::int64_t step) {
  LEAT_CHECK(counted_);
  table_.touch(row.page);
  const std::int64_t count = load<std::int64_t>(row.place + count_offset) + step;
  store(count, row.place + count_offset);
  return count;
}

std::string_view RowPages::page_key(const state::Entry* group, std::uint32_t number) {
  page_key_.assign(key_of(group));
  append_number(number, page_key_);
  return page_key_;
}

Result<state::Entry*> RowPages::find_page(Group group, std::uint32_t number) {
  if (number == 0) return group;
  const std::string_view key = page_key(group, number);
  return table_.find({key, state::hash_bytes(key)});
}

Status RowPages::find_pages(Group group, std::uint32_t begin, std::uint32_t end) {
  const std::string_view key = key_of(group);
  key_bytes_.clear();
  for (std::uint32_t number = begin; number < end; ++number) {
    key_bytes_.append(key);
    append_number(number, key_bytes_);
  }
  keys_.clear();
  const std::size_t size = key.size() + number_bytes;
  for (std::size_t at = 0; at < key_bytes_.size(); at += size) {
    const std::string_view bytes(key_bytes_.data() + at, size);
    keys_.push_back({bytes, state::hash_bytes(bytes)});
  }
  return table_.find(keys_, pages_);
}

Status RowPages::add(Group group, std::string_view bytes, std::int64_t weight, std::int64_t count) {
  if (!empty(group) && (weight < 0 || page_of(group).negatives > 0)) {
    weight = LEAT_TRY(cancel(group, bytes, weight));
  }
  return weight == 0 ? Status() : append(group, bytes, weight, count);
}

/// Lets rows with these bytes and the other sign take the weight up; gives what is left of it.
Result<std::int64_t> RowPages::cancel(Group group, std::string_view bytes, std::int64_t weight) {
  while (weight != 0 && !empty(group)) {
    Row row;
    if (!LEAT_TRY(find_opposite(group, bytes, weight < 0, row))) break;
    const std::int64_t sum = row.weight + weight;
    if (sum != 0 && (sum < 0) == (row.weight < 0)) {
      set_weight(row, sum);
      return 0;
    }
    weight = sum;
    if (RowPlaces* places = places_of(group)) places->remove(state::hash_bytes(bytes));
    LEAT_TRY(erase(group, row));
  }
  return weight;
}

/// The newest row with these bytes whose weight is not of this sign.
Result<bool> RowPages::find_opposite(Group group, std::string_view bytes, bool negative,
                                     Row& found) {
  RowPlaces* places = places_of(group);
  if (places == nullptr && span_of(group) >= places_pages_min &&
      span_of(group) <= places_pages_max) {
    LEAT_TRY(index_places(group));
    places = places_of(group);
  }
  if (places == nullptr) return find_newest(group, bytes, negative, found);
  if (const auto number = places->find(state::hash_bytes(bytes))) {
    state::Entry* page = LEAT_TRY(find_page(group, *number));
    if (page != nullptr && find_in_page(page, bytes, negative, found)) return true;
  }
  const bool any = LEAT_TRY(find_newest(group, bytes, negative, found));
  if (any) put_place(*places, bytes, found.page);
  return any;
}

bool RowPages::find_in_page(state::Entry* page, std::string_view bytes, bool negative, Row& found) {
  bool any = false;
  visit_page(page, [&](const Row& row) {
    if ((row.weight < 0) != negative && row.bytes == bytes) {
      found = row;
      any = true;
    }
    return true;
  });
  return any;
}

/// Looks into all pages, the last one first.
Result<bool> RowPages::find_newest(Group group, std::string_view bytes, bool negative, Row& found) {
  const std::uint32_t first = page_of(group).first;
  for (std::uint32_t end = page_of(group).end; end > first;) {
    const std::uint32_t begin = std::max(first, end - std::min(end, pages_at_once));
    LEAT_TRY(find_pages(group, begin, end));
    for (std::size_t i = pages_.size(); i > 0; --i) {
      state::Entry* page = pages_[i - 1];
      if (page != nullptr && find_in_page(page, bytes, negative, found)) return true;
    }
    end = begin;
  }
  return find_in_page(group, bytes, negative, found);
}

RowPlaces* RowPages::places_of(Group group) {
  if (places_.empty()) return nullptr;
  const auto found = places_.find(key_of(group));
  return found == places_.end() ? nullptr : &found->second;
}

Status RowPages::index_places(Group group) {
  if (places_bytes_.load(std::memory_order_relaxed) > places_bytes_max) {
    places_.clear();
    places_bytes_.store(0, std::memory_order_relaxed);
  }
  RowPlaces& places = places_[std::string(key_of(group))];
  return for_each(group, [&](const Row& row) {
    put_place(places, row.bytes, row.page);
    return true;
  });
}

void RowPages::put_place(RowPlaces& places, std::string_view row, const state::Entry* page) {
  const std::size_t before = places.bytes();
  places.put(state::hash_bytes(row), number_of(table_.key_of(page)));
  places_bytes_.fetch_add(places.bytes() - before, std::memory_order_relaxed);
}

void RowPages::forget_places(Group group) {
  if (places_.empty()) return;
  const auto found = places_.find(key_of(group));
  if (found == places_.end()) return;
  places_bytes_.fetch_sub(found->second.bytes(), std::memory_order_relaxed);
  places_.erase(found);
}

Status RowPages::append(Group group, std::string_view bytes, std::int64_t weight,
                        std::int64_t count) {
  row_.resize(header_);
  store(static_cast<std::uint32_t>(bytes.size()), row_.data());
  store(weight, row_.data() + weight_offset);
  if (counted_) store(count, row_.data() + count_offset);
  row_.append(bytes);
  if (empty(group)) table_.touch(group);
  if (weight < 0) {
    table_.touch(group);
    ++page_of(group).negatives;
  }
  state::Entry* page = LEAT_TRY(page_for(group, row_.size()));
  append_bytes(page, row_);
  if (RowPlaces* places = places_of(group)) {
    put_place(*places, bytes, page);
    if (span_of(group) > places_pages_max) forget_places(group);
  }
  return {};
}

/// The group's last page, or a new one where that has no room.
Result<state::Entry*> RowPages::page_for(Group group, std::size_t bytes) {
  Page& head = page_of(group);
  const bool alone = head.first == head.end;
  if (alone && (head.used == 0 || head.used + bytes <= page_bytes_max)) return group;
  if (!alone) {
    state::Entry* last = LEAT_TRY(find_page(group, head.end - 1));
    if (last == nullptr) return internal_error("row-page-missing", "a page of rows is missing");
    if (page_of(last).used + bytes <= page_bytes_max) return last;
  }
  if (head.end == UINT32_MAX) {
    return user_error("too-many-rows", "one key of a view has had more pages of rows than fit");
  }
  const std::uint32_t number = alone ? 1 : head.end;
  const std::string_view key = page_key(group, number);
  const state::KeyedShard::Key wanted{key, state::hash_bytes(key)};
  LEAT_TRY(table_.find_or_create({&wanted, 1}, pages_));
  table_.touch(group);
  if (alone) head.first = number;
  head.end = number + 1;
  return pages_[0];
}

void RowPages::append_bytes(state::Entry* page, std::string_view bytes) {
  table_.touch(page);
  Page& to = page_of(page);
  const std::size_t needed = to.used + bytes.size();
  if (needed > to.rows.size()) {
    // The first row of a key gets what it takes, as it is often the only one.
    const std::size_t spare = to.used == 0 ? 0 : needed / 2;
    rows_.assign(rows_of(page));
    rows_.append(bytes);
    set_rows(page, rows_, std::max(needed, std::min(needed + spare, page_bytes_max)));
    return;
  }
  std::memcpy(to.rows.block() + to.used, bytes.data(), bytes.size());
  to.used = static_cast<std::uint32_t>(needed);
}

/// Gives a touched page these rows, and room for so many bytes, which `rows` grows to.
void RowPages::set_rows(state::Entry* page, std::string& rows, std::size_t capacity) {
  page_of(page).used = static_cast<std::uint32_t>(rows.size());
  rows.resize(std::max(capacity, capacity_min));
  table_.set_blob(page, 0, rows);
}

Status RowPages::erase(Group group, const Row& row) {
  table_.touch(group);
  table_.touch(row.page);
  Page& head = page_of(group);
  Page& page = page_of(row.page);
  const std::size_t bytes = stored_bytes(row);
  const bool negative = load<std::int64_t>(row.place + weight_offset) < 0;
  const auto offset = static_cast<std::size_t>(row.place - page.rows.block());
  std::memmove(row.place, row.place + bytes, page.used - offset - bytes);
  page.used -= static_cast<std::uint32_t>(bytes);
  if (negative) --head.negatives;
  head.taken_bytes += bytes;
  if (page.used == 0) {
    if (row.page != group) table_.remove(row.page);
    LEAT_TRY(trim(group));
  }
  const std::size_t pages = head.end - head.first;
  return pages > pages_loose_max && head.taken_bytes > pages * page_bytes_max / 2 ? pack(group)
                                                                                  : Status();
}

/// Leaves out pages without rows at both ends; ends the group when there is no row in it.
Status RowPages::trim(Group group) {
  Page& head = page_of(group);
  while (head.first < head.end && LEAT_TRY(find_page(group, head.end - 1)) == nullptr) --head.end;
  while (head.first < head.end && LEAT_TRY(find_page(group, head.first)) == nullptr) ++head.first;
  if (head.first == head.end) {
    head.first = head.end = 0;
    head.taken_bytes = 0;
    forget_places(group);
    if (head.used == 0) table_.remove(group);
  }
  return {};
}

/// Writes the rows into as few pages as they need. What was written never gets ahead of what is
/// read: the pages that there are hold the same rows in the same order, and less tightly.
Status RowPages::pack(Group group) {
  forget_places(group);
  Page& head = page_of(group);
  const std::uint32_t end = head.end;
  std::uint32_t next = head.first;  // page to be written
  state::Entry* target = group;
  std::string rows(rows_of(group));  // of the target
  for (std::uint32_t number = head.first; number < end; ++number) {
    state::Entry* page = LEAT_TRY(find_page(group, number));
    if (page == nullptr) continue;
    const std::string taken(rows_of(page));
    table_.remove(page);
    for (std::size_t offset = 0; offset < taken.size();) {
      const std::size_t bytes = header_ + load<std::uint32_t>(taken.data() + offset);
      if (!rows.empty() && rows.size() + bytes > page_bytes_max) {
        table_.touch(target);
        set_rows(target, rows, rows.size());
        rows.clear();
        const std::string_view key = page_key(group, next++);
        const state::KeyedShard::Key wanted{key, state::hash_bytes(key)};
        LEAT_TRY(table_.find_or_create({&wanted, 1}, pages_));
        target = pages_[0];
      }
      rows.append(taken, offset, bytes);
      offset += bytes;
    }
  }
  table_.touch(target);
  set_rows(target, rows, rows.size());
  head.end = next;
  if (head.first == head.end) head.first = head.end = 0;
  head.taken_bytes = 0;
  return {};
}

Status RowPages::drop(Group group) {
  if (empty(group)) return {};
  forget_places(group);
  const std::uint32_t end = page_of(group).end;
  for (std::uint32_t begin = page_of(group).first; begin < end; begin += pages_at_once) {
    LEAT_TRY(find_pages(group, begin, std::min(end, begin + pages_at_once)));
    for (state::Entry* page : pages_) {
      if (page != nullptr) table_.remove(page);
    }
  }
  table_.remove(group);
  return {};
}

state::TableOptions RowPagesTable::options_of(state::TableOptions base) {
  base.layout = {sizeof(RowPages::Page), {offsetof(RowPages::Page, rows)}};
  base.versioned = false;
  base.ordered = false;
  return base;
}

std::uint64_t RowPagesTable::memory_bytes() const {
  std::uint64_t bytes = table_.memory_bytes();
  for (const auto& pages : pages_) bytes += pages->places_bytes_.load(std::memory_order_relaxed);
  return bytes;
}

RowPagesTable::RowPagesTable(state::TableOptions base, unsigned shards, Layout layout)
    : table_(options_of(std::move(base)), shards,
             [shards, layout](std::string_view key, const std::byte*) {
               const std::string_view placed =
                   key.substr(0, key.size() - number_bytes - layout.tail_bytes);
               return state::KeyedTable::Place{
                   state::KeyedTable::shard_of(state::hash_bytes(placed), shards),
                   layout.pinned && number_of(key) == 0};
             }) {
  for (unsigned i = 0; i < shards; ++i) {
    pages_.push_back(std::make_unique<RowPages>(table_.shard(i), layout.counted));
  }
}

Status RowPagesTable::restore(std::uint64_t bytes_max_a_shard,
                              const std::function<void(unsigned shard, RowPages::Group)>& group) {
  return table_.restore(bytes_max_a_shard, [&](unsigned shard, state::Entry* entry) {
    if (group && number_of(table_.shard(shard).key_of(entry)) == 0) group(shard, entry);
  });
}

}  // namespace leat::op
