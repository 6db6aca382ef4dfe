#include "operator/expiry.h"

#include <algorithm>
#include <cstring>

#include "model/vector_access.h"
#include "operator/definition_record.h"
#include "state/hash.h"

namespace leat::op {
namespace {

constexpr std::size_t time_bytes = sizeof(EventTimeUs);
/// How often groups that are not in memory are looked for when nothing comes in: as often in a time
/// to live, with so many microseconds in between at least.
constexpr std::int64_t looks_in_a_life = 100;
constexpr std::int64_t look_every_min_us = 100'000;
constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;  // so that bytes are in order of time

state::TableOptions options_of(state::TableOptions base) {
  base.layout = {sizeof(std::uint64_t), {}};
  base.versioned = false;
  base.ordered = true;
  return base;
}

}  // namespace

Expiry::Expiry(state::TableOptions base, unsigned shards, const TimeToLive& ttl)
    : ttl_(ttl),
      length_us_(add_saturated(ttl.length_us, ttl.behind_us)),
      table_(options_of(std::move(base)), shards,
             [shards](std::string_view pair, const std::byte*) {
               const std::string_view group = pair.substr(time_bytes);
               return state::KeyedTable::Place{
                   state::KeyedTable::shard_of(state::hash_bytes(group), shards), false};
             }),
      shards_(shards) {}

EventTimeUs Expiry::now(const EpochContext& context) const {
  if (ttl_.by == TimeToLive::By::processing_time) return context.now;
  // When the input has ended time has not: a later run goes on from here.
  return context.watermark == end_of_time ? no_watermark : context.watermark;
}

EventTimeUs Expiry::touch_time(const EpochContext& context, EventTimeUs row_time) const {
  if (ttl_.by == TimeToLive::By::event_time && row_time != no_watermark) return row_time;
  return now(context);
}

std::string Expiry::pair_of(EventTimeUs time, std::string_view group) {
  const std::uint64_t ordered = __builtin_bswap64(static_cast<std::uint64_t>(time) ^ sign_bit);
  std::string pair(reinterpret_cast<const char*>(&ordered), time_bytes);
  return pair.append(group);
}

EventTimeUs Expiry::time_of(std::string_view pair) {
  std::uint64_t ordered;
  std::memcpy(&ordered, pair.data(), time_bytes);
  return static_cast<EventTimeUs>(__builtin_bswap64(ordered) ^ sign_bit);
}

Status Expiry::watch(unsigned shard, std::string_view group, EventTimeUs touched) {
  state::KeyedShard& table = table_.shard(shard);
  const std::string pair = pair_of(touched, group);
  const state::KeyedShard::Key key{pair, state::hash_bytes(pair)};
  const auto lock = table.lock();
  std::vector<state::Entry*> entries;
  LEAT_TRY(table.find_or_create({&key, 1}, entries));
  if (!entries[0]->has(state::Entry::live)) table.touch(entries[0]);
  shards_[shard].first = std::min(shards_[shard].first, touched);
  shards_[shard].taken = std::min(shards_[shard].taken, add_saturated(touched, -1));
  return {};
}

bool Expiry::is_of(std::string_view pair, unsigned shard) const {
  const std::uint64_t hash = state::hash_bytes(pair.substr(time_bytes));
  return state::KeyedTable::shard_of(hash, static_cast<unsigned>(shards_.size())) == shard;
}

Status Expiry::take_due(unsigned shard, EventTimeUs now, std::vector<std::string>& groups) {
  Shard& at = shards_[shard];
  const EventTimeUs last = add_saturated(now, -length_us_);
  state::KeyedShard& table = table_.shard(shard);
  const auto lock = table.lock();
  at.complete = table.is_complete();
  if (now == no_watermark || last <= at.taken || (at.complete && at.first > last)) return {};
  const std::string begin = at.taken == no_watermark ? "" : pair_of(at.taken + 1, {});
  const std::string end = pair_of(add_saturated(last, 1), {});
  std::vector<std::string> pairs = LEAT_TRY(
      table.remove_range(begin, end, [&](std::string_view pair) { return is_of(pair, shard); }));
  for (std::string& pair : pairs) groups.push_back(pair.erase(0, time_bytes));
  at.taken = last;
  at.first = end_of_time;
  table.for_each_in_memory({}, {}, [&](std::string_view pair) {
    at.first = time_of(pair);
    return false;
  });
  return {};
}

EventTimeUs Expiry::wakes_at() const {
  if (ttl_.by == TimeToLive::By::event_time) return end_of_time;
  EventTimeUs first = end_of_time;
  for (const Shard& shard : shards_) {
    first = std::min(first, shard.first);
    if (shard.complete) continue;
    // What is in the store alone is looked for now and then.
    const std::int64_t step = std::max(length_us_ / looks_in_a_life, look_every_min_us);
    first = std::min(first, add_saturated(shard.taken, step));
  }
  return add_saturated(first, length_us_);
}

void find_times(const Chunk& rows, std::size_t column, std::vector<EventTimeUs>& times) {
  const duckdb_vector vector = rows.vector(column);
  const auto* values = static_cast<const std::int64_t*>(duckdb_vector_get_data(vector));
  const std::uint64_t* validity = duckdb_vector_get_validity(vector);
  times.resize(rows.size());
  for (std::size_t row = 0; row < times.size(); ++row) {
    times[row] = is_valid(validity, row) ? values[row] : no_watermark;
  }
}

}  // namespace leat::op
