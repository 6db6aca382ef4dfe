#include "connector/postgresql/copy_encoder.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "connector/postgresql/big_endian.h"
#include "connector/postgresql/binary_numeric.h"
#include "format/encoder.h"
#include "format/record_metadata.h"
#include "format/value_text.h"
#include "model/vector_access.h"

namespace leat::connector::postgresql {
namespace {

using Int128 = __int128;
using Uint128 = unsigned __int128;

constexpr std::uint32_t null_length = 0xFFFFFFFF;
constexpr std::int64_t days_to_2000 = 10'957;
constexpr std::int64_t us_to_2000 = days_to_2000 * 86'400'000'000;
constexpr std::int64_t time_tz_offset_max = 57'599;  ///< as DuckDB packs a zone's offset

template <class Unsigned>
void append_cell(Unsigned value, std::string& out) {
  char bytes[4 + sizeof(Unsigned)];
  const std::uint32_t length = swapped(std::uint32_t{sizeof(Unsigned)});
  const Unsigned swapped_value = swapped(value);
  std::memcpy(bytes, &length, 4);
  std::memcpy(bytes + 4, &swapped_value, sizeof swapped_value);
  out.append(bytes, sizeof bytes);
}

void append_int2(std::int16_t value, std::string& out) {
  append_cell(static_cast<std::uint16_t>(value), out);
}
void append_int4(std::int32_t value, std::string& out) {
  append_cell(static_cast<std::uint32_t>(value), out);
}
void append_int8(std::int64_t value, std::string& out) {
  append_cell(static_cast<std::uint64_t>(value), out);
}

void append_bytes(std::string_view bytes, std::string& out) {
  append_integer(static_cast<std::uint32_t>(bytes.size()), out);
  out += bytes;
}

void append_date(std::int32_t days, std::string& out) {
  constexpr std::int32_t infinite = std::numeric_limits<std::int32_t>::max();
  if (days == infinite) return append_int4(infinite, out);
  if (days == -infinite) return append_int4(std::numeric_limits<std::int32_t>::min(), out);
  const std::int64_t shifted = days - days_to_2000;
  // One beyond the earliest that there is: the server refuses it.
  append_int4(static_cast<std::int32_t>(std::max<std::int64_t>(
                  shifted, std::int64_t{std::numeric_limits<std::int32_t>::min()} + 1)),
              out);
}

/// `multiplier` and `divisor` make microseconds of the value.
void append_timestamp(std::int64_t value, std::int64_t multiplier, std::int64_t divisor,
                      std::string& out) {
  constexpr std::int64_t infinite = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t earliest = std::numeric_limits<std::int64_t>::min();
  if (value == infinite) return append_int8(infinite, out);
  if (value == -infinite) return append_int8(earliest, out);
  std::int64_t us = 0;
  if (__builtin_mul_overflow(value, multiplier, &us)) us = value < 0 ? earliest : infinite;
  if (divisor != 1) us = us / divisor - (us % divisor < 0 ? 1 : 0);
  if (__builtin_sub_overflow(us, us_to_2000, &us)) us = earliest;
  // The ends of the range stand for infinity: what lies beyond must not become that.
  append_int8(std::clamp(us, earliest + 1, infinite - 1), out);
}

void append_time_tz(std::uint64_t packed, std::string& out) {
  append_integer(std::uint32_t{12}, out);
  append_integer(packed >> 24, out);
  // PostgreSQL counts seconds west of Greenwich.
  const std::int64_t east = time_tz_offset_max - static_cast<std::int64_t>(packed & 0xFFFFFF);
  append_integer(static_cast<std::uint32_t>(-east), out);
}

void append_interval(const duckdb_interval& interval, std::string& out) {
  append_integer(std::uint32_t{16}, out);
  append_integer(static_cast<std::uint64_t>(interval.micros), out);
  append_integer(static_cast<std::uint32_t>(interval.days), out);
  append_integer(static_cast<std::uint32_t>(interval.months), out);
}

void append_uuid(Uint128 bits, std::string& out) {
  bits ^= Uint128{1} << 127;
  append_integer(std::uint32_t{16}, out);
  append_integer(static_cast<std::uint64_t>(bits >> 64), out);
  append_integer(static_cast<std::uint64_t>(bits), out);
}

/// DuckDB has the unused bits at the front, PostgreSQL at the end.
void append_bits(std::string_view packed, std::string& out) {
  const unsigned padding = packed.empty() ? 0 : static_cast<unsigned char>(packed[0]);
  const std::string_view bytes = packed.substr(std::min<std::size_t>(1, packed.size()));
  append_integer(static_cast<std::uint32_t>(4 + bytes.size()), out);
  append_integer(static_cast<std::uint32_t>(8 * bytes.size() - padding), out);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto here = static_cast<unsigned char>(bytes[i]);
    const unsigned next = i + 1 < bytes.size() ? static_cast<unsigned char>(bytes[i + 1]) : 0;
    out += static_cast<char>(here << padding | next >> (8 - padding));
  }
}

void append_hugeint(Int128 value, unsigned scale, std::string& out) {
  append_numeric(value < 0 ? -static_cast<Uint128>(value) : static_cast<Uint128>(value), value < 0,
                 scale, out);
}

std::int64_t integer_of(const VectorReader& reader, std::size_t row) {
  switch (reader.shape().id) {
    case DUCKDB_TYPE_TINYINT:
      return reader.value<std::int8_t>(row);
    case DUCKDB_TYPE_UTINYINT:
      return reader.value<std::uint8_t>(row);
    case DUCKDB_TYPE_SMALLINT:
      return reader.value<std::int16_t>(row);
    case DUCKDB_TYPE_USMALLINT:
      return reader.value<std::uint16_t>(row);
    case DUCKDB_TYPE_UINTEGER:
      return reader.value<std::uint32_t>(row);
    case DUCKDB_TYPE_INTEGER:
      return reader.value<std::int32_t>(row);
    default:
      return reader.value<std::int64_t>(row);
  }
}

void append_any_numeric(const VectorReader& reader, std::size_t row, unsigned scale,
                        std::string& out) {
  switch (reader.shape().id) {
    case DUCKDB_TYPE_UBIGINT:
      return append_numeric(reader.value<std::uint64_t>(row), false, 0, out);
    case DUCKDB_TYPE_UHUGEINT:
      return append_numeric(reader.value<Uint128>(row), false, 0, out);
    case DUCKDB_TYPE_HUGEINT:
      return append_hugeint(reader.value<Int128>(row), 0, out);
    case DUCKDB_TYPE_BIGNUM: {
      std::string text;
      format::append_scalar(reader, row, 0, text);
      return append_numeric(text, out);
    }
    default:
      break;
  }
  switch (reader.shape().width) {
    case 2:
      return append_hugeint(reader.value<std::int16_t>(row), scale, out);
    case 4:
      return append_hugeint(reader.value<std::int32_t>(row), scale, out);
    case 8:
      return append_hugeint(reader.value<std::int64_t>(row), scale, out);
    default:
      return append_hugeint(reader.value<Int128>(row), scale, out);
  }
}

void append_any_timestamp(const VectorReader& reader, std::size_t row, std::string& out) {
  const auto value = reader.value<std::int64_t>(row);
  switch (reader.shape().id) {
    case DUCKDB_TYPE_TIMESTAMP_S:
      return append_timestamp(value, 1'000'000, 1, out);
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return append_timestamp(value, 1000, 1, out);
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return append_timestamp(value, 1, 1000, out);
    default:
      return append_timestamp(value, 1, 1, out);
  }
}

void append_float(const VectorReader& reader, std::size_t row, Wire wire, std::string& out) {
  if (wire == Wire::float4) return append_cell(reader.value<std::uint32_t>(row), out);
  append_cell(reader.value<std::uint64_t>(row), out);
}

void append_text_form(std::string_view text, Wire wire, std::string& out) {
  constexpr char jsonb_version = 1;
  if (wire != Wire::jsonb) return append_bytes(text, out);
  append_integer(static_cast<std::uint32_t>(text.size() + 1), out);
  out += jsonb_version;
  out += text;
}

/// What is damaged is left out, as it can't be shown.
void append_record_headers(std::string_view headers, std::string& out) {
  std::string json;
  if (!format::append_headers_json(headers, json)) return append_integer(null_length, out);
  append_text_form(json, Wire::jsonb, out);
}

/// A value that is not NULL and no array; of types that lie in one vector.
void append_scalar(const VectorReader& reader, std::size_t row, Wire wire, unsigned scale,
                   std::string& out) {
  switch (wire) {
    case Wire::boolean:
      append_integer(std::uint32_t{1}, out);
      out += reader.value<bool>(row) ? '\1' : '\0';
      return;
    case Wire::int2:
      return append_int2(static_cast<std::int16_t>(integer_of(reader, row)), out);
    case Wire::int4:
      return append_int4(static_cast<std::int32_t>(integer_of(reader, row)), out);
    case Wire::int8:
      return append_int8(integer_of(reader, row), out);
    case Wire::float4:
    case Wire::float8:
      return append_float(reader, row, wire, out);
    case Wire::numeric:
      return append_any_numeric(reader, row, scale, out);
    case Wire::text:
    case Wire::bytea:
    case Wire::jsonb:
      return append_text_form(reader.text(row), wire, out);
    case Wire::record_headers:
      return append_record_headers(reader.text(row), out);
    case Wire::bits:
      return append_bits(reader.text(row), out);
    case Wire::uuid:
      return append_uuid(reader.value<Uint128>(row), out);
    case Wire::date:
      return append_date(reader.value<std::int32_t>(row), out);
    case Wire::time: {
      const auto units = reader.value<std::int64_t>(row);
      return append_int8(reader.shape().id == DUCKDB_TYPE_TIME_NS ? units / 1000 : units, out);
    }
    case Wire::time_with_zone:
      return append_time_tz(reader.value<std::uint64_t>(row), out);
    case Wire::timestamp:
      return append_any_timestamp(reader, row, out);
    case Wire::interval:
      return append_interval(reader.value<duckdb_interval>(row), out);
    case Wire::array:
      return;
  }
}

unsigned scale_of(const Type& type) {
  return type.id() == DUCKDB_TYPE_DECIMAL ? type.decimal_scale() : 0;
}

}  // namespace

