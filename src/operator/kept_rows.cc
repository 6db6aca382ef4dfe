#include "operator/kept_rows.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "model/column_types.h"
#include "operator/definition_record.h"
#include "sql/program.h"
#include "state/hash.h"

namespace leat::op {
namespace {

std::int64_t number_in(const std::byte* record) {
  std::int64_t number = 0;
  if (record != nullptr) std::memcpy(&number, record, sizeof number);
  return number;
}

/// How many rows a weight stands for.
std::int64_t rows_of(std::int64_t weight) { return std::max<std::int64_t>(weight, 0); }

}  // namespace

KeptRows::KeptRows(const std::string& name, const SelectView& view, const Resources& resources,
                   state::Family& family)
    : name_(name),
      view_(view),
      resources_(resources),
      family_(family),
      codec_(types_of(view.output)),
      rows_(resources.table_options(family_, rows_prefix, {record_size(), {}}), resources.shards,
            [this](std::string_view key, const std::byte* record) {
              state::KeyedTable::Place place;
              if (!is_plain()) {
                const Head& head = *reinterpret_cast<const Head*>(record);
                if (head.key_size > 0) key = key.substr(0, head.key_size);
                place.pinned = head.waits != 0 || (has_windows() && view_.retain_us);
              }
              place.shard = state::KeyedTable::shard_of(state::hash_bytes(key), resources_.shards);
              return place;
            }) {
  if (!view_.unique.empty()) {
    state::TableOptions options =
        resources.table_options(family_, details_prefix_of(0), {sizeof(std::int64_t), {}});
    options.versioned = false;
    keys_ = std::make_unique<state::KeyedTable>(std::move(options), resources.shards);
  }
  for (unsigned i = 0; i < resources.shards; ++i) {
    Shard& shard = shards_.emplace_back();
    shard.eviction = std::make_unique<EvictionPolicy>(resources);
    shard.tables.push_back(&rows_.shard(i));
    if (keys_) shard.tables.push_back(&keys_->shard(i));
  }
}

std::int64_t KeptRows::shown_in(const std::byte* record) const {
  if (record == nullptr || !paces()) return number_in(record);
  return reinterpret_cast<const Head*>(record)->shown;
}

std::string_view KeptRows::row_in(std::string_view key, const std::byte* record) const {
  return is_plain() ? key : key.substr(reinterpret_cast<const Head*>(record)->key_size);
}

void KeptRows::begin(unsigned index, Epoch epoch) {
  Shard& shard = shards_[index];
  for (state::KeyedShard* table : shard.tables) table->begin(epoch);
  shard.eviction->apply(shard.tables);
  shard.keys.clear();
}

/// An entry's key is the row, behind the values that no two rows may share.
void KeptRows::find_row_keys(const Rows& rows, std::span<const std::uint32_t> of_shard,
                             Shard& shard) const {
  shard.row_keys.clear();
  if (!keys_) {
    for (const std::uint32_t row : of_shard) {
      shard.row_keys.push_back({rows.rows[row], state::hash_bytes(rows.rows[row])});
    }
    return;
  }
  shard.joined.clear();
  for (const std::uint32_t row : of_shard) shard.joined.add({rows.keys[row], rows.rows[row]});
  shard.joined.keys_into(shard.row_keys);
}

Status KeptRows::add(unsigned index, const Rows& rows, std::span<const std::uint32_t> of_shard) {
  Shard& shard = shards_[index];
  state::KeyedShard& table = rows_.shard(index);
  find_row_keys(rows, of_shard, shard);
  {
    const auto lock = table.lock();
    LEAT_TRY(table.find_or_create(shard.row_keys, shard.entries));
    for (std::size_t i = 0; i < of_shard.size(); ++i) {
      std::byte* record = table.touch(shard.entries[i]);
      const std::int64_t before = number_in(record);
      const std::int64_t now = before + (rows.weights.empty() ? 1 : rows.weights[of_shard[i]]);
      std::memcpy(record, &now, sizeof now);
      if (!paces()) row_count_.add(rows_of(now) - rows_of(before));
      if (!is_plain()) note(shard.entries[i], rows, of_shard[i], shard, table);
    }
  }
  return keys_ ? count_keys(index, rows, of_shard) : Status();
}

/// What is to be known of a row besides its weight.
void KeptRows::note(state::Entry* entry, const Rows& rows, std::uint32_t row, Shard& shard,
                    state::KeyedShard& table) const {
  Head& head = head_of(entry);
  if (keys_) head.key_size = static_cast<std::uint32_t>(rows.keys[row].size());
  if (has_windows()) head.window_end = rows.window_ends[row];
  const bool retains = has_windows() && view_.retain_us;
  if (retains && !entry->has(state::Entry::pinned)) shard.retained.add(head.window_end, entry);
  if (paces() && head.waits == 0) {
    head.waits = 1;
    shard.waiting.push_back(entry);
  }
  if (retains || paces()) table.pin(entry);
}

Status KeptRows::count_keys(unsigned index, const Rows& rows,
                            std::span<const std::uint32_t> of_shard) {
  Shard& shard = shards_[index];
  state::KeyedShard& table = keys_->shard(index);
  shard.row_keys.clear();
  for (const std::uint32_t row : of_shard) {
    shard.row_keys.push_back({rows.keys[row], state::hash_bytes(rows.keys[row])});
  }
  const auto lock = table.lock();
  LEAT_TRY(table.find_or_create(shard.row_keys, shard.entries));
  for (std::size_t i = 0; i < of_shard.size(); ++i) {
    std::byte* record = table.touch(shard.entries[i]);
    const std::int64_t now =
        number_in(record) + (rows.weights.empty() ? 1 : rows.weights[of_shard[i]]);
    std::memcpy(record, &now, sizeof now);
    shard.keys.push_back(shard.entries[i]);
  }
  return {};
}

Status KeptRows::finish(unsigned index, const EpochContext& context) {
  if (keys_) LEAT_TRY(check_keys(index));
  state::KeyedShard& table = rows_.shard(index);
  const auto lock = table.lock();
  if (paces()) {
    give_out(index, context);
  } else {
    for (std::size_t i = 0; i < table.touched().size(); ++i) {
      state::Entry* entry = table.touched()[i];
      if (number_in(entry->record()) == 0) table.remove(entry);
    }
  }
  table.publish_counts();
  return {};
}

Status KeptRows::check_keys(unsigned index) {
  state::KeyedShard& table = keys_->shard(index);
  const auto lock = table.lock();
  for (state::Entry* entry : shards_[index].keys) {
    const std::int64_t count = entry->has(state::Entry::live) ? number_in(entry->record()) : 0;
    if (count > 1) return refuse_key(table.key_of(entry));
    if (count == 0) table.remove(entry);
  }
  table.publish_counts();
  return {};
}

/// Stops the pipeline: nothing of the epoch is committed, and whoever reads the view by its key
/// would have lost one of the rows.
Status KeptRows::refuse_key(std::string_view key) const {
  std::vector<Column> columns;
  std::vector<std::string> names, texts;
  std::vector<std::size_t> places;
  for (const std::size_t column : view_.unique) {
    places.push_back(columns.size());
    names.push_back(view_.output[column].name);
    texts.push_back(fmt::format("coalesce(k{}::VARCHAR, 'NULL')", columns.size()));
    columns.push_back({fmt::format("k{}", columns.size()), view_.output[column].type});
  }
  const Schema schema(std::move(columns));
  std::string shown;
  Chunk values(schema);
  const auto program =
      sql::Program::prepare(LEAT_TRY(resources_.database.connect()),
                            fmt::format("SELECT concat_ws(', ', {}) FROM {}()",
                                        fmt::join(texts, ", "), sql::input_function),
                            {schema});
  const std::string_view keys[] = {key};
  if (program && KeyCodec(types_of(schema)).decode(keys, places, values, 0)) {
    values.set_size(1);
    const auto rows = sql::input_of(values, {}, false, false);
    LEAT_TRY((*program)->run(*rows, [&](Chunk result) -> Status {
      auto* text = static_cast<duckdb_string_t*>(duckdb_vector_get_data(result.vector(0)));
      shown.assign(duckdb_string_t_data(text), duckdb_string_t_length(*text));
      return {};
    }));
  }
  return user_error("key-not-unique",
                    "view `{}` has two rows or more with the key {} = {}; add the columns to "
                    "`key:` that tell them apart, or make the query give one row for each",
                    name_, fmt::join(names, ", "), shown);
}

/// Whether all changes leave in this epoch. The first shard that asks decides for all.
bool KeptRows::is_due(const EpochContext& context) {
  const std::lock_guard lock(pace_.mutex);
  if (pace_.epoch == context.epoch) return pace_.all;
  if (pace_.all && pace_.gave) pace_.given_out = pace_.now;
  pace_.epoch = context.epoch;
  pace_.now = context.now;
  pace_.gave = false;
  pace_.all = context.watermark == end_of_time ||
              context.now >= add_saturated(pace_.given_out, *view_.pace_us);
  return pace_.all;
}

/// Lets changes go whose time has come: all of them when the last ones left long enough ago, and
/// those of windows that have ended.
void KeptRows::give_out(unsigned index, const EpochContext& context) {
  Shard& shard = shards_[index];
  state::KeyedShard& table = rows_.shard(index);
  const bool all = is_due(context);
  const bool moved = context.watermark > std::exchange(shard.watermark, context.watermark);
  if (!all && !(moved && has_windows() && view_.ends_leave)) return;
  if (all && !shard.waiting.empty()) {
    const std::lock_guard lock(pace_.mutex);
    pace_.gave = true;
  }
  const bool retains = has_windows() && view_.retain_us;
  std::erase_if(shard.waiting, [&](state::Entry* entry) {
    if (!all && head_of(entry).window_end > context.watermark) return false;
    table.touch(entry);
    Head& head = head_of(entry);
    row_count_.add(rows_of(head.weight) - rows_of(head.shown));
    head.shown = head.weight;
    head.waits = 0;
    if (head.weight == 0) table.remove(entry);
    if (!retains) table.unpin(entry);
    return true;
  });
}

Status KeptRows::write_changes(unsigned index, ChangeWriter& writer) const {
  const state::KeyedShard& table = const_cast<state::KeyedTable&>(rows_).shard(index);
  for (state::Entry* entry : table.touched()) {
    const std::byte* before = table.before(entry);
    const std::int64_t now = entry->has(state::Entry::live) ? shown_in(entry->record()) : 0;
    const std::int64_t change = now - shown_in(before);
    if (change == 0) continue;
    const std::byte* record = before == nullptr ? entry->record() : before;
    LEAT_TRY(writer.add(row_in(table.key_of(entry), record), change));
  }
  return writer.flush();
}

/// Without a change, as windows that are forgotten do.
Status KeptRows::forget(unsigned index, const EpochContext& context) {
  const EventTimeUs time = context.watermark;
  if (!view_.retain_us || !has_windows() || time == no_watermark || time == end_of_time) return {};
  Shard& shard = shards_[index];
  const std::vector<state::Entry*> forgotten =
      shard.retained.take_until(add_saturated(time, -*view_.retain_us));
  if (forgotten.empty()) return {};
  state::KeyedShard& table = rows_.shard(index);
  std::vector<state::KeyedShard::Key> keys;
  {
    const auto lock = table.lock();
    for (state::Entry* entry : forgotten) {
      if (entry->has(state::Entry::live)) {
        row_count_.add(-rows_of(shown_in(entry->record())));
        const std::string_view key = table.key_of(entry).substr(0, head_of(entry).key_size);
        if (keys_) keys.push_back({key, state::hash_bytes(key)});
        table.remove(entry);
      }
      table.unpin(entry);
    }
    table.publish_counts();
  }
  if (!keys_) return {};
  const auto lock = keys_->shard(index).lock();
  LEAT_TRY(keys_->shard(index).find_or_create(keys, shard.entries));
  for (state::Entry* entry : shard.entries) keys_->shard(index).remove(entry);
  return {};
}

void KeptRows::persist(unsigned index, state::CommitBatch& batch) {
  for (state::KeyedShard* table : shards_[index].tables) table->persist(batch);
  if (index == 0) row_count_.persist(family_, batch);
}

Status KeptRows::restore() {
  LEAT_TRY(row_count_.restore(resources_.store, family_));
  const std::size_t bytes_max = resources_.bytes_max_a_shard();
  if (keys_) LEAT_TRY(keys_->restore(bytes_max));
  return rows_.restore(bytes_max, [&](unsigned index, state::Entry* entry) {
    if (!entry->has(state::Entry::pinned)) return;
    const Head& head = head_of(entry);
    if (head.waits != 0) shards_[index].waiting.push_back(entry);
    if (has_windows() && view_.retain_us) shards_[index].retained.add(head.window_end, entry);
  });
}

Status KeptRows::scan(const state::Snapshot& snapshot,
                      const std::function<bool(const Chunk&)>& row_sink) const {
  std::vector<std::string_view> rows;
  Status decoded;
  bool wanted = true;
  const auto flush = [&] {
    if (rows.empty()) return;
    Chunk chunk(view_.output);
    decoded = codec_.decode(rows, chunk, 0);
    chunk.set_size(rows.size());
    wanted = decoded.has_value() && row_sink(chunk);
    rows.clear();
  };
  LEAT_TRY(rows_.scan(snapshot, [&](const state::KeyedTable::Piece& piece) {
    for (std::size_t i = 0; i < piece.keys.size() && wanted; ++i) {
      const std::byte* record = piece.records.data() + i * record_size();
      for (std::int64_t left = shown_in(record); left > 0 && wanted; --left) {
        rows.push_back(row_in(piece.keys[i], record));
        if (rows.size() == chunk_rows_max) flush();
      }
    }
    if (wanted) flush();  // keys stay for the call only
    return wanted;
  }));
  return decoded;
}

std::uint64_t KeptRows::memory_bytes() const {
  return rows_.memory_bytes() + (keys_ ? keys_->memory_bytes() : 0);
}

EventTimeUs KeptRows::wakes_at() const {
  const auto waits = [](const Shard& shard) { return !shard.waiting.empty(); };
  if (std::ranges::none_of(shards_, waits)) return end_of_time;
  const std::lock_guard lock(pace_.mutex);
  const EventTimeUs last = pace_.all && pace_.gave ? pace_.now : pace_.given_out;
  return add_saturated(last, *view_.pace_us);
}

}  // namespace leat::op
