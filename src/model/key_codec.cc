#include <algorithm>

#include "base/check.h"
#include "model/key_coding.h"
#include "model/row_codec.h"
#include "model/vector_access.h"

namespace leat {
namespace {

using Kind = VectorShape::Kind;

constexpr char null_mark = 0;
constexpr char value_mark = 1;
constexpr char zero_escape = static_cast<char>(0xFF);
constexpr std::size_t text_end_bytes = 2;

std::size_t zeros_in(std::string_view text) {
  if (std::memchr(text.data(), 0, text.size()) == nullptr) return 0;
  return static_cast<std::size_t>(std::ranges::count(text, '\0'));
}

std::size_t text_bytes(std::string_view text) {
  return text.size() + (text.empty() ? 0 : zeros_in(text)) + text_end_bytes;
}

char* put_text(std::string_view text, char* out) {
  while (!text.empty()) {
    const void* zero = std::memchr(text.data(), 0, text.size());
    const std::size_t plain =
        zero == nullptr
            ? text.size()
            : static_cast<std::size_t>(static_cast<const char*>(zero) - text.data()) + 1;
    std::memcpy(out, text.data(), plain);
    out += plain;
    if (zero != nullptr) *out++ = zero_escape;
    text.remove_prefix(plain);
  }
  *out++ = 0;
  *out++ = 0;
  return out;
}

/// Bytes of one value with its mark.
std::size_t value_bytes(const VectorReader& reader, std::size_t row) {
  const VectorShape& shape = reader.shape();
  if (shape.kind == Kind::fixed) return 1 + shape.width;
  if (!reader.valid(row)) return 1;
  std::size_t bytes = 1;
  switch (shape.kind) {
    case Kind::text:
      return bytes + text_bytes(reader.text(row));
    case Kind::list: {
      const duckdb_list_entry list = reader.list(row);
      for (std::size_t i = 0; i < list.length; ++i) {
        bytes += 1 + value_bytes(reader.child(), list.offset + i);
      }
      return bytes + 1;
    }
    case Kind::array:
      for (std::size_t i = 0; i < shape.array_size; ++i) {
        bytes += value_bytes(reader.child(), row * shape.array_size + i);
      }
      return bytes;
    default:
      for (std::size_t i = 0; i < shape.children.size(); ++i) {
        bytes += value_bytes(reader.child(i), row);
      }
      return bytes;
  }
}

template <class Coding>
char* put_fixed(const VectorReader& reader, std::size_t row, char* out) {
  if (reader.valid(row)) {
    *out = value_mark;
    Coding::put(reader.element(row), out + 1);
  } else {
    std::memset(out, 0, 1 + Coding::size);
  }
  return out + 1 + Coding::size;
}

char* put_value(const VectorReader& reader, std::size_t row, char* out) {
  const VectorShape& shape = reader.shape();
  if (shape.kind == Kind::fixed) {
    return key_coding::with_coding(
        shape, [&]<class Coding>(Coding) { return put_fixed<Coding>(reader, row, out); });
  }
  *out++ = reader.valid(row) ? value_mark : null_mark;
  if (!reader.valid(row)) return out;
  switch (shape.kind) {
    case Kind::text:
      return put_text(reader.text(row), out);
    case Kind::list: {
      const duckdb_list_entry list = reader.list(row);
      for (std::size_t i = 0; i < list.length; ++i) {
        *out++ = value_mark;
        out = put_value(reader.child(), list.offset + i, out);
      }
      *out++ = null_mark;
      return out;
    }
    case Kind::array:
      for (std::size_t i = 0; i < shape.array_size; ++i) {
        out = put_value(reader.child(), row * shape.array_size + i, out);
      }
      return out;
    default:
      for (std::size_t i = 0; i < shape.children.size(); ++i) {
        out = put_value(reader.child(i), row, out);
      }
      return out;
  }
}

/// One column of all rows, each at its own place.
void put_column(const VectorReader& reader, std::span<char*> cursors) {
  if (reader.shape().kind == Kind::fixed) {
    key_coding::with_coding(reader.shape(), [&]<class Coding>(Coding) {
      for (std::size_t row = 0; row < cursors.size(); ++row) {
        cursors[row] = put_fixed<Coding>(reader, row, cursors[row]);
      }
    });
  } else {
    for (std::size_t row = 0; row < cursors.size(); ++row) {
      cursors[row] = put_value(reader, row, cursors[row]);
    }
  }
}

/// What is left of a key that is being read; every function is false where the bytes are no value.
struct KeyBytes {
  const char* at;
  const char* end;

  bool has(std::size_t bytes) const { return static_cast<std::size_t>(end - at) >= bytes; }

  bool mark(bool& set) {
    if (!has(1) || (*at != null_mark && *at != value_mark)) return false;
    set = *at++ == value_mark;
    return true;
  }

