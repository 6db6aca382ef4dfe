#include "model/row_codec.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/check.h"
#include "model/vector_access.h"

namespace leat {
namespace {

using Kind = VectorShape::Kind;

constexpr std::size_t null_bytes(std::size_t count) { return (count + 7) / 8; }

std::size_t varint_bytes(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

char* put_varint(std::uint64_t value, char* out) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<char>(value | 0x80);
  *out++ = static_cast<char>(value);
  return out;
}

void mark_null(char* nulls, std::size_t index) {
  nulls[index / 8] = static_cast<char>(nulls[index / 8] | (1 << (index % 8)));
}
bool is_null(const char* nulls, std::size_t index) {
  return ((nulls[index / 8] >> (index % 8)) & 1) != 0;
}

/// The members of one nested value: a list's elements, an array's, or a struct's fields.
struct Members {
  const VectorReader& parent;
  std::size_t row;
  std::size_t count;
  std::size_t begin;  ///< of a list's or array's elements in the child

  Members(const VectorReader& reader, std::size_t of_row) : parent(reader), row(of_row) {
    const VectorShape& shape = reader.shape();
    const bool list = shape.kind == Kind::list;
    count = list                        ? reader.list(row).length
            : shape.kind == Kind::array ? shape.array_size
                                        : shape.children.size();
    begin = list ? reader.list(row).offset : row * shape.array_size;
  }
  const VectorReader& reader(std::size_t i) const {
    return parent.shape().kind == Kind::structure ? parent.child(i) : parent.child();
  }
  std::size_t row_of(std::size_t i) const {
    return parent.shape().kind == Kind::structure ? row : begin + i;
  }
};

/// Bytes of a value that is not NULL.
std::size_t value_bytes(const VectorReader& reader, std::size_t row) {
  const VectorShape& shape = reader.shape();
  if (shape.kind == Kind::fixed) return shape.width;
  if (shape.kind == Kind::text) {
    const std::size_t length = reader.text(row).size();
    return varint_bytes(length) + length;
  }
  const Members members(reader, row);
  std::size_t bytes = null_bytes(members.count);
  if (shape.kind == Kind::list) bytes += varint_bytes(members.count);
  for (std::size_t i = 0; i < members.count; ++i) {
    if (members.reader(i).valid(members.row_of(i))) {
      bytes += value_bytes(members.reader(i), members.row_of(i));
    }
  }
  return bytes;
}

char* put_value(const VectorReader& reader, std::size_t row, char* out) {
  const VectorShape& shape = reader.shape();
  if (shape.kind == Kind::fixed) {
    std::memcpy(out, reader.element(row), shape.width);
    return out + shape.width;
  }
  if (shape.kind == Kind::text) {
    const std::string_view text = reader.text(row);
    out = put_varint(text.size(), out);
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    return out + text.size();
  }
  const Members members(reader, row);
  if (shape.kind == Kind::list) out = put_varint(members.count, out);
  char* nulls = out;
  std::memset(nulls, 0, null_bytes(members.count));
  out += null_bytes(members.count);
  for (std::size_t i = 0; i < members.count; ++i) {
    if (members.reader(i).valid(members.row_of(i))) {
      out = put_value(members.reader(i), members.row_of(i), out);
    } else {
      mark_null(nulls, i);
    }
  }
  return out;
}

template <std::size_t width>
void put_fixed_column(const VectorReader& reader, std::span<char*> cursors) {
  for (std::size_t row = 0; row < cursors.size(); ++row) {
    if (!reader.valid(row)) continue;
    std::memcpy(cursors[row], reader.element(row), width);
    cursors[row] += width;
  }
}

void put_column(const VectorReader& reader, std::span<char*> cursors) {
  switch (reader.shape().width) {
    case 1:
      return put_fixed_column<1>(reader, cursors);
    case 2:
      return put_fixed_column<2>(reader, cursors);
    case 4:
      return put_fixed_column<4>(reader, cursors);
    case 8:
      return put_fixed_column<8>(reader, cursors);
    case 16:
      return put_fixed_column<16>(reader, cursors);
    default:
      break;
  }
  for (std::size_t row = 0; row < cursors.size(); ++row) {
    if (reader.valid(row)) cursors[row] = put_value(reader, row, cursors[row]);
  }
}

/// What is left of a row that is being read; every function is false where the bytes are no row.
struct RowBytes {
  const char* at;
  const char* end;
  RowCodec::Texts texts;

  std::size_t left() const { return static_cast<std::size_t>(end - at); }

  bool take(std::size_t bytes, const char*& from) {
    if (left() < bytes) return false;
    from = at;
    at += bytes;
    return true;
  }