/// One column as it is written.
struct CopyEncoder::Cell {
  std::size_t source;
  ColumnType type;
  VectorShape shape;
  unsigned scale = 0;  ///< of a decimal, or of an array's decimals
  /// Of a struct, a map or a list of lists: as JSON, one column at a time.
  std::optional<format::RowEncoder> nested;
  std::optional<Schema> nested_schema;

  Cell(const Schema& schema, CopyColumn column)
      : source(column.source), type(std::move(column.type)) {
    if (source == weight_column) return;
    const Type& from = schema[source].type;
    shape = VectorShape::of(from);
    if (this->type.wire == Wire::array) {
      scale = scale_of(from.element());
    } else if (from.is_nested()) {
      nested_schema.emplace(std::vector<Column>{schema[source]});
      nested.emplace(*nested_schema);
    } else {
      scale = scale_of(from);
    }
  }

  void append_array(const VectorReader& reader, std::size_t row, std::string& out) const {
    duckdb_list_entry list{row * shape.array_size, shape.array_size};
    if (shape.kind == VectorShape::Kind::list) list = reader.list(row);
    const std::size_t length_at = out.size();
    append_integer(std::uint32_t{0}, out);
    append_integer(std::uint32_t{list.length == 0 ? 0U : 1U}, out);  // dimensions
    const std::size_t has_null_at = out.size();
    append_integer(std::uint32_t{0}, out);
    append_integer(type.element->oid, out);
    if (list.length != 0) {
      append_integer(static_cast<std::uint32_t>(list.length), out);
      append_integer(std::uint32_t{1}, out);  // the first one's index
    }
    bool has_null = false;
    for (std::size_t i = list.offset; i < list.offset + list.length; ++i) {
      if (reader.child().valid(i)) {
        append_scalar(reader.child(), i, type.element->wire, scale, out);
      } else {
        has_null = true;
        append_integer(null_length, out);
      }
    }
    if (has_null) out[has_null_at + 3] = 1;
    const std::uint32_t length = swapped(static_cast<std::uint32_t>(out.size() - length_at - 4));
    std::memcpy(out.data() + length_at, &length, sizeof length);
  }
};

