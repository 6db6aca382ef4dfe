#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "model/type.h"
#include "sql/handles.h"
#include "sql/program.h"

namespace leat::sql {
namespace {

std::int64_t* numbers_of(duckdb_vector vector) {
  return static_cast<std::int64_t*>(duckdb_vector_get_data(vector));
}

/// Cheap where the type is a plain one: this is asked for every column of every chunk.
bool have_same_type(duckdb_vector left, duckdb_vector right) {
  const LogicalType one(duckdb_vector_get_column_type(left));
  const LogicalType other(duckdb_vector_get_column_type(right));
  const duckdb_type id = duckdb_get_type_id(one.get());
  if (id != duckdb_get_type_id(other.get())) return false;
  switch (id) {
    case DUCKDB_TYPE_VARCHAR:  // JSON is one with another name
    case DUCKDB_TYPE_DECIMAL:
    case DUCKDB_TYPE_ENUM:
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_MAP:
    case DUCKDB_TYPE_UNION:
      return Type::from_logical(one.get()) == Type::from_logical(other.get());
    default:
      return true;
  }
}

/// DuckDB takes a vector of another type for damage to itself, and answers nothing any more.
Status check_columns(const Chunk& chunk, duckdb_data_chunk out, std::size_t columns) {
  if (columns > chunk.column_count()) {
    return internal_error("chunk-mismatch", "a chunk of {} columns where a program reads {}",
                          chunk.column_count(), columns);
  }
  for (std::size_t i = 0; i < columns; ++i) {
    const duckdb_vector wanted = duckdb_data_chunk_get_vector(out, i);
    if (have_same_type(wanted, chunk.vector(i))) continue;
    const auto name = [](duckdb_vector vector) {
      const LogicalType type(duckdb_vector_get_column_type(vector));
      return Type::from_logical(type.get()).to_sql();
    };
    return internal_error("chunk-mismatch", "column {} of a chunk is {} where a program reads {}",
                          i, name(chunk.vector(i)), name(wanted));
  }
  return {};
}

/// Makes the first columns those of the chunk: these of its rows, by reference. `rows`: ascending.
void refer_to(const Chunk& chunk, std::span<const std::uint32_t> rows, duckdb_data_chunk out,
              std::size_t columns) {
  for (std::size_t i = 0; i < columns; ++i) {
    duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(out, i), chunk.vector(i));
  }
  if (rows.size() == chunk.size()) return;
  const SelectionHandle selection(duckdb_create_selection_vector(rows.size()));
  std::ranges::copy(rows, duckdb_selection_vector_get_data_ptr(selection.get()));
  for (std::size_t i = 0; i < columns; ++i) {
    duckdb_slice_vector(duckdb_data_chunk_get_vector(out, i), selection.get(), rows.size());
  }
}

/// Gives one chunk, or a part of it, and then nothing.
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
    LEAT_TRY(check_columns(chunk_, out, columns));
    refer_to(chunk_, row_numbers(begin_ + count_).subspan(begin_), out, columns);
    std::size_t column = columns;
    if (with_row_) {
      std::int64_t* numbers = numbers_of(duckdb_data_chunk_get_vector(out, column++));
      std::iota(numbers, numbers + count_, static_cast<std::int64_t>(begin_));
    }
    if (with_weight_) fill_weights(duckdb_data_chunk_get_vector(out, column));
    duckdb_data_chunk_set_size(out, count_);
    return {};
  }

 private:
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

/// Gives chosen rows of one chunk after the other, with their numbers. One without any would end
/// the input, and is passed over.
class ChosenRowsInput final : public ChunkInput {
 public:
  ChosenRowsInput(std::vector<ChosenRows> rows, bool with_row)
      : rows_(std::move(rows)), with_row_(with_row) {}

  Status fill(duckdb_data_chunk out) override {
    while (next_ < rows_.size() && rows_[next_].rows.empty()) ++next_;
    if (next_ == rows_.size()) {
      duckdb_data_chunk_set_size(out, 0);
      return {};
    }
    const ChosenRows& chosen = rows_[next_++];
    const std::size_t columns = duckdb_data_chunk_get_column_count(out) - std::size_t{with_row_};
    LEAT_TRY(check_columns(*chosen.chunk, out, columns));
    refer_to(*chosen.chunk, chosen.rows, out, columns);
    if (with_row_) {
      std::int64_t* numbers = numbers_of(duckdb_data_chunk_get_vector(out, columns));
      for (std::size_t i = 0; i < chosen.rows.size(); ++i) {
        numbers[i] = chosen.first_number + chosen.rows[i];
      }
    }
    duckdb_data_chunk_set_size(out, chosen.rows.size());
    return {};
  }

 private:
  const std::vector<ChosenRows> rows_;
  const bool with_row_;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<ChunkInput> input_of(const Chunk& chunk, std::span<const std::int64_t> weights,
                                     bool with_row, bool with_weight, std::size_t begin,
                                     std::size_t count) {
  return std::make_unique<OneChunkInput>(chunk, weights, with_row, with_weight, begin, count);
}

std::span<const std::uint32_t> row_numbers(std::size_t count) {
  static const std::vector<std::uint32_t> numbers = [] {
    std::vector<std::uint32_t> all(chunk_rows_max);
    std::iota(all.begin(), all.end(), 0u);
    return all;
  }();
  return std::span(numbers).first(count);
}

std::unique_ptr<ChunkInput> input_of(std::vector<ChosenRows> rows, bool with_row) {
  return std::make_unique<ChosenRowsInput>(std::move(rows), with_row);
}

std::unique_ptr<ChunkInput> input_of(std::span<const Chunk> chunks, bool with_row,
                                     std::size_t begin, std::size_t count) {
  std::vector<ChosenRows> rows;
  std::int64_t first_number = 0;
  for (const Chunk& chunk : chunks) {
    const std::size_t before = std::min(begin, chunk.size());
    const std::size_t taken = std::min(count, chunk.size() - before);
    rows.push_back({&chunk, row_numbers(before + taken).subspan(before), first_number});
    first_number += static_cast<std::int64_t>(chunk.size());
    begin -= before;
    count -= taken;
  }
  return input_of(std::move(rows), with_row);
}

}  // namespace leat::sql
