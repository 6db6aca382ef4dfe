#include "operator/framed_rows.h"

#include <algorithm>
#include <utility>

#include "operator/rank_order.h"
#include "operator/window_end.h"
#include "state/hash.h"

namespace leat::op {
namespace {

std::string joined(std::string_view first, std::string_view second) {
  return std::string(first).append(second);
}

bool is_before(std::string_view place, std::string_view end) { return end.empty() || place < end; }

/// Of a NULL: it has no time.
constexpr std::int64_t no_time = no_watermark;

}  // namespace

FramedRows::FramedRows(state::KeyedShard& table, const sql::KeyedQuery::Frames& frames,
                       StoredRowCount& count, std::optional<std::int64_t> gap_us)
    : frames_(frames), rows_(table), writer_(table, count), count_(count), gap_us_(gap_us) {}

state::TableOptions FramedRows::options_of(state::TableOptions base) {
  base.layout = {sizeof(Head),
                 {offsetof(Head, output) + offsetof(KeyedOutput, rows), offsetof(Head, carried)}};
  return OrderedRows::options_of(std::move(base));
}

std::size_t FramedRows::record_size() { return options_of({}).layout.size; }

state::KeyedTable::PlaceOf FramedRows::place_of(
    unsigned shards, std::function<bool(const OrderedRows::Row&)> pinned) {
  return OrderedRows::place_of(shards, std::move(pinned), record_size());
}

Result<std::span<state::Entry* const>> FramedRows::add(std::span<const OrderedRows::Row> rows) {
  LEAT_TRY(rows_.find_or_create(rows, entries_));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    state::Entry* entry = entries_[i];
    const bool was_there = entry->has(state::Entry::live);
    const std::uint64_t had = was_there ? KeyedOutput::of(entry->record()).row_count : 0;
    rows_.add(entry, rows[i]);
    if (!entry->has(state::Entry::live)) {
      count_.add(-static_cast<std::int64_t>(had));
    } else if (!is_there_(entry)) {
      std::vector<std::string_view> none;
      LEAT_TRY(give(entry, none, {}));
    }
  }
  return entries_;
}

Status FramedRows::for_each(
    unsigned shard, unsigned shards,
    const std::function<void(const OrderedRows::Row& row, std::string_view place)>& visit) const {
  table().for_each_entry({}, {}, [&](const state::Entry* entry) {
    if (is_there_(entry)) visit(rows_.row_of(entry), table().key_of(entry));
    return true;
  });
  return table().for_each_record_in_store(
      {}, {}, [&](std::string_view place, const std::byte* record) {
        const OrderedRows::Row row = rows_.row_of(place, record);
        const bool own = state::KeyedTable::shard_of(state::hash_bytes(row.key), shards) == shard;
        if (own && row.weight > 0) visit(row, place);
        return true;
      });
}

Result<std::vector<FramedRows::Extent>> FramedRows::near(std::span<const OrderedRows::Row> added) {
  std::vector<Change> changes;
  for (std::size_t i = 0; i < added.size(); ++i) {
    changes.push_back({added[i], table().key_of(entries_[i])});
  }
  std::ranges::sort(changes, {}, &Change::at);
  const auto again = std::ranges::unique(changes, {}, &Change::at);
  changes.erase(again.begin(), again.end());
  return extents_of(changes);
}

Result<std::vector<FramedRows::Extent>> FramedRows::extents_of(std::span<const Change> changes) {
  std::vector<Extent> extents;
  while (!changes.empty()) {
    const Change& first = changes.front();
    std::string begin =
        LEAT_TRY(reach_before(first.row, first.at, frames_.rows_after, frames_.us_after));
    std::string end = LEAT_TRY(reach_behind(changes));
    if (!extents.empty()) begin = std::max(begin, extents.back().end);
    extents.push_back({std::move(begin), std::move(end)});
  }
  return extents;
}

/// Where those rows end that the first of the changes is near to, and others that lie among them;
/// takes these changes off.
Result<std::string> FramedRows::reach_behind(std::span<const Change>& changes) {
  const std::string key(changes.front().row.key);
  const std::string key_end = state::end_of_prefix(key);
  std::string end = key_end;
  Change last = changes.front();
  const auto take_first = [&] {
    last = changes.front();
    changes = changes.subspan(1);
  };
  if (!runs()) {
    std::int64_t left = 0;  // of rows that the last change is near to by their number
    LEAT_TRY(table().for_each_row(last.at, key_end, [&](state::Entry* entry) {
      const std::string_view at = table().key_of(entry);
      while (!changes.empty() && changes.front().at <= at) {
        take_first();
        left = frames_.rows_before;
      }
      if (last.at == at || !is_there_(entry)) return true;
      const OrderedRows::Row row = rows_.row_of(entry);
      if (left <= 0 && !is_near(last.row.order, row.order, frames_.us_before)) {
        end = at;
        return false;
      }
      left -= row.weight;
      return true;
    }));
  }
  while (!changes.empty() && changes.front().row.key == key && is_before(changes.front().at, end)) {
    take_first();
  }
  return end;
}