  /// Takes a text with its end; `text` may be null.
  bool text(std::string* text_out) {
    while (true) {
      const auto* zero =
          has(1) ? static_cast<const char*>(std::memchr(at, 0, static_cast<std::size_t>(end - at)))
                 : nullptr;
      if (zero == nullptr || zero + 1 == end) return false;
      const bool escaped = zero[1] == zero_escape;
      if (!escaped && zero[1] != 0) return false;
      if (text_out != nullptr) text_out->append(at, zero + (escaped ? 1 : 0));
      at = zero + 2;
      if (!escaped) return true;
    }
  }
};

bool skip_value(const VectorShape& shape, KeyBytes& key) {
  bool valid = false;
  if (!key.mark(valid)) return false;
  if (shape.kind == Kind::fixed) {
    if (!key.has(shape.width)) return false;
    key.at += shape.width;
    return true;
  }
  if (!valid) return true;
  if (shape.kind == Kind::text) return key.text(nullptr);
  if (shape.kind == Kind::list) {
    bool more = false;
    while (key.mark(more)) {
      if (!more) return true;
      if (!skip_value(shape.children[0], key)) return false;
    }
    return false;
  }
  const std::size_t count = shape.kind == Kind::array ? shape.array_size : shape.children.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (!skip_value(shape.children[shape.kind == Kind::array ? 0 : i], key)) return false;
  }
  return true;
}

bool get_value(KeyBytes& key, VectorWriter& writer, std::size_t row);

bool get_list(KeyBytes& key, VectorWriter& writer, std::size_t row) {
  std::size_t length = 0;
  bool more = false;
  for (KeyBytes ahead = key; ahead.mark(more);) {
    if (!more) break;
    if (!skip_value(writer.shape().children[0], ahead)) return false;
    ++length;
  }
  if (more) return false;
  const std::size_t begin = writer.begin_list(row, length);
  for (std::size_t i = 0; i < length; ++i) {
    if (!key.mark(more) || !get_value(key, writer.child(), begin + i)) return false;
  }
  return key.mark(more) && !more;
}

bool get_value(KeyBytes& key, VectorWriter& writer, std::size_t row) {
  const VectorShape& shape = writer.shape();
  bool valid = false;
  if (!key.mark(valid)) return false;
  if (shape.kind == Kind::fixed && !key.has(shape.width)) return false;
  if (!valid) {
    writer.set_null(row);
    if (shape.kind == Kind::fixed) key.at += shape.width;
    return true;
  }
  writer.set_valid(row);
  switch (shape.kind) {
    case Kind::fixed:
      key_coding::with_coding(
          shape, [&]<class Coding>(Coding) { Coding::get(key.at, writer.element(row)); });
      key.at += shape.width;
      return true;
    case Kind::text: {
      std::string text;
      if (!key.text(&text)) return false;
      writer.set_text(row, text);
      return true;
    }
    case Kind::list:
      return get_list(key, writer, row);
    case Kind::array:
      for (std::size_t i = 0; i < shape.array_size; ++i) {
        if (!get_value(key, writer.child(), row * shape.array_size + i)) return false;
      }
      return true;
    default:
      for (std::size_t i = 0; i < shape.children.size(); ++i) {
        if (!get_value(key, writer.child(i), row)) return false;
      }
      return true;
  }
}

}  // namespace

KeyCodec::KeyCodec(const std::vector<Type>& types) : shapes_(VectorShape::of(types)) {
  std::size_t width = 0;
  for (const VectorShape& shape : shapes_) {
    if (shape.kind != Kind::fixed) return;
    width += 1 + shape.width;
  }
  fixed_width_ = width;
}

void KeyCodec::encode(const Chunk& chunk, std::span<const std::size_t> columns,
                      EncodedRows& out) const {
  const std::vector<VectorReader> readers = read_columns(shapes_, chunk, columns);
  out.ends_.assign(chunk.size(), fixed_width_.value_or(0));
  if (!fixed_width_) {
    for (const VectorReader& reader : readers) {
      for (std::size_t row = 0; row < chunk.size(); ++row) {
        out.ends_[row] += value_bytes(reader, row);
      }
    }
  }
  out.lay_out();
  for (const VectorReader& reader : readers) put_column(reader, out.cursors_);
}

void KeyCodec::append(const Chunk& chunk, std::span<const std::size_t> columns, std::size_t row,
                      std::string& out) const {
  LEAT_CHECK(columns.size() == shapes_.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const VectorReader reader(shapes_[i], chunk.vector(columns[i]));
    const std::size_t begin = out.size();
    out.resize(begin + value_bytes(reader, row));
    put_value(reader, row, out.data() + begin);
  }
}

Status KeyCodec::decode(std::span<const std::string_view> keys,
                        std::span<const std::size_t> columns, Chunk& out,
                        std::size_t first_row) const {
  LEAT_CHECK(first_row + keys.size() <= chunk_rows_max);
  std::vector<VectorWriter> writers = write_columns(shapes_, out, columns);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    KeyBytes key{keys[i].data(), keys[i].data() + keys[i].size()};
    const bool whole = std::ranges::all_of(
        writers, [&](VectorWriter& writer) { return get_value(key, writer, first_row + i); });
    if (!whole || key.at != key.end) {
      return external_error("stored-row-invalid",
                            "a stored key of {} bytes does not fit its {} columns; the store is "
                            "damaged or of another schema",
                            keys[i].size(), columns.size());
    }
  }
  return {};
}

}  // namespace leat
