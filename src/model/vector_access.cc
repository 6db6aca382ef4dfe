#include "model/vector_access.h"

#include <algorithm>

#include "base/check.h"

namespace leat {
namespace {

duckdb_vector child_of(const VectorShape& shape, duckdb_vector vector, std::size_t index) {
  switch (shape.kind) {
    case VectorShape::Kind::list:
      return duckdb_list_vector_get_child(vector);
    case VectorShape::Kind::array:
      return duckdb_array_vector_get_child(vector);
    default:
      return duckdb_struct_vector_get_child(vector, index);
  }
}

}  // namespace

VectorReader::VectorReader(const VectorShape& shape, duckdb_vector vector)
    : shape_(&shape),
      data_(static_cast<const char*>(duckdb_vector_get_data(vector))),
      validity_(duckdb_vector_get_validity(vector)) {
  children_.reserve(shape.children.size());
  for (std::size_t i = 0; i < shape.children.size(); ++i) {
    children_.emplace_back(shape.children[i], child_of(shape, vector, i));
  }
}

VectorWriter::VectorWriter(const VectorShape& shape, duckdb_vector vector)
    : shape_(&shape), vector_(vector) {
  children_.reserve(shape.children.size());
  for (std::size_t i = 0; i < shape.children.size(); ++i) {
    children_.emplace_back(shape.children[i], child_of(shape, vector, i));
  }
  if (shape.kind == VectorShape::Kind::list) list_size_ = duckdb_list_vector_get_size(vector);
  bind();
}

void VectorWriter::bind() {
  data_ = static_cast<char*>(duckdb_vector_get_data(vector_));
  validity_ = duckdb_vector_get_validity(vector_);
  // A list's elements do not move when the list vector grows.
  if (shape_->kind == VectorShape::Kind::list) return;
  for (VectorWriter& child : children_) child.bind();
}

void VectorWriter::set_null(std::size_t row) {
  if (validity_ == nullptr) {
    duckdb_vector_ensure_validity_writable(vector_);
    validity_ = duckdb_vector_get_validity(vector_);
  }
  validity_[row / 64] &= ~(std::uint64_t{1} << (row % 64));
  if (shape_->kind == VectorShape::Kind::structure) {
    for (VectorWriter& child : children_) child.set_null(row);
  } else if (shape_->kind == VectorShape::Kind::array) {
    for (std::size_t i = 0; i < shape_->array_size; ++i) {
      children_[0].set_null(row * shape_->array_size + i);
    }
  } else if (shape_->kind == VectorShape::Kind::list) {
    set(row, duckdb_list_entry{list_size_, 0});
  }
}

void VectorWriter::set_text(std::size_t row, std::string_view text) {
  if (text.size() <= 12) {
    point_at_text(row, text);
  } else {
    duckdb_vector_assign_string_element_len(vector_, row, text.data(), text.size());
  }
}

std::size_t VectorWriter::begin_list(std::size_t row, std::size_t length) {
  const std::size_t begin = list_size_;
  list_size_ += length;
  if (list_size_ > list_capacity_) {
    list_capacity_ = std::max(list_size_, std::max(chunk_rows_max, 2 * list_capacity_));
    LEAT_CHECK(duckdb_list_vector_reserve(vector_, list_capacity_) == DuckDBSuccess);
    children_[0].bind();
  }
  duckdb_list_vector_set_size(vector_, list_size_);
  set(row, duckdb_list_entry{begin, length});
  return begin;
}

std::vector<VectorReader> read_columns(const std::vector<VectorShape>& shapes, const Chunk& chunk,
                                       std::span<const std::size_t> columns) {
  LEAT_CHECK(columns.size() == shapes.size());
  std::vector<VectorReader> readers;
  readers.reserve(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    readers.emplace_back(shapes[i], chunk.vector(columns[i]));
  }
  return readers;
}

std::vector<VectorWriter> write_columns(const std::vector<VectorShape>& shapes, Chunk& chunk,
                                        std::span<const std::size_t> columns) {
  LEAT_CHECK(columns.size() == shapes.size());
  std::vector<VectorWriter> writers;
  writers.reserve(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    writers.emplace_back(shapes[i], chunk.vector(columns[i]));
  }
  return writers;
}

}  // namespace leat
