#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "model/chunk.h"
#include "model/vector_shape.h"

namespace leat {

/// Reads a flat vector and its children through plain pointers. Valid as long as the vector and the
/// shape are, and the vector is not written to.
class VectorReader {
 public:
  VectorReader(const VectorShape& shape, duckdb_vector vector);

  const VectorShape& shape() const { return *shape_; }
  bool valid(std::size_t row) const { return is_valid(validity_, row); }
  bool all_valid() const { return validity_ == nullptr; }
  template <class T>
  T value(std::size_t row) const {
    T value;
    std::memcpy(&value, data_ + row * sizeof(T), sizeof(T));
    return value;
  }
  /// The bytes of an element of fixed width.
  const char* element(std::size_t row) const { return data_ + row * shape_->width; }
  std::string_view text(std::size_t row) const {
    return text_of(reinterpret_cast<const duckdb_string_t*>(data_)[row]);
  }
  duckdb_list_entry list(std::size_t row) const { return value<duckdb_list_entry>(row); }
  const VectorReader& child(std::size_t index = 0) const { return children_[index]; }

 private:
  const VectorShape* shape_;
  const char* data_;
  const std::uint64_t* validity_;
  std::vector<VectorReader> children_;
};

/// Writes a flat vector and its children through plain pointers. Rows may be written in any order
/// and again; elements of lists are appended. Valid as long as the vector and the shape are; one
/// writer a vector at a time.
class VectorWriter {
 public:
  VectorWriter(const VectorShape& shape, duckdb_vector vector);

  const VectorShape& shape() const { return *shape_; }
  /// Also for what lies inside a struct or an array, as DuckDB wants it.
  void set_null(std::size_t row);
  /// For a row that may have been NULL before.
  void set_valid(std::size_t row) {
    if (validity_ != nullptr) validity_[row / 64] |= std::uint64_t{1} << (row % 64);
  }
  template <class T>
  void set(std::size_t row, const T& value) {
    std::memcpy(data_ + row * sizeof(T), &value, sizeof(T));
  }
  /// The bytes of an element of fixed width, to be written.
  char* element(std::size_t row) { return data_ + row * shape_->width; }
  /// Copies the text into the vector's own memory.
  void set_text(std::size_t row, std::string_view text);
  /// Points at the text: it must outlive the vector's use.
  void point_at_text(std::size_t row, std::string_view text) {
    point_at(reinterpret_cast<duckdb_string_t*>(data_)[row], text);
  }
  /// Makes the row's list of `length` new elements at the child's end; returns the index of the
  /// first of them.
  std::size_t begin_list(std::size_t row, std::size_t length);
  VectorWriter& child(std::size_t index = 0) { return children_[index]; }

 private:
  /// Fetches the pointers again after the vector has grown.
  void bind();

  const VectorShape* shape_;
  duckdb_vector vector_;
  char* data_ = nullptr;
  std::uint64_t* validity_ = nullptr;
  std::size_t list_size_ = 0;
  std::size_t list_capacity_ = 0;
  std::vector<VectorWriter> children_;
};

/// Readers of the chunk's columns with these indices, one for each shape.
std::vector<VectorReader> read_columns(const std::vector<VectorShape>& shapes, const Chunk& chunk,
                                       std::span<const std::size_t> columns);
std::vector<VectorWriter> write_columns(const std::vector<VectorShape>& shapes, Chunk& chunk,
                                        std::span<const std::size_t> columns);

}  // namespace leat
