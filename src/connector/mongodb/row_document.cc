#include "connector/mongodb/row_document.h"

#include <limits>
#include <numeric>

#include "connector/mongodb/decimal128.h"
#include "format/value_text.h"
#include "model/column_types.h"

namespace leat::connector::mongodb {

using format::Int128;
using format::Uint128;

/// A type, as far as writing its values needs it.
struct RowDocument::Cell {
  duckdb_type id = DUCKDB_TYPE_INVALID;
  bool json = false;
  unsigned scale = 0;
  std::string name;         ///< of a struct's field
  std::vector<Cell> parts;  ///< an element; a struct's fields; a map's key and value
};

namespace {

constexpr std::int64_t day_ms = 86'400'000;

/// So many units of a timestamp are a millisecond; 0: a unit is a second.
std::int64_t units_per_ms(duckdb_type id) {
  switch (id) {
    case DUCKDB_TYPE_TIMESTAMP_S:
      return 0;
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return 1;
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return 1'000'000;
    default:
      return 1000;
  }
}

Int128 wide_integer(const VectorReader& reader, std::size_t row) {
  switch (reader.shape().width) {
    case 2:
      return reader.value<std::int16_t>(row);
    case 4:
      return reader.value<std::int32_t>(row);
    case 8:
      return reader.value<std::int64_t>(row);
    default:
      return reader.value<Int128>(row);
  }
}

/// The bytes of a UUID in the order that it is written in.
std::array<char, 16> uuid_bytes(Uint128 bits) {
  bits ^= Uint128{1} << 127;
  std::array<char, 16> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(bits >> (120 - 8 * i));
  }
  return bytes;
}

std::unexpected<Error> too_many_digits(std::string_view name) {
  return user_error("not-a-document",
                    "`{}` has more than the 34 digits that MongoDB's decimals hold; round it in "
                    "the query, or cast it to VARCHAR or DOUBLE",
                    name);
}

Status put_decimal(Int128 value, unsigned scale, std::string_view name, BsonWriter& out) {
  const auto decimal = decimal128_of(value, scale);
  if (!decimal) return too_many_digits(name);
  out.decimal128(name, decimal->low, decimal->high);
  return {};
}

/// int64 where it fits, else decimal128.
Status put_integer(Int128 value, std::string_view name, BsonWriter& out) {
  if (value != static_cast<std::int64_t>(value)) return put_decimal(value, 0, name, out);
  out.int64(name, static_cast<std::int64_t>(value));
  return {};
}

}  // namespace

RowDocument::Cell RowDocument::cell_of(const Type& type) {
  Cell cell;
  cell.id = type.id();
  cell.json = type.is_json();
  switch (cell.id) {
    case DUCKDB_TYPE_DECIMAL:
      cell.scale = type.decimal_scale();
      break;
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
      cell.parts.push_back(cell_of(type.element()));
      break;
    case DUCKDB_TYPE_MAP:
      cell.parts.push_back(cell_of(type.map_key()));
      cell.parts.push_back(cell_of(type.map_value()));
      break;
    case DUCKDB_TYPE_STRUCT:
      for (const Type::Field& field : type.fields()) {
        cell.parts.push_back(cell_of(field.type));
        cell.parts.back().name = field.name;
      }
      break;
    default:
      break;
  }
  return cell;
}

RowDocument::RowDocument(const Schema& schema, TimestampForm timestamps)
    : timestamps_(timestamps), shapes_(VectorShape::of(types_of(schema))), columns_(schema.size()) {
  for (const Column& column : schema) cells_.push_back(cell_of(column.type));
  std::iota(columns_.begin(), columns_.end(), 0);
}

RowDocument::~RowDocument() = default;

void RowDocument::read(const Chunk& chunk) { readers_ = read_columns(shapes_, chunk, columns_); }

Status RowDocument::append(std::size_t column, std::size_t row, std::string_view name,
                           BsonWriter& out) {
  return value(cells_[column], readers_[column], row, name, 1, out);
}