Result<std::string> FramedRows::reach_before(const OrderedRows::Row& row, std::string_view at,
                                             std::int64_t rows, std::int64_t us) {
  std::string begin = place_of(row, at);
  if (us > 0 && time_of(row.order) != no_time) {
    begin = std::min(begin, joined(row.key, order_at(add_saturated(time_of(row.order), -us))));
  }
  std::string_view place = at;
  while (rows > 0) {
    const state::Entry* entry = LEAT_TRY(table().last_entry(row.key, place, is_there_));
    if (entry == nullptr) break;
    const OrderedRows::Row before = rows_.row_of(entry);
    place = table().key_of(entry);
    begin = std::min(begin, place_of(before, place));
    rows -= before.weight;
  }
  return begin;
}

std::string FramedRows::place_of(const OrderedRows::Row& row, std::string_view at) const {
  return frames_.peers ? joined(row.key, row.order) : std::string(at);
}

/// Of a row and one behind it: they are ordered alike, or their times lie no further apart.
bool FramedRows::is_near(std::string_view order, std::string_view behind, std::int64_t us) const {
  if (frames_.peers && order == behind) return true;
  if (us == 0 || time_of(order) == no_time || time_of(behind) == no_time) return false;
  return time_of(behind) <= add_saturated(time_of(order), us);
}

std::int64_t FramedRows::time_of(std::string_view order) const {
  const auto first = static_cast<unsigned char>(order[0]);
  if (first == 0 || first == 0xFF) return no_time;
  if (!frames_.order[0].descending) return window_end_of(order, 0);
  // Turned over, -x - 1 stands for x.
  return ~window_end_of(turned_over(order.substr(0, window_time_bytes)), 0);
}

std::string FramedRows::order_at(std::int64_t time) const {
  std::string order;
  const bool descending = frames_.order[0].descending;
  append_window_time(descending ? ~time : time, order);
  return descending ? turned_over(order) : order;
}

/// Whether the row looks at none of those before it, the last of which was at this time.
bool FramedRows::begins_anew(const OrderedRows::Row& row,
                             std::optional<std::int64_t>& last_time) const {
  if (!gap_us_) return false;
  const std::int64_t time = time_of(row.order);
  const auto last = std::exchange(last_time, time);
  return last && !look_at_each_other(*last, time);
}

Status FramedRows::read(const Extent& extent, std::size_t rows_max, Stretch& stretch) {
  stretch = {};
  const state::Entry* first = LEAT_TRY(table().first_entry(extent.begin, extent.end, is_there_));
  if (first == nullptr) return {};
  const OrderedRows::Row first_row = rows_.row_of(first);
  const std::string from = LEAT_TRY(
      reach_before(first_row, table().key_of(first), frames_.rows_before, frames_.us_before));
  std::optional<std::int64_t> last_time;
  if (runs()) {
    const state::Entry* before = LEAT_TRY(last_before(first_row.key, from));
    if (before != nullptr) {
      if (gap_us_) last_time = time_of(rows_.row_of(before).order);
      stretch.carried = reinterpret_cast<const Head*>(before->record())->carried.view();
      stretch.broken = stretch.carried.empty();
    }
  }
  std::size_t wanted = 0;
  std::int64_t behind = frames_.rows_after;  // that the last row looks at by their number
  std::string_view last_order;
  return table().for_each_row(from, state::end_of_prefix(first_row.key), [&](state::Entry* entry) {
    if (!is_there_(entry)) return true;
    const std::string_view at = table().key_of(entry);
    const OrderedRows::Row row = rows_.row_of(entry);
    const bool inside = at >= extent.begin && is_before(at, extent.end);
    if (begins_anew(row, last_time)) {
      if (wanted > 0) {
        if (inside && !stretch.rest) stretch.rest = {std::string(at), extent.end};
        return false;
      }
      stretch = {};
    }
    const bool fits = inside && wanted < rows_max;
    if (fits) {
      ++wanted;
      last_order = row.order;
    } else if (at >= extent.begin) {
      if (inside && !stretch.rest) stretch.rest = {std::string(at), extent.end};
      if (behind <= 0 && !is_near(last_order, row.order, frames_.us_after)) return false;
      behind -= row.weight;
    }
    stretch.rows.push_back({entry, row.bytes, row.weight, fits});
    return true;
  });
}

std::pair<FramedRows::Extent, FramedRows::Extent> FramedRows::halves_of(
    const Stretch& stretch) const {
  std::vector<std::string_view> wanted;
  for (const Stretch::Row& row : stretch.rows) {
    if (row.wanted) wanted.push_back(table().key_of(row.entry));
  }
  const std::string middle(wanted[wanted.size() / 2]);
  return {{std::string(wanted.front()), middle}, {middle, std::string(wanted.back()) + '\0'}};
}

Status FramedRows::give(state::Entry* entry, std::vector<std::string_view>& rows,
                        std::string_view carried) {
  LEAT_TRY(writer_.replace(entry, rows));
  if (reinterpret_cast<const Head*>(entry->record())->carried.view() == carried) return {};
  table().touch(entry);
  table().set_blob(entry, 1, carried);
  return {};
}

}  // namespace leat::op
