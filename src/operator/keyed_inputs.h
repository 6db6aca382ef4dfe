#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/row_codec.h"
#include "model/vector_access.h"
#include "operator/input_program.h"
#include "operator/pending.h"
#include "operator/view.h"

namespace leat::op {

/// Rows of one of a view's inputs, taken apart into keys and what stands behind them.
struct KeyedWork {
  std::size_t input = 0;
  EncodedRows keys;  // by KeyCodec
  EncodedRows rows;  // by RowCodec: the columns behind the keys, or those that were asked for
  std::vector<std::uint64_t> hashes;
  std::vector<std::int64_t> weights;  // one a row, or empty
  std::vector<EventTimeUs> times;     // of sessions, and of joins
  std::vector<std::string> orders;    // of ranked rows, by RankOrder
  std::vector<std::uint8_t> skip;
  Scatter scatter;
  std::uint64_t order = 0;

  std::int64_t weight(std::uint32_t row) const { return weights.empty() ? 1 : weights[row]; }
  void reset() {
    times.clear();
    skip.clear();
  }

  /// Of a join: rows with a NULL in the first `key_count` columns, which match nothing, get the
  /// time no_watermark.
  void mark_null_keys(const InputRows& rows, std::size_t key_count);
  /// `times` are the column's, no_watermark where one is NULL or infinite. Leaves out rows for
  /// whose time `is_late` holds, and says so of what each was made of, once.
  template <class IsLate>
  void take_times(const InputRows& rows, std::size_t column, const IsLate& is_late,
                  std::vector<LateRow>& late);
};

/// Turns chunks of a view's inputs, whose first columns are keys, into pieces for its shards.
/// Workers at once, each with its own number.
class KeyedInputs {
 public:
  /// `passed`: so many columns behind the keys are none of KeyedWork::rows.
  KeyedInputs(const std::vector<sql::ViewInput>& inputs, std::size_t key_count,
              const std::vector<Schema>& schemas, const Resources& resources,
              std::size_t passed = 0);
  /// Of one input, whose KeyedWork::rows are these columns alone.
  KeyedInputs(const sql::ViewInput& input, std::size_t key_count, const Schema& schema,
              std::vector<std::size_t> row_columns, const Resources& resources);

  Status prepare() { return programs_.prepare(); }

  /// `skip` is asked to mark rows in `KeyedWork::skip` that must not get in; rows of no weight
  /// don't anyway. Error `row-failed` (user): nothing of the chunk was taken in.
  using Skip = std::function<void(const InputRows& rows, KeyedWork& work)>;
  Status absorb(unsigned worker, std::size_t input, const ChangeChunk& changes,
                const Skip& skip = {});

  /// All pieces of the epoch, in order of arrival; each with this shard's rows in `scatter`.
  std::vector<const KeyedWork*> in_order() const { return pending_.in_order(); }
  /// A shard has merged them.
  void merged() { pending_.merged(); }

  const RowCodec& rows_of(std::size_t input) const { return sides_[input].rows; }
  std::size_t count() const { return sides_.size(); }

 private:
  void add_side(const sql::ViewInput& input, std::size_t key_count,
                std::vector<std::size_t> row_columns);

  struct Side {
    KeyCodec keys;
    std::vector<std::size_t> key_columns;
    RowCodec rows;
    std::vector<std::size_t> row_columns;
  };

  const unsigned shards_;
  InputPrograms programs_;
  std::vector<Side> sides_;
  PendingWork<KeyedWork> pending_;
};

template <class IsLate>
void KeyedWork::take_times(const InputRows& rows_read, std::size_t column, const IsLate& is_late,
                           std::vector<LateRow>& late) {
  const duckdb_vector vector = rows_read.rows().vector(column);
  const auto* values = static_cast<const std::int64_t*>(duckdb_vector_get_data(vector));
  const std::uint64_t* validity = duckdb_vector_get_validity(vector);
  times.resize(rows_read.size());
  for (std::size_t row = 0; row < rows_read.size(); ++row) {
    const bool finite = is_valid(validity, row) && duckdb_is_finite_timestamp({values[row]});
    times[row] = finite ? values[row] : no_watermark;
    if (skip[row] != 0 || !is_late(times[row])) continue;
    skip[row] = 1;
    // Several rows may have been made of one.
    const std::uint32_t input_row = rows_read.input_row(row);
    if (late.empty() || late.back().row != input_row) late.push_back({input_row, 0});
  }
}

}  // namespace leat::op
