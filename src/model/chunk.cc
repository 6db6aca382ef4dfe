#include "model/chunk.h"

#include "base/check.h"

namespace leat {

Chunk::Chunk(const Schema& schema) {
  std::vector<LogicalType> types;
  std::vector<duckdb_logical_type> handles;
  types.reserve(schema.size());
  for (const Column& column : schema) {
    types.push_back(column.type.logical());
    handles.push_back(types.back().get());
  }
  handle_.reset(duckdb_create_data_chunk(handles.data(), handles.size()));
  LEAT_CHECK(handle_ != nullptr);
}

Chunk Chunk::adopt(duckdb_data_chunk handle) {
  Chunk chunk;
  chunk.handle_.reset(handle);
  return chunk;
}

std::size_t Chunk::size() const {
  return handle_ == nullptr ? 0 : duckdb_data_chunk_get_size(handle_.get());
}

void Chunk::set_size(std::size_t rows) {
  LEAT_CHECK(rows <= chunk_rows_max);
  duckdb_data_chunk_set_size(handle_.get(), rows);
}

std::size_t Chunk::column_count() const {
  return handle_ == nullptr ? 0 : duckdb_data_chunk_get_column_count(handle_.get());
}

duckdb_vector Chunk::vector(std::size_t column) const {
  return duckdb_data_chunk_get_vector(handle_.get(), column);
}

void Chunk::reset() { duckdb_data_chunk_reset(handle_.get()); }

}  // namespace leat
