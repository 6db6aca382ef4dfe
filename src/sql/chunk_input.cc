#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "sql/handles.h"
#include "sql/program.h"

namespace leat::sql {
namespace {

std::int64_t* numbers_of(duckdb_vector vector) {
  return static_cast<std::int64_t*>(duckdb_vector_get_data(vector));
}

/// Gives one chunk, or some of its rows, and then nothing.
class OneChunkInput final : public ChunkInput {
 public:
  OneChunkInput(const Chunk& chunk, std::span<const std::int64_t> weights, bool with_row,
                bool with_weight, std::size_t begin, std::size_t count)
      : chunk_(chunk),
        weights_(weights),
        with_row_(with_row),
        with_weight_(with_weight),
        begin_(std::min(begin, chunk.size())),
        count_(std::min(count, chunk.size() - begin_)) {}

  Status fill(duckdb_data_chunk out) override {
    if (given_ || count_ == 0) {
      duckdb_data_chunk_set_size(out, 0);
      return {};
    }
    given_ = true;
    const std::size_t added = std::size_t{with_row_} + std::size_t{with_weight_};
    const std::size_t columns = duckdb_data_chunk_get_column_count(out) - added;
    LEAT_CHECK(columns <= chunk_.column_count());
    fill_columns(out, columns);
    std::size_t column = columns;
    if (with_row_) fill_rows(duckdb_data_chunk_get_vector(out, column++));
    if (with_weight_) fill_weights(duckdb_data_chunk_get_vector(out, column));
    duckdb_data_chunk_set_size(out, count_);
    return {};
  }

 private:
  void fill_columns(duckdb_data_chunk out, std::size_t columns) {
    if (begin_ == 0 && count_ == chunk_.size()) {
      for (std::size_t i = 0; i < columns; ++i) {
        duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(out, i), chunk_.vector(i));
      }
      return;
    }
    const SelectionHandle selection(duckdb_create_selection_vector(count_));
    sel_t* rows = duckdb_selection_vector_get_data_ptr(selection.get());
    for (std::size_t row = 0; row < count_; ++row) rows[row] = static_cast<sel_t>(begin_ + row);
    for (std::size_t i = 0; i < columns; ++i) {
      duckdb_vector_copy_sel(chunk_.vector(i), duckdb_data_chunk_get_vector(out, i),
                             selection.get(), count_, 0, 0);
    }
  }

  void fill_rows(duckdb_vector out) const {
    std::int64_t* rows = numbers_of(out);
    for (std::size_t row = 0; row < count_; ++row)
      rows[row] = static_cast<std::int64_t>(begin_ + row);
  }

  void fill_weights(duckdb_vector out) const {
    std::int64_t* weights = numbers_of(out);
    if (weights_.empty()) {
      std::fill_n(weights, count_, std::int64_t{1});
    } else {
      LEAT_CHECK(weights_.size() >= begin_ + count_);
      std::memcpy(weights, weights_.data() + begin_, count_ * sizeof(std::int64_t));
    }
  }

  const Chunk& chunk_;
  std::span<const std::int64_t> weights_;
  const bool with_row_;
  const bool with_weight_;
  const std::size_t begin_;
  const std::size_t count_;
  bool given_ = false;
};

}  // namespace

std::unique_ptr<ChunkInput> input_of(const Chunk& chunk, std::span<const std::int64_t> weights,
                                     bool with_row, bool with_weight, std::size_t begin,
                                     std::size_t count) {
  return std::make_unique<OneChunkInput>(chunk, weights, with_row, with_weight, begin, count);
}

}  // namespace leat::sql