Status RowDocument::append_exact(std::size_t column, std::size_t row, std::string_view name,
                                 BsonWriter& out) {
  exact_ = true;
  const Status appended = append(column, row, name, out);
  exact_ = false;
  return appended;
}

Status RowDocument::value(const Cell& cell, const VectorReader& reader, std::size_t row,
                          std::string_view name, unsigned depth, BsonWriter& out) {
  if (!reader.valid(row)) return out.null(name), Status();
  switch (cell.id) {
    case DUCKDB_TYPE_BOOLEAN:
      out.boolean(name, reader.value<bool>(row));
      return {};
    case DUCKDB_TYPE_VARCHAR:
      if (!cell.json) return out.text(name, reader.text(row)), Status();
      LEAT_TRY(json_.read(reader.text(row)));
      return json_.append_value(name, out);
    case DUCKDB_TYPE_BLOB:
      out.binary(name, BSON_SUBTYPE_BINARY, reader.text(row));
      return {};
    case DUCKDB_TYPE_UUID: {
      const auto bytes = uuid_bytes(reader.value<Uint128>(row));
      out.binary(name, BSON_SUBTYPE_UUID, {bytes.data(), bytes.size()});
      return {};
    }
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_STRUCT:
      return nested(cell, reader, row, name, depth, out);
    case DUCKDB_TYPE_MAP:
      return map(cell, reader, row, name, depth, out);
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
      time(cell, reader, row, name, out);
      return {};
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_TIME_NS:
    case DUCKDB_TYPE_TIME_TZ:
    case DUCKDB_TYPE_INTERVAL:
    case DUCKDB_TYPE_BIT:
    case DUCKDB_TYPE_BIGNUM:
      scratch_.clear();
      format::append_scalar(reader, row, 0, scratch_);
      out.text(name, scratch_);
      return {};
    default:
      return number(cell, reader, row, name, out);
  }
}

Status RowDocument::number(const Cell& cell, const VectorReader& reader, std::size_t row,
                           std::string_view name, BsonWriter& out) const {
  switch (cell.id) {
    case DUCKDB_TYPE_TINYINT:
      out.int32(name, reader.value<std::int8_t>(row));
      break;
    case DUCKDB_TYPE_SMALLINT:
      out.int32(name, reader.value<std::int16_t>(row));
      break;
    case DUCKDB_TYPE_INTEGER:
      out.int32(name, reader.value<std::int32_t>(row));
      break;
    case DUCKDB_TYPE_UTINYINT:
      out.int32(name, reader.value<std::uint8_t>(row));
      break;
    case DUCKDB_TYPE_USMALLINT:
      out.int32(name, reader.value<std::uint16_t>(row));
      break;
    case DUCKDB_TYPE_UINTEGER:
      out.int64(name, reader.value<std::uint32_t>(row));
      break;
    case DUCKDB_TYPE_BIGINT:
      out.int64(name, reader.value<std::int64_t>(row));
      break;
    case DUCKDB_TYPE_UBIGINT:
      return put_integer(reader.value<std::uint64_t>(row), name, out);
    case DUCKDB_TYPE_HUGEINT:
      return put_integer(reader.value<Int128>(row), name, out);
    case DUCKDB_TYPE_UHUGEINT: {
      const Uint128 value = reader.value<Uint128>(row);
      if (value >> 127 != 0) return too_many_digits(name);
      return put_integer(static_cast<Int128>(value), name, out);
    }
    case DUCKDB_TYPE_DECIMAL:
      return put_decimal(wide_integer(reader, row), cell.scale, name, out);
    case DUCKDB_TYPE_FLOAT:
      out.number(name, reader.value<float>(row));
      break;
    case DUCKDB_TYPE_DOUBLE:
      out.number(name, reader.value<double>(row));
      break;
    default:
      return internal_error("type-unknown", "`{}` has a type that is never kept (number {})", name,
                            static_cast<int>(cell.id));
  }
  return {};
}

