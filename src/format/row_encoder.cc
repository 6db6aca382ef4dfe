#include "format/encoder.h"

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "format/text_tail.h"
#include "format/utf8.h"
#include "format/value_text.h"
#include "model/vector_access.h"

namespace leat::format {
namespace {

using Kind = VectorShape::Kind;

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

/// True where a byte can't stand in a JSON string as it is, or is part of a longer character.
bool has_special(std::string_view text) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t highs = 0x8080808080808080;
  const auto block_is_special = [](std::uint64_t block) {
    const std::uint64_t control = block - ones * 0x20;
    const std::uint64_t quote = (block ^ (ones * '"')) - ones;
    const std::uint64_t backslash = (block ^ (ones * '\\')) - ones;
    return ((control | quote | backslash | block) & highs) != 0;
  };
  std::size_t at = 0;
  std::uint64_t block = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::memcpy(&block, text.data() + at, 8);
    if (block_is_special(block)) return true;
  }
  block = ones * ' ';
  std::memcpy(&block, text.data() + at, text.size() - at);
  return block_is_special(block);
}

void append_escaped(std::string_view text, std::string& out) {
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= ' ' && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    }
  }
  out.append(text, plain);
}

/// One column's type as the encoder walks it.
struct Writer {
  VectorShape shape;
  unsigned scale = 0;
  bool json = false;
  bool quoted = false;
  bool map = false;
  bool supported = true;
  std::vector<Writer> members;        ///< as the shape's children
  std::vector<std::string> prefixes;  ///< of a struct's fields: {"a": and ,"b":

  explicit Writer(const Type& type) {
    supported = VectorShape::supports(type);
    if (!supported) return;
    shape = VectorShape::of(type);
    json = type.is_json();
    map = type.id() == DUCKDB_TYPE_MAP;
    quoted = is_quoted_in_json(type.id());
    if (type.id() == DUCKDB_TYPE_DECIMAL) scale = type.decimal_scale();
    if (map) {
      members.emplace_back(Type::struct_of({{"key", type.map_key()}, {"value", type.map_value()}}));
    } else if (shape.kind == Kind::list || shape.kind == Kind::array) {
      members.emplace_back(type.element());
    } else if (shape.kind == Kind::structure) {
      for (const Type::Field& field : type.fields()) {
        members.emplace_back(field.type);
        prefixes.push_back(prefixes.empty() ? "{" : ",");
        append_json_string(field.name, prefixes.back());
        prefixes.back() += ':';
      }
    }
  }

  void append_json(const VectorReader& reader, std::size_t row, std::string& out) const {
    if (!reader.valid(row)) {
      out += "null";
      return;
    }
    switch (shape.kind) {
      case Kind::fixed:
        return append_fixed(reader, row, out);
      case Kind::text:
        if (json) {
          out += reader.text(row);
        } else if (shape.id == DUCKDB_TYPE_VARCHAR) {
          append_json_string(reader.text(row), out);
        } else {
          append_fixed(reader, row, out);
        }
        return;
      case Kind::list: {
        const duckdb_list_entry list = reader.list(row);
        if (map) return append_entries(reader, list, out);
        return append_elements(reader, list.offset, list.length, out);
      }
      case Kind::array:
        return append_elements(reader, row * shape.array_size, shape.array_size, out);
      case Kind::structure:
        for (std::size_t i = 0; i < members.size(); ++i) {
          out += prefixes[i];
          members[i].append_json(reader.child(i), row, out);
        }
        out += '}';
    }
  }

