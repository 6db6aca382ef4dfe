#include "connector/postgresql/column_type.h"

#include "model/vector_shape.h"

namespace leat::connector::postgresql {
namespace {

struct Scalar {
  const char* sql;
  std::uint32_t oid;
  std::uint32_t array_oid;
  Wire wire;
};

constexpr Scalar boolean{"boolean", 16, 1000, Wire::boolean};
constexpr Scalar bytea{"bytea", 17, 1001, Wire::bytea};
constexpr Scalar int8{"bigint", 20, 1016, Wire::int8};
constexpr Scalar int2{"smallint", 21, 1005, Wire::int2};
constexpr Scalar int4{"integer", 23, 1007, Wire::int4};
constexpr Scalar text{"text", 25, 1009, Wire::text};
constexpr Scalar json{"json", 114, 199, Wire::text};
constexpr Scalar float4{"real", 700, 1021, Wire::float4};
constexpr Scalar float8{"double precision", 701, 1022, Wire::float8};
constexpr Scalar date{"date", 1082, 1182, Wire::date};
constexpr Scalar time_of_day{"time", 1083, 1183, Wire::time};
constexpr Scalar timestamp{"timestamp", 1114, 1115, Wire::timestamp};
constexpr Scalar timestamptz{"timestamptz", 1184, 1185, Wire::timestamp};
constexpr Scalar interval{"interval", 1186, 1187, Wire::interval};
constexpr Scalar timetz{"timetz", 1266, 1270, Wire::time_with_zone};
constexpr Scalar varbit{"bit varying", 1562, 1563, Wire::bits};
constexpr Scalar numeric{"numeric", 1700, 1231, Wire::numeric};
constexpr Scalar uuid{"uuid", 2950, 2951, Wire::uuid};
constexpr Scalar jsonb{"jsonb", 3802, 3807, Wire::jsonb};

const Scalar* scalar_of(duckdb_type id) {
  switch (id) {
    case DUCKDB_TYPE_BOOLEAN:
      return &boolean;
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_SMALLINT:
      return &int2;
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_INTEGER:
      return &int4;
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_BIGINT:
      return &int8;
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_BIGNUM:
    case DUCKDB_TYPE_DECIMAL:
      return &numeric;
    case DUCKDB_TYPE_FLOAT:
      return &float4;
    case DUCKDB_TYPE_DOUBLE:
      return &float8;
    case DUCKDB_TYPE_VARCHAR:
      return &text;
    case DUCKDB_TYPE_BLOB:
      return &bytea;
    case DUCKDB_TYPE_BIT:
      return &varbit;
    case DUCKDB_TYPE_UUID:
      return &uuid;
    case DUCKDB_TYPE_DATE:
      return &date;
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_TIME_NS:
      return &time_of_day;
    case DUCKDB_TYPE_TIME_TZ:
      return &timetz;
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return &timestamp;
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return &timestamptz;
    case DUCKDB_TYPE_INTERVAL:
      return &interval;
    default:
      return nullptr;
  }
}

/// Digits before the point of the integers that no integer of PostgreSQL holds.
unsigned digits_of(duckdb_type id) {
  return id == DUCKDB_TYPE_UBIGINT ? 20 : id == DUCKDB_TYPE_BIGNUM ? 0 : 39;
}

ColumnType of(const Scalar& scalar) {
  return {.sql = scalar.sql, .oid = scalar.oid, .wire = scalar.wire, .element = nullptr};
}

const Scalar& scalar_or_json(const Type& type) {
  if (type.is_json() || type.is_nested()) return jsonb;
  return *scalar_of(type.id());
}

}  // namespace

Result<ColumnType> column_type(const Type& type) {
  if (!VectorShape::supports(type) || (!type.is_nested() && scalar_of(type.id()) == nullptr)) {
    return user_error("type-not-kept",
                      "PostgreSQL: a column of type {} can't be written; cast it in the SELECT",
                      type.to_sql());
  }
  const bool is_list = type.id() == DUCKDB_TYPE_LIST || type.id() == DUCKDB_TYPE_ARRAY;
  // An array of arrays must be rectangular in PostgreSQL, which a list of lists need not be.
  if (is_list && !type.element().is_nested()) {
    const Scalar& scalar = scalar_or_json(type.element());
    ColumnType element = LEAT_TRY(column_type(type.element()));
    return ColumnType{.sql = element.sql + "[]",
                      .oid = scalar.array_oid,
                      .wire = Wire::array,
                      .element = std::make_shared<const ColumnType>(element)};
  }
  const Scalar& scalar = scalar_or_json(type);
  ColumnType column = of(scalar);
  if (type.id() == DUCKDB_TYPE_DECIMAL) {
    column.sql = fmt::format("numeric({},{})", type.decimal_width(), type.decimal_scale());
  } else if (scalar.wire == Wire::numeric && digits_of(type.id()) != 0) {
    column.sql = fmt::format("numeric({},0)", digits_of(type.id()));
  }
  return column;
}

ColumnType record_headers_type() {
  ColumnType type = of(jsonb);
  type.wire = Wire::record_headers;
  return type;
}

ColumnType record_type(const std::string& name) {
  if (name == "json") return of(json);
  if (name == "jsonb") return of(jsonb);
  if (name == "bytea") return of(bytea);
  return of(text);
}

}  // namespace leat::connector::postgresql
