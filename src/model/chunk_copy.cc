#include "model/chunk_copy.h"

#include <numeric>

#include "base/check.h"

namespace leat {
namespace {

/// Row numbers in the form that DuckDB takes them.
class Selection {
 public:
  explicit Selection(std::size_t size) : handle_(duckdb_create_selection_vector(size)) {}
  ~Selection() { duckdb_destroy_selection_vector(handle_); }
  Selection(const Selection&) = delete;
  Selection& operator=(const Selection&) = delete;
  duckdb_selection_vector handle() const { return handle_; }
  sel_t* data() const { return duckdb_selection_vector_get_data_ptr(handle_); }

 private:
  duckdb_selection_vector handle_;
};

Chunk laid_out_like(const Chunk& from) {
  std::vector<LogicalType> types;
  std::vector<duckdb_logical_type> handles;
  for (std::size_t i = 0; i < from.column_count(); ++i) {
    types.emplace_back(duckdb_vector_get_column_type(from.vector(i)));
    handles.push_back(types.back().get());
  }
  return Chunk::adopt(duckdb_create_data_chunk(handles.data(), handles.size()));
}

}  // namespace

void append_rows(const Chunk& from, std::span<const std::uint32_t> rows, Chunk& to) {
  if (rows.empty()) return;
  const std::size_t begin = to.size();
  LEAT_CHECK(begin + rows.size() <= chunk_rows_max && from.column_count() == to.column_count());
  const Selection selection(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    LEAT_CHECK(rows[i] < from.size());
    selection.data()[i] = rows[i];
  }
  for (std::size_t column = 0; column < from.column_count(); ++column) {
    duckdb_vector_copy_sel(from.vector(column), to.vector(column), selection.handle(), rows.size(),
                           0, begin);
  }
  to.set_size(begin + rows.size());
}

void append_row(const Chunk& from, std::size_t row, Chunk& to) {
  const auto number = static_cast<std::uint32_t>(row);
  append_rows(from, {&number, 1}, to);
}

Chunk copy_of(const Chunk& from) {
  std::vector<std::uint32_t> rows(from.size());
  std::iota(rows.begin(), rows.end(), 0u);
  return copy_of(from, rows);
}

Chunk copy_of(const Chunk& from, std::span<const std::uint32_t> rows) {
  Chunk copy = laid_out_like(from);
  append_rows(from, rows, copy);
  return copy;
}

}  // namespace leat