  /// `prefix`, then the value: as append_json, with the commonest types written in place.
  void put_json(std::string_view prefix, const VectorReader& reader, std::size_t row,
                TextTail& tail) const {
    const bool valid = reader.valid(row);
    switch (valid ? shape.id : DUCKDB_TYPE_INVALID) {
      case DUCKDB_TYPE_VARCHAR: {
        const std::string_view text = reader.text(row);
        if (json || has_special(text)) break;
        char* at = TextTail::put(tail.room(prefix.size() + text.size() + 2), prefix);
        *at++ = '"';
        at = TextTail::put(at, text);
        *at++ = '"';
        return tail.written(at);
      }
      case DUCKDB_TYPE_INTEGER:
        return put_number(prefix, reader.value<std::int32_t>(row), tail);
      case DUCKDB_TYPE_BIGINT:
        return put_number(prefix, reader.value<std::int64_t>(row), tail);
      case DUCKDB_TYPE_DOUBLE:
        if (!is_finite(reader, row)) break;
        return put_number(prefix, reader.value<double>(row), tail);
      default:
        break;
    }
    tail.append_by([&](std::string& out) {
      out += prefix;
      append_json(reader, row, out);
    });
  }

  /// Without JSON's quotes.
  void append_plain(const VectorReader& reader, std::size_t row, std::string& out) const {
    if (shape.id == DUCKDB_TYPE_VARCHAR) {
      out += reader.text(row);
    } else if (members.empty()) {
      append_scalar(reader, row, scale, out);
    } else {
      append_json(reader, row, out);
    }
  }

 private:
  template <class Number>
  static void put_number(std::string_view prefix, Number value, TextTail& tail) {
    constexpr std::size_t number_bytes_max = 32;
    char* const at = TextTail::put(tail.room(prefix.size() + number_bytes_max), prefix);
    tail.written(std::to_chars(at, at + number_bytes_max, value).ptr);
  }

  void append_fixed(const VectorReader& reader, std::size_t row, std::string& out) const {
    if (quoted) {
      out += '"';
      append_scalar(reader, row, scale, out);
      out += '"';
    } else if (is_finite(reader, row)) {
      append_scalar(reader, row, scale, out);
    } else {
      out += "null";
    }
  }

  void append_elements(const VectorReader& reader, std::size_t begin, std::size_t count,
                       std::string& out) const {
    out += '[';
    for (std::size_t i = 0; i < count; ++i) {
      if (i != 0) out += ',';
      members[0].append_json(reader.child(), begin + i, out);
    }
    out += ']';
  }

  void append_entries(const VectorReader& reader, const duckdb_list_entry& list,
                      std::string& out) const {
    const VectorReader& entries = reader.child();
    std::string key;
    out += '{';
    for (std::size_t i = list.offset; i < list.offset + list.length; ++i) {
      if (i != list.offset) out += ',';
      key.clear();
      members[0].members[0].append_plain(entries.child(0), i, key);
      append_json_string(key, out);
      out += ':';
      members[0].members[1].append_json(entries.child(1), i, out);
    }
    out += '}';
  }
};

void append_csv_field(std::string_view text, std::string& out) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  if (!has_special(text)) {
    out += text;
  } else {
    while (true) {
      const std::size_t valid = valid_utf8_bytes(text);
      append_escaped(text.substr(0, valid), out);
      if (valid == text.size()) break;
      out += replacement_character;
      text.remove_prefix(valid + 1);
    }
  }
  out += '"';
}

void append_base64(std::string_view bytes, std::string& out) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    unsigned bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= count ? alphabet[(bits >> (18 - 6 * k)) & 0x3F] : '=';
    }
  }
}

struct RowEncoder::Plan {
  Schema schema;
  std::vector<Writer> writers;
  std::vector<std::string> prefixes;  ///< {"a": and ,"b":

  void append_json(const VectorReader& reader, std::size_t column, std::size_t row,
                   std::string& out) const {
    writers[column].append_json(reader, row, out);
  }
  void append_csv(const VectorReader& reader, std::size_t column, std::size_t row,
                  std::string& out) const {
    if (!reader.valid(row)) return;
    const Writer& writer = writers[column];
    if (writer.shape.kind == Kind::fixed) return writer.append_plain(reader, row, out);
    if (writer.shape.id == DUCKDB_TYPE_VARCHAR) return append_csv_field(reader.text(row), out);
    std::string text;
    writer.append_plain(reader, row, text);
    append_csv_field(text, out);
  }
  /// Calls `use` with each column's reader; types that have no form here are passed as nothing.
  template <class Use>
  void each_column(const Chunk& chunk, Use&& use) const {
    for (std::size_t i = 0; i < writers.size(); ++i) {
      if (writers[i].supported) {
        const VectorReader reader(writers[i].shape, chunk.vector(i));
        use(i, &reader);
      } else {
        use(i, nullptr);
      }
    }
  }
  std::vector<std::optional<VectorReader>> readers(const Chunk& chunk) const {
    std::vector<std::optional<VectorReader>> readers(writers.size());
    for (std::size_t i = 0; i < writers.size(); ++i) {
      if (writers[i].supported) readers[i].emplace(writers[i].shape, chunk.vector(i));
    }
    return readers;
  }
};

