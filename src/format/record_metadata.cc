#include "format/record_metadata.h"

#include <array>

#include "format/encoder.h"
#include "format/utf8.h"

namespace leat::format {
namespace {

using Field = MetadataReader::Field;

constexpr std::array<std::pair<std::string_view, Field>, 8> names = {{
    {"$key", Field::key},
    {"$timestamp", Field::timestamp},
    {"$offset", Field::offset},
    {"$partition", Field::partition},
    {"$topic", Field::topic},
    {"$value", Field::value},
    {"$headers", Field::headers},
    {"$tombstone", Field::tombstone},
}};

bool fits(Field field, const Type& type) {
  const bool text = type.id() == DUCKDB_TYPE_VARCHAR;
  switch (field) {
    case Field::timestamp:
      return type.id() == DUCKDB_TYPE_BIGINT ||
             (type.is_temporal() && type.id() != DUCKDB_TYPE_TIME &&
              type.id() != DUCKDB_TYPE_TIME_NS && type.id() != DUCKDB_TYPE_TIME_TZ);
    case Field::offset:
      return type.id() == DUCKDB_TYPE_BIGINT;
    case Field::partition:
      return type.id() == DUCKDB_TYPE_BIGINT || type.id() == DUCKDB_TYPE_INTEGER;
    case Field::topic:
      return text && !type.is_json();
    case Field::tombstone:
      return type.id() == DUCKDB_TYPE_BOOLEAN;
    case Field::headers:
      return text || type.id() == DUCKDB_TYPE_BLOB;
    default:
      return ScalarParser::supports(type);
  }
}

bool take_varint(std::string_view& bytes, std::int64_t& value) {
  std::uint64_t bits = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    bits |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) {
      value = static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
      return true;
    }
  }
  return false;
}

/// A length and as many bytes; a length of -1 is none.
bool take_bytes(std::string_view& bytes, std::optional<std::string_view>& out) {
  std::int64_t length = 0;
  out.reset();
  if (!take_varint(bytes, length) || length < -1) return false;
  if (length == -1) return true;
  if (static_cast<std::uint64_t>(length) > bytes.size()) return false;
  out = bytes.substr(0, static_cast<std::size_t>(length));
  bytes.remove_prefix(out->size());
  return true;
}

}  // namespace

bool append_headers_json(std::string_view headers, std::string& out) {
  out += '{';
  std::int64_t count = 0;
  if (!headers.empty() && (!take_varint(headers, count) || count < 0)) return false;
  for (std::int64_t i = 0; i < count; ++i) {
    std::optional<std::string_view> key;
    std::optional<std::string_view> value;
    if (!take_bytes(headers, key) || !key || !take_bytes(headers, value)) return false;
    if (*key == position_header) continue;
    if (out.back() != '{') out += ',';
    append_json_string(*key, out);
    out += ':';
    if (!value) {
      out += "null";
    } else if (is_utf8(*value)) {
      append_json_string(*value, out);
    } else {
      out += '"';
      append_base64(*value, out);
      out += '"';
    }
  }
  out += '}';
  return headers.empty();
}

Result<MetadataReader> MetadataReader::make(const DecodedColumn& column) {
  for (const auto& [name, field] : names) {
    if (name != column.field) continue;
    if (!fits(field, column.type)) {
      return user_error("column-type", "column {}: {} can't be {}; use {}", column.name, name,
                        column.type.to_sql(),
                        field == Field::timestamp                             ? "TIMESTAMP"
                        : field == Field::offset || field == Field::partition ? "BIGINT"
                        : field == Field::headers                             ? "JSON"
                        : field == Field::tombstone                           ? "BOOLEAN"
                                                                              : "TEXT");
    }
    return MetadataReader(field, column);
  }
  return user_error("unknown-metadata",
                    "column {}: there is no record metadata \"{}\"; there are $key, $timestamp, "
                    "$offset, $partition, $topic, $value, $headers and $tombstone",
                    column.name, column.field);
}

bool MetadataReader::present(const Record& record) const {
  if (field_ == Field::key) return record.has_key;
  return field_ != Field::value || record.value.data() != nullptr;
}

std::optional<std::string> MetadataReader::read(const Record& record, const Origin& origin,
                                                TextArena& arena, VectorWriter& out,
                                                std::size_t row) const {
  out.set_valid(row);
  if (!present(record)) {
    out.set_null(row);
    return std::nullopt;
  }
  switch (field_) {
    case Field::timestamp:
      parser_.timestamp_ms(record.timestamp, out, row);
      return std::nullopt;
    case Field::offset:
      parser_.timestamp_ms(record.offset.value(), out, row);
      return std::nullopt;
    case Field::partition:
      parser_.timestamp_ms(origin.partition.value(), out, row);
      return std::nullopt;
    case Field::topic:
      out.point_at_text(row, arena.copy(origin.topic));
      return std::nullopt;
    case Field::key:
      return bytes(record.key, arena, out, row);
    case Field::value:
      return bytes(record.value, arena, out, row);
    case Field::tombstone:
      return bytes(record.value.data() == nullptr ? "true" : "false", arena, out, row);
    case Field::headers:
      break;
  }
  if (type_.id() == DUCKDB_TYPE_BLOB) return bytes(record.headers, arena, out, row);
  std::string json;
  if (!append_headers_json(record.headers, json)) return "the record's headers are damaged";
  out.point_at_text(row, arena.copy(json));
  return std::nullopt;
}

std::optional<std::string> MetadataReader::bytes(std::string_view text, TextArena& arena,
                                                 VectorWriter& out, std::size_t row) const {
  if (type_.id() == DUCKDB_TYPE_BLOB) {
    out.point_at_text(row, text);
    return std::nullopt;
  }
  const std::size_t valid = valid_utf8_bytes(text);
  if (valid != text.size()) return fmt::format("invalid UTF-8 at byte {}", valid);
  const ParseFault fault = parser_.text(text, arena, out, row);
  if (fault != ParseFault::none) return parser_.reason(fault, text);
  return std::nullopt;
}

}  // namespace leat::format