Status RowDocument::nested(const Cell& cell, const VectorReader& reader, std::size_t row,
                           std::string_view name, unsigned depth, BsonWriter& out) {
  if (depth > document_depth_max) {
    return user_error("not-a-document",
                      "`{}` is nested more than {} deep, which MongoDB does not "
                      "take",
                      name, document_depth_max);
  }
  if (cell.id == DUCKDB_TYPE_STRUCT) {
    const std::size_t start = out.begin_document(name);
    for (std::size_t field = 0; field < cell.parts.size(); ++field) {
      const Cell& part = cell.parts[field];
      LEAT_TRY(value(part, reader.child(field), row, part.name, depth + 1, out));
    }
    out.end(start);
    return {};
  }
  const bool list = cell.id == DUCKDB_TYPE_LIST;
  const std::size_t size = reader.shape().array_size;
  const duckdb_list_entry entry =
      list ? reader.list(row) : duckdb_list_entry{.offset = row * size, .length = size};
  const std::size_t start = out.begin_array(name);
  IndexName index_name;
  for (std::size_t i = 0; i < entry.length; ++i) {
    LEAT_TRY(
        value(cell.parts[0], reader.child(), entry.offset + i, index_name.of(i), depth + 1, out));
  }
  out.end(start);
  return {};
}

Status RowDocument::map(const Cell& cell, const VectorReader& reader, std::size_t row,
                        std::string_view name, unsigned depth, BsonWriter& out) {
  const duckdb_list_entry entry = reader.list(row);
  const VectorReader& keys = reader.child().child(0);
  const VectorReader& values = reader.child().child(1);
  const Cell& key = cell.parts[0];
  if (!key.parts.empty()) {
    const std::size_t start = out.begin_array(name);
    IndexName index_name;
    for (std::size_t i = entry.offset; i < entry.offset + entry.length; ++i) {
      const std::size_t pair = out.begin_document(index_name.of(i - entry.offset));
      LEAT_TRY(value(key, keys, i, "key", depth + 2, out));
      LEAT_TRY(value(cell.parts[1], values, i, "value", depth + 2, out));
      out.end(pair);
    }
    out.end(start);
    return {};
  }
  const std::size_t start = out.begin_document(name);
  for (std::size_t i = entry.offset; i < entry.offset + entry.length; ++i) {
    std::string field;
    if (key.id == DUCKDB_TYPE_VARCHAR) {
      field = keys.text(i);
    } else {
      format::append_scalar(keys, i, key.scale, field);
    }
    if (field.find('\0') != std::string::npos) {
      return user_error("not-a-document",
                        "a key of the map `{}` holds the character U+0000, which MongoDB does not "
                        "take in a field's name",
                        name);
    }
    LEAT_TRY(value(cell.parts[1], values, i, field, depth + 1, out));
  }
  out.end(start);
  return {};
}

void RowDocument::time(const Cell& cell, const VectorReader& reader, std::size_t row,
                       std::string_view name, BsonWriter& out) {
  const bool is_date = cell.id == DUCKDB_TYPE_DATE;
  const std::int64_t value =
      is_date ? reader.value<std::int32_t>(row) : reader.value<std::int64_t>(row);
  const std::int64_t infinite =
      is_date ? std::numeric_limits<std::int32_t>::max() : std::numeric_limits<std::int64_t>::max();
  const bool finite = value != infinite && value != -infinite;
  if (finite && is_date) return out.date(name, value * day_ms);
  const std::int64_t per_ms = units_per_ms(cell.id);
  const bool whole = per_ms == 0 || value % per_ms == 0;
  if (finite && timestamps_ == TimestampForm::date && (whole || !exact_)) {
    // Cut back to the millisecond before, also before 1970.
    const std::int64_t cut = static_cast<std::int64_t>(!whole && value < 0);
    return out.date(name, per_ms == 0 ? value * 1000 : value / per_ms - cut);
  }
  scratch_.clear();
  format::append_scalar(reader, row, 0, scratch_);
  out.text(name, scratch_);
}

}  // namespace leat::connector::mongodb
