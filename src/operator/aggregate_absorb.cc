#include <algorithm>

#include "operator/aggregate_view.h"

namespace leat::op {

Status AggregateViewOperator::absorb(unsigned worker, const EpochContext&, std::size_t,
                                     const ChangeChunk& input, std::vector<LateRow>& late) {
  if (input.rows.size() == 0) return {};
  const ProgramPool::Lease pre = LEAT_TRY(pre_.borrow());
  const auto rows = sql::input_of(input.rows, input.weights, true, query_.weighted);
  // Nothing counts before the whole chunk has gone through: a later row may fail.
  std::vector<Chunk> results;
  LEAT_TRY(pre->run(*rows, [&](Chunk result) -> Status {
    results.push_back(std::move(result));
    return {};
  }));
  std::vector<AggregateWork*> works;
  std::vector<EventTimeUs> row_times;
  if (view_.ttl && view_.ttl->by == TimeToLive::By::event_time) {
    find_times(input.rows, view_.ttl->time_column, row_times);
  }
  for (Chunk& result : results) {
    std::unique_ptr<AggregateWork> work = pending_.fresh(worker);
    fill(*work, std::move(result), input.order, late);
    const std::int64_t* input_rows = input_rows_of(*work);
    work->times.resize(row_times.empty() ? 0 : work->rows.size());
    for (std::size_t row = 0; row < work->times.size(); ++row) {
      work->times[row] = row_times[static_cast<std::size_t>(input_rows[row])];
    }
    works.push_back(work.get());
    pending_.add(worker, std::move(work));
  }
  if (!late.empty() && !in_panes_) count_windows(works, late);
  return {};
}

void AggregateViewOperator::fill(AggregateWork& work, Chunk rows, std::uint64_t order,
                                 std::vector<LateRow>& late) const {
  work.rows = std::move(rows);
  work.order = order;
  if (query_.weighted) {
    work.weights = static_cast<const std::int64_t*>(
        duckdb_vector_get_data(work.rows.vector(query_.pre_schema.size() + 1)));
  }
  key_codec_.encode(work.rows, key_columns_, work.keys);
  work.hashes.resize(work.rows.size());
  for (std::size_t row = 0; row < work.hashes.size(); ++row) {
    work.hashes[row] = state::hash_bytes(work.keys[row]);
  }
  work.encoded.resize(encodings_.size());
  for (std::size_t i = 0; i < encodings_.size(); ++i) {
    const std::vector<Type> types = types_of(query_.pre_schema, encodings_[i].columns);
    if (encodings_[i].kind == Accumulator::Encoding::Kind::key) {
      KeyCodec(types).encode(work.rows, encodings_[i].columns, work.encoded[i]);
    } else {
      RowCodec(types).encode(work.rows, encodings_[i].columns, work.encoded[i]);
    }
  }
  if (keeps_windows_) find_window_ends(work);
  if (!in_panes_) {
    find_skipped(work, late);
    work.scatter.assign(work.hashes, work.skip, resources_.shards);
    return;
  }
  find_skipped_in_panes(work, late);
  work.shard_hashes.resize(work.rows.size());
  for (std::size_t row = 0; row < work.shard_hashes.size(); ++row) {
    work.shard_hashes[row] = shard_hash_of(work.keys[row]);
  }
  work.scatter.assign(work.shard_hashes, work.skip, resources_.shards);
}

void AggregateViewOperator::find_window_ends(AggregateWork& work) const {
  const auto [column, width] = *query_.window_key;
  const duckdb_vector vector = work.rows.vector(column);
  const auto* times = static_cast<const std::int64_t*>(duckdb_vector_get_data(vector));
  const std::uint64_t* validity = duckdb_vector_get_validity(vector);
  work.window_ends.resize(work.rows.size());
  for (std::size_t row = 0; row < work.window_ends.size(); ++row) {
    work.window_ends[row] =
        is_valid(validity, row) ? add_saturated(times[row], width) : end_of_time;
  }
}

void AggregateViewOperator::find_skipped(AggregateWork& work, std::vector<LateRow>& late) const {
  work.skip.clear();
  if (work.weights == nullptr && !keeps_windows_) return;
  work.skip.assign(work.rows.size(), 0);
  if (work.weights != nullptr) {
    for (std::size_t row = 0; row < work.skip.size(); ++row) {
      work.skip[row] = work.weights[row] == 0;
    }
  }
  if (!keeps_windows_) return;
  const std::int64_t* input_rows = input_rows_of(work);
  const EventTimeUs gone = clock_.now() == no_watermark
                               ? no_watermark
                               : add_saturated(clock_.now(), -view_.open_for_us());
  for (std::size_t row = 0; row < work.skip.size(); ++row) {
    // A row without a time belongs to no window that could ever close.
    const bool homeless = settles() && work.window_ends[row] == end_of_time;
    if (work.window_ends[row] > gone && !homeless) continue;
    work.skip[row] = 1;
    late.push_back({static_cast<std::uint32_t>(input_rows[row])});
  }
}

/// Makes one of all entries for the windows of a row, and adds in how many others it counts.
void AggregateViewOperator::count_windows(std::span<AggregateWork* const> works,
                                          std::vector<LateRow>& late) const {
  std::ranges::sort(late, {}, &LateRow::row);
  std::size_t kept = 0;
  for (std::size_t i = 1; i < late.size(); ++i) {
    if (late[i].row == late[kept].row) {
      ++late[kept].closed;
    } else {
      late[++kept] = late[i];
    }
  }
  late.resize(kept + 1);
  for (const AggregateWork* work : works) {
    const std::int64_t* input_rows = input_rows_of(*work);
    for (std::size_t row = 0; row < work->skip.size(); ++row) {
      if (work->skip[row] != 0) continue;
      const auto found = std::ranges::lower_bound(late, static_cast<std::uint32_t>(input_rows[row]),
                                                  {}, &LateRow::row);
      if (found != late.end() && found->row == input_rows[row]) ++found->open;
    }
  }
}

const std::int64_t* AggregateViewOperator::input_rows_of(const AggregateWork& work) const {
  return static_cast<const std::int64_t*>(
      duckdb_vector_get_data(work.rows.vector(query_.pre_schema.size())));
}

}  // namespace leat::op