RowEncoder::RowEncoder(Schema schema) : plan_(std::make_unique<Plan>()) {
  for (const Column& column : schema) {
    plan_->writers.emplace_back(column.type);
    std::string& prefix = plan_->prefixes.emplace_back(plan_->prefixes.empty() ? "{" : ",");
    append_json_string(column.name, prefix);
    prefix += ':';
  }
  plan_->schema = std::move(schema);
}

RowEncoder::~RowEncoder() = default;
RowEncoder::RowEncoder(RowEncoder&&) noexcept = default;
const Schema& RowEncoder::schema() const { return plan_->schema; }

void RowEncoder::append_json_object(const Chunk& chunk, std::size_t row, std::string& out) const {
  if (plan_->writers.empty()) out += '{';
  plan_->each_column(chunk, [&](std::size_t i, const VectorReader* reader) {
    out += plan_->prefixes[i];
    if (reader == nullptr) {
      out += "null";
    } else {
      plan_->append_json(*reader, i, row, out);
    }
  });
  out += '}';
}

void RowEncoder::append_json_lines(const Chunk& chunk, std::string& out) const {
  const auto readers = plan_->readers(chunk);
  const std::size_t rows = chunk.size();
  TextTail tail(out);
  for (std::size_t row = 0; row < rows; ++row) {
    if (readers.empty()) tail.add("{");
    for (std::size_t i = 0; i < readers.size(); ++i) {
      if (readers[i]) {
        plan_->writers[i].put_json(plan_->prefixes[i], *readers[i], row, tail);
      } else {
        tail.add(plan_->prefixes[i]);
        tail.add("null");
      }
    }
    tail.add("}\n");
  }
}

void RowEncoder::append_json_array(const Chunk& chunk, std::size_t row, std::string& out) const {
  out += '[';
  plan_->each_column(chunk, [&](std::size_t i, const VectorReader* reader) {
    if (i != 0) out += ',';
    if (reader == nullptr) {
      out += "null";
    } else {
      plan_->append_json(*reader, i, row, out);
    }
  });
  out += ']';
}

void RowEncoder::append_csv(const Chunk& chunk, std::size_t row, std::string& out) const {
  plan_->each_column(chunk, [&](std::size_t i, const VectorReader* reader) {
    if (i != 0) out += ',';
    if (reader != nullptr) plan_->append_csv(*reader, i, row, out);
  });
}

void RowEncoder::append_csv_lines(const Chunk& chunk, std::string& out) const {
  const auto readers = plan_->readers(chunk);
  const std::size_t rows = chunk.size();
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < readers.size(); ++i) {
      if (i != 0) out += ',';
      if (readers[i]) plan_->append_csv(*readers[i], i, row, out);
    }
    out += '\n';
  }
}

std::string RowEncoder::csv_header() const {
  std::string out;
  for (const Column& column : plan_->schema) {
    if (&column != &plan_->schema[0]) out += ',';
    append_csv_field(column.name, out);
  }
  return out;
}

void RowEncoder::append_text(const Chunk& chunk, std::size_t row, std::size_t column,
                             std::string& out) const {
  const Writer& writer = plan_->writers[column];
  if (!writer.supported) {
    out += '?';
    return;
  }
  const VectorReader reader(writer.shape, chunk.vector(column));
  if (!reader.valid(row)) {
    out += "NULL";
    return;
  }
  std::string text;
  writer.append_plain(reader, row, text);
  // What would move the cursor or change the terminal is shown, not done.
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= ' ' && c != 0x7F) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
}

}  // namespace leat::format
