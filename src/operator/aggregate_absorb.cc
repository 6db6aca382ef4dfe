#include "operator/aggregate_view.h"

namespace leat::op {

Status AggregateViewOperator::absorb(unsigned worker, const EpochContext&, const ChangeChunk& input,
                                     std::vector<LateRow>& late) {
  if (input.rows.size() == 0) return {};
  const ProgramPool::Lease pre = LEAT_TRY(pre_.borrow());
  const auto rows = sql::input_of(input.rows, input.weights, true, query_.weighted);
  // Nothing counts before the whole chunk has gone through: a later row may fail.
  std::vector<Chunk> results;
  LEAT_TRY(pre->run(*rows, [&](Chunk result) -> Status {
    results.push_back(std::move(result));
    return {};
  }));
  for (Chunk& result : results) {
    std::unique_ptr<AggregateWork> work = pending_.fresh(worker);
    fill(*work, std::move(result), input.order, late);
    pending_.add(worker, std::move(work));
  }
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
  find_skipped(work, late);
  work.scatter.assign(work.hashes, work.skip, resources_.shards);
}

void AggregateViewOperator::find_window_ends(AggregateWork& work) const {
  const sql::Tumble& tumble = *query_.tumble;
  const std::size_t column = tumble.end_key ? *tumble.end_key : *tumble.start_key;
  const std::int64_t width = tumble.end_key ? 0 : tumble.width_us;
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
  const auto* input_rows = static_cast<const std::int64_t*>(
      duckdb_vector_get_data(work.rows.vector(query_.pre_schema.size())));
  const EventTimeUs gone = closes() ? clock_.now()
                           : clock_.now() == no_watermark
                               ? no_watermark
                               : add_saturated(clock_.now(), -*view_.retain_us);
  for (std::size_t row = 0; row < work.skip.size(); ++row) {
    // A row without a time belongs to no window that could ever close.
    const bool homeless = closes() && work.window_ends[row] == end_of_time;
    if (work.window_ends[row] > gone && !homeless) continue;
    work.skip[row] = 1;
    late.push_back({static_cast<std::uint32_t>(input_rows[row])});
  }
}

}  // namespace leat::op
