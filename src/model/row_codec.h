#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/chunk.h"
#include "model/type.h"
#include "model/vector_shape.h"

namespace leat {

/// Encoded rows side by side in one buffer, reused from chunk to chunk.
class EncodedRows {
 public:
  std::size_t size() const { return ends_.size(); }
  std::string_view operator[](std::size_t row) const {
    const std::size_t begin = row == 0 ? 0 : ends_[row - 1];
    return {bytes_.data() + begin, ends_[row] - begin};
  }
  std::size_t byte_count() const { return ends_.empty() ? 0 : ends_.back(); }

 private:
  friend class KeyCodec;
  friend class RowCodec;
  /// Turns each row's length, which stands in ends_, into its place, and makes room.
  void lay_out();

  std::vector<char> bytes_;
  std::vector<std::size_t> ends_;
  std::vector<char*> cursors_;
};

/// The bytes of chosen columns of a row, so that comparing bytes compares rows: NULL first, then as
/// DuckDB orders values (-0.0 is 0.0, all NaN are one and the greatest). Two rows have the same
/// bytes exactly when GROUP BY puts them together. The format is in docs/formats/rows.md.
/// Immutable: used from any thread.
class KeyCodec {
 public:
  /// Types that VectorShape supports (check before: this is asserted).
  explicit KeyCodec(const std::vector<Type>& types);

  /// Bytes of every key, where that is the same for all.
  std::optional<std::size_t> fixed_width() const { return fixed_width_; }
  std::size_t column_count() const { return shapes_.size(); }

  /// Encodes all rows' columns with these indices (one for each type, in order), replacing what is
  /// in `out`.
  void encode(const Chunk& chunk, std::span<const std::size_t> columns, EncodedRows& out) const;
  /// Appends one row's key. For many rows `encode` is several times faster.
  void append(const Chunk& chunk, std::span<const std::size_t> columns, std::size_t row,
              std::string& out) const;
  /// Writes keys into rows `first_row`… of the columns with these indices; the chunk's size is left
  /// as it is. Values come back as they were but for -0.0, NaN and the parts of an INTERVAL. Error
  /// `stored-row-invalid` (external): the bytes are no key of these types.
  Status decode(std::span<const std::string_view> keys, std::span<const std::size_t> columns,
                Chunk& out, std::size_t first_row) const;

 private:
  std::vector<VectorShape> shapes_;
  std::optional<std::size_t> fixed_width_;
};

/// The bytes of a whole row, small and quick to read back; not in any order. The format is in
/// docs/formats/rows.md. Immutable: used from any thread.
class RowCodec {
 public:
  /// Types that VectorShape supports (check before: this is asserted).
  explicit RowCodec(const std::vector<Type>& types);

  std::size_t column_count() const { return shapes_.size(); }

  /// Encodes all rows of the chunk's columns with these indices, replacing what is in `out`.
  void encode(const Chunk& chunk, std::span<const std::size_t> columns, EncodedRows& out) const;
  /// The chunk's first columns.
  void encode(const Chunk& chunk, EncodedRows& out) const;
  /// In the place of a column's index: the column is not wanted.
  static constexpr std::size_t left_out = std::numeric_limits<std::size_t>::max();
  /// Writes rows into rows `first_row`… of the columns with these indices; the chunk's size is left
  /// as it is. Texts that are pointed at need the rows for as long as the chunk is used. Error
  /// `stored-row-invalid` (external): the bytes are no row of these types.
  enum class Texts : std::uint8_t { copied, pointed_at };
  Status decode(std::span<const std::string_view> rows, std::span<const std::size_t> columns,
                Chunk& out, std::size_t first_row, Texts texts = Texts::copied) const;
  Status decode(std::span<const std::string_view> rows, Chunk& out, std::size_t first_row) const;

 private:
  std::vector<VectorShape> shapes_;
  std::vector<std::size_t> first_columns_;
};

}  // namespace leat
