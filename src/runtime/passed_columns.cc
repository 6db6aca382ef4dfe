#include "runtime/passed_columns.h"

#include <cstring>

#include "base/check.h"
#include "model/vector_shape.h"

namespace leat::runtime {
namespace {

template <std::size_t width>
void copy_elements(duckdb_vector out, std::span<const char* const> from,
                   std::span<const std::uint32_t> rows) {
  char* at = static_cast<char*>(duckdb_vector_get_data(out));
  for (const std::uint32_t row : rows) {
    const char* const data = from[row / chunk_rows_max];
    std::memcpy(at, data + row % chunk_rows_max * width, width);
    at += width;
  }
}

void copy_elements(duckdb_vector out, std::span<const char* const> from,
                   std::span<const std::uint32_t> rows, std::size_t width) {
  switch (width) {
    case 1:
      return copy_elements<1>(out, from, rows);
    case 2:
      return copy_elements<2>(out, from, rows);
    case 4:
      return copy_elements<4>(out, from, rows);
    case 8:
      return copy_elements<8>(out, from, rows);
    default:
      LEAT_CHECK(width == 16);
      return copy_elements<16>(out, from, rows);
  }
}

void copy_nulls(duckdb_vector out, std::span<const std::uint64_t* const> validities,
                std::span<const std::uint32_t> rows) {
  duckdb_vector_ensure_validity_writable(out);
  std::uint64_t* const validity = duckdb_vector_get_validity(out);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (is_valid(validities[rows[i] / chunk_rows_max], rows[i] % chunk_rows_max)) continue;
    validity[i / 64] &= ~(std::uint64_t{1} << (i % 64));
  }
}

}  // namespace

PassedColumns::PassedColumns(std::vector<std::optional<std::size_t>> passes, Schema output,
                             const Schema& input)
    : passes_(std::move(passes)), output_(std::move(output)) {
  for (const auto& pass : passes_) {
    if (!pass) {
      widths_.push_back(0);
      continue;
    }
    const VectorShape shape = VectorShape::of(input[*pass].type);
    const bool text = shape.kind == VectorShape::Kind::text;
    widths_.push_back(text ? sizeof(duckdb_string_t) : shape.width);
  }
}

Chunk PassedColumns::join(const Chunk& computed, std::span<const Chunk> inputs,
                          std::span<const std::uint32_t> rows) const {
  Chunk out(output_);
  std::vector<const char*> data(inputs.size());
  std::vector<const std::uint64_t*> validities(inputs.size());
  std::size_t next_computed = 0;
  for (std::size_t column = 0; column < passes_.size(); ++column) {
    const duckdb_vector target = out.vector(column);
    if (!passes_[column]) {
      duckdb_vector_reference_vector(target, computed.vector(next_computed++));
      continue;
    }
    bool any_null = false;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const duckdb_vector from = inputs[i].vector(*passes_[column]);
      data[i] = static_cast<const char*>(duckdb_vector_get_data(from));
      validities[i] = duckdb_vector_get_validity(from);
      any_null |= validities[i] != nullptr;
    }
    copy_elements(target, data, rows, widths_[column]);
    if (any_null) copy_nulls(target, validities, rows);
  }
  out.set_size(rows.size());
  return out;
}

Chunk PassedColumns::pick(const Chunk& input) const {
  Chunk out(output_);
  for (std::size_t column = 0; column < passes_.size(); ++column) {
    duckdb_vector_reference_vector(out.vector(column), input.vector(passes_[column].value()));
  }
  out.set_size(input.size());
  return out;
}

}  // namespace leat::runtime