  bool varint(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && at != end; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(*at++);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
};

bool get_value(RowBytes& bytes, VectorWriter& writer, std::size_t row);

bool get_members(RowBytes& bytes, VectorWriter& writer, std::size_t row) {
  const VectorShape& shape = writer.shape();
  const bool structure = shape.kind == Kind::structure;
  std::uint64_t count = structure ? shape.children.size() : shape.array_size;
  if (shape.kind == Kind::list && (!bytes.varint(count) || count / 8 > bytes.left())) return false;
  const char* nulls = nullptr;
  if (!bytes.take(null_bytes(count), nulls)) return false;
  const std::size_t begin =
      shape.kind == Kind::list ? writer.begin_list(row, count) : row * shape.array_size;
  for (std::size_t i = 0; i < count; ++i) {
    VectorWriter& member = structure ? writer.child(i) : writer.child();
    const std::size_t member_row = structure ? row : begin + i;
    if (is_null(nulls, i)) {
      member.set_null(member_row);
    } else if (!get_value(bytes, member, member_row)) {
      return false;
    }
  }
  return true;
}

bool get_value(RowBytes& bytes, VectorWriter& writer, std::size_t row) {
  const VectorShape& shape = writer.shape();
  writer.set_valid(row);
  const char* from = nullptr;
  if (shape.kind == Kind::fixed) {
    if (!bytes.take(shape.width, from)) return false;
    std::memcpy(writer.element(row), from, shape.width);
    return true;
  }
  if (shape.kind == Kind::text) {
    std::uint64_t length = 0;
    if (!bytes.varint(length) || !bytes.take(length, from)) return false;
    const std::string_view text(from, length);
    bytes.texts == RowCodec::Texts::copied ? writer.set_text(row, text)
                                           : writer.point_at_text(row, text);
    return true;
  }
  return get_members(bytes, writer, row);
}

/// Passes over a value that is not NULL.
bool skip_value(RowBytes& bytes, const VectorShape& shape) {
  const char* from = nullptr;
  if (shape.kind == Kind::fixed) return bytes.take(shape.width, from);
  std::uint64_t count = shape.kind == Kind::structure ? shape.children.size() : shape.array_size;
  const bool counted = shape.kind == Kind::text || shape.kind == Kind::list;
  if (counted && !bytes.varint(count)) return false;
  if (shape.kind == Kind::text) return bytes.take(count, from);
  if (count / 8 > bytes.left()) return false;
  const char* nulls = nullptr;
  if (!bytes.take(null_bytes(count), nulls)) return false;
  for (std::size_t i = 0; i < count; ++i) {
    const VectorShape& member = shape.children[shape.kind == Kind::structure ? i : 0];
    if (!is_null(nulls, i) && !skip_value(bytes, member)) return false;
  }
  return true;
}

/// `writers`: by column; nothing for one that is left out.
bool get_row(RowBytes bytes, std::span<const VectorShape> shapes,
             std::span<std::optional<VectorWriter>> writers, std::size_t row) {
  const char* nulls = nullptr;
  if (!bytes.take(null_bytes(writers.size()), nulls)) return false;
  for (std::size_t i = 0; i < writers.size(); ++i) {
    std::optional<VectorWriter>& writer = writers[i];
    if (is_null(nulls, i)) {
      if (writer) writer->set_null(row);
    } else if (!(writer ? get_value(bytes, *writer, row) : skip_value(bytes, shapes[i]))) {
      return false;
    }
  }
  return bytes.at == bytes.end;
}

}  // namespace

void EncodedRows::lay_out() {
  std::size_t end = 0;
  for (std::size_t& row_end : ends_) row_end = end += row_end;
  if (bytes_.size() < end) bytes_.resize(std::max(end, 2 * bytes_.size()));
  cursors_.resize(ends_.size());
  char* begin = bytes_.data();
  for (std::size_t row = 0; row < ends_.size(); ++row) {
    cursors_[row] = begin;
    begin = bytes_.data() + ends_[row];
  }
}

RowCodec::RowCodec(const std::vector<Type>& types)
    : shapes_(VectorShape::of(types)), first_columns_(types.size()) {
  std::iota(first_columns_.begin(), first_columns_.end(), std::size_t{0});
}

void RowCodec::encode(const Chunk& chunk, EncodedRows& out) const {
  encode(chunk, first_columns_, out);
}

void RowCodec::encode(const Chunk& chunk, std::span<const std::size_t> columns,
                      EncodedRows& out) const {
  const std::vector<VectorReader> readers = read_columns(shapes_, chunk, columns);
  const std::size_t rows = chunk.size();
  const std::size_t nulls = null_bytes(columns.size());
  out.ends_.assign(rows, nulls);
  for (const VectorReader& reader : readers) {
    for (std::size_t row = 0; row < rows; ++row) {
      if (reader.valid(row)) out.ends_[row] += value_bytes(reader, row);
    }
  }
  out.lay_out();
  // Rows without columns have no bytes, and may have no place either.
  for (std::size_t row = 0; row < rows; ++row) std::fill_n(out.cursors_[row], nulls, '\0');
  for (std::size_t i = 0; i < readers.size(); ++i) {
    if (readers[i].all_valid()) continue;
    for (std::size_t row = 0; row < rows; ++row) {
      if (!readers[i].valid(row)) mark_null(out.cursors_[row], i);
    }
  }
  for (char*& cursor : out.cursors_) cursor += nulls;
  for (const VectorReader& reader : readers) put_column(reader, out.cursors_);
}

Status RowCodec::decode(std::span<const std::string_view> rows, Chunk& out,
                        std::size_t first_row) const {
  return decode(rows, first_columns_, out, first_row);
}

Status RowCodec::decode(std::span<const std::string_view> rows,
                        std::span<const std::size_t> columns, Chunk& out, std::size_t first_row,
                        Texts texts) const {
  LEAT_CHECK(first_row + rows.size() <= chunk_rows_max);
  LEAT_CHECK(columns.size() == shapes_.size());
  std::vector<std::optional<VectorWriter>> writers(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] != left_out) writers[i].emplace(shapes_[i], out.vector(columns[i]));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const RowBytes bytes{rows[i].data(), rows[i].data() + rows[i].size(), texts};
    if (!get_row(bytes, shapes_, writers, first_row + i)) {
      return external_error("stored-row-invalid",
                            "a stored row of {} bytes does not fit its {} columns; the store is "
                            "damaged or of another schema",
                            rows[i].size(), columns.size());
    }
  }
  return {};
}

}  // namespace leat