namespace {

/// A column of a part, as the rows are gone through.
struct PartColumn {
  std::optional<VectorReader> reader;
  Chunk nested;  ///< of that column alone, sharing the part's memory
  std::string json;
};

}  // namespace

CopyEncoder::CopyEncoder(const Schema& schema, std::vector<CopyColumn> columns) {
  cells_.reserve(columns.size());
  for (CopyColumn& column : columns) cells_.emplace_back(schema, std::move(column));
}

CopyEncoder::~CopyEncoder() = default;
CopyEncoder::CopyEncoder(CopyEncoder&&) noexcept = default;

void CopyEncoder::append_header(std::string& out) {
  constexpr std::string_view signature("PGCOPY\n\377\r\n\0", 11);
  out += signature;
  append_integer(std::uint32_t{0}, out);  // flags
  append_integer(std::uint32_t{0}, out);  // length of the extension
}

void CopyEncoder::append_trailer(std::string& out) { append_integer(std::uint16_t{0xFFFF}, out); }

void CopyEncoder::append_rows(const SinkRows& part, std::span<const std::uint32_t> rows,
                              std::string& out) {
  std::vector<PartColumn> columns(cells_.size());
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const Cell& cell = cells_[i];
    if (cell.source == weight_column) continue;
    const duckdb_vector vector = part.rows.vector(cell.source);
    columns[i].reader.emplace(cell.shape, vector);
    if (cell.nested) {
      columns[i].nested = Chunk(*cell.nested_schema);
      duckdb_vector_reference_vector(columns[i].nested.vector(0), vector);
      columns[i].nested.set_size(part.rows.size());
    }
  }
  const auto column_count = static_cast<std::uint16_t>(cells_.size());
  for (const std::uint32_t row : rows) {
    append_integer(column_count, out);
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      const Cell& cell = cells_[i];
      PartColumn& column = columns[i];
      if (cell.source == weight_column) {
        append_int8(part.weights[row], out);
      } else if (!column.reader->valid(row)) {
        append_integer(null_length, out);
      } else if (cell.nested) {
        column.json.clear();
        cell.nested->append_json_array(column.nested, row, column.json);
        // Of the array of one column, what is between the brackets.
        append_text_form(std::string_view(column.json).substr(1, column.json.size() - 2),
                         cell.type.wire, out);
      } else if (cell.type.wire == Wire::array) {
        cell.append_array(*column.reader, row, out);
      } else {
        append_scalar(*column.reader, row, cell.type.wire, cell.scale, out);
      }
    }
  }
}

}  // namespace leat::connector::postgresql
