#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include <duckdb.h>

#include "model/schema.h"

namespace leat {

/// Rows of a chunk at most: DuckDB's vector size.
inline constexpr std::size_t chunk_rows_max = 2048;

/// Up to chunk_rows_max rows in DuckDB vectors, owned. Movable, not copyable; used by one thread at
/// a time. All vectors are flat. Text may point into a buffer that somebody else keeps alive (see
/// Slice).
class Chunk {
 public:
  Chunk() = default;
  explicit Chunk(const Schema& schema);
  /// Takes ownership, as of what duckdb_fetch_chunk returned.
  static Chunk adopt(duckdb_data_chunk handle);

  explicit operator bool() const { return handle_ != nullptr; }
  std::size_t size() const;
  void set_size(std::size_t rows);
  std::size_t column_count() const;
  duckdb_vector vector(std::size_t column) const;
  duckdb_data_chunk handle() const { return handle_.get(); }
  /// Empties it for reuse.
  void reset();

 private:
  struct Deleter {
    void operator()(duckdb_data_chunk handle) const { duckdb_destroy_data_chunk(&handle); }
  };
  std::unique_ptr<std::remove_pointer_t<duckdb_data_chunk>, Deleter> handle_;
};

/// The bytes of a text or blob element.
inline std::string_view text_of(const duckdb_string_t& text) {
  const std::uint32_t length = text.value.inlined.length;
  return {length <= 12 ? text.value.inlined.inlined : text.value.pointer.ptr, length};
}

/// Writes a text of up to 12 bytes and zeros after it, without a call or a loop: pieces of 8, 4 or
/// 1 bytes that may overlap.
inline void inline_text(char* out, std::string_view text) {
  const char* const begin = text.data();
  const std::size_t size = text.size();
  std::uint64_t low = 0;
  std::uint32_t high = 0;
  if (size > 8) {
    std::memcpy(&low, begin, 8);
    std::memcpy(&high, begin + size - 4, 4);
    high >>= 8 * (12 - size);
  } else if (size >= 4) {
    std::uint32_t last;
    std::memcpy(&low, begin, 4);
    std::memcpy(&last, begin + size - 4, 4);
    low |= std::uint64_t{last} << (8 * (size - 4));
  } else if (size > 0) {
    const auto byte = [&](std::size_t i) {
      return std::uint64_t{static_cast<unsigned char>(begin[i])} << (8 * i);
    };
    low = byte(0) | byte(size / 2) | byte(size - 1);
  }
  std::memcpy(out, &low, 8);
  std::memcpy(out + 8, &high, 4);
}

/// Points `out` at `text` without a copy (12 bytes or fewer are inlined): `text` must outlive the
/// chunk's use.
inline void point_at(duckdb_string_t& out, std::string_view text) {
  out.value.inlined.length = static_cast<std::uint32_t>(text.size());
  if (text.size() <= 12) {
    inline_text(out.value.inlined.inlined, text);
  } else {
    std::memcpy(out.value.pointer.prefix, text.data(), 4);
    out.value.pointer.ptr = const_cast<char*>(text.data());
  }
}

/// False where row `row` of the vector is NULL. `validity` is what duckdb_vector_get_validity gave:
/// null means all valid.
inline bool is_valid(const std::uint64_t* validity, std::size_t row) {
  return validity == nullptr || ((validity[row / 64] >> (row % 64)) & 1) != 0;
}

}  // namespace leat
