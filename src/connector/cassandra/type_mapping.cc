#include "connector/cassandra/value_writer.h"

namespace leat::connector::cql {
namespace {

using Kind = CqlType::Kind;

Result<CqlType> nested_type_for(const Type& type, bool vectors) {
  CqlType made;
  switch (type.id()) {
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
      made.kind = Kind::list;
      made.parameters.push_back(LEAT_TRY(cql_type_for(type.element(), vectors)));
      if (type.id() == DUCKDB_TYPE_ARRAY && vectors) {
        made.kind = Kind::vector;
        made.dimension = type.array_size();
      }
      return made;
    case DUCKDB_TYPE_MAP:
      made.kind = Kind::map;
      made.parameters.push_back(LEAT_TRY(cql_type_for(type.map_key(), vectors)));
      made.parameters.push_back(LEAT_TRY(cql_type_for(type.map_value(), vectors)));
      return made;
    default:
      made.kind = Kind::tuple;
      for (const Type::Field& field : type.fields()) {
        made.parameters.push_back(LEAT_TRY(cql_type_for(field.type, vectors)));
      }
      return made;
  }
}

}  // namespace

Result<CqlType> cql_type_for(const Type& type, bool vectors) {
  if (type.is_nested()) return nested_type_for(type, vectors);
  const auto kind = [&]() -> Kind {
    switch (type.id()) {
      case DUCKDB_TYPE_BOOLEAN:
        return Kind::boolean;
      case DUCKDB_TYPE_TINYINT:
        return Kind::tinyint;
      case DUCKDB_TYPE_SMALLINT:
      case DUCKDB_TYPE_UTINYINT:
        return Kind::smallint;
      case DUCKDB_TYPE_INTEGER:
      case DUCKDB_TYPE_USMALLINT:
        return Kind::int_;
      case DUCKDB_TYPE_BIGINT:
      case DUCKDB_TYPE_UINTEGER:
        return Kind::bigint;
      case DUCKDB_TYPE_UBIGINT:
      case DUCKDB_TYPE_HUGEINT:
      case DUCKDB_TYPE_UHUGEINT:
        return Kind::varint;
      case DUCKDB_TYPE_FLOAT:
        return Kind::float_;
      case DUCKDB_TYPE_DOUBLE:
        return Kind::double_;
      case DUCKDB_TYPE_DECIMAL:
        return Kind::decimal;
      case DUCKDB_TYPE_BLOB:
        return Kind::blob;
      case DUCKDB_TYPE_DATE:
        return Kind::date;
      case DUCKDB_TYPE_TIME:
      case DUCKDB_TYPE_TIME_NS:
        return Kind::time;
      case DUCKDB_TYPE_TIMESTAMP:
      case DUCKDB_TYPE_TIMESTAMP_S:
      case DUCKDB_TYPE_TIMESTAMP_MS:
      case DUCKDB_TYPE_TIMESTAMP_NS:
      case DUCKDB_TYPE_TIMESTAMP_TZ:
        return Kind::timestamp;
      case DUCKDB_TYPE_UUID:
        return Kind::uuid;
      case DUCKDB_TYPE_INTERVAL:
        return Kind::duration;
      default:
        return Kind::text;
    }
  }();
  CqlType made{.kind = kind};
  // Whatever it is, there must be a way to write it.
  LEAT_TRY(ValueWriter::make(type, made));
  return made;
}

}  // namespace leat::connector::cql
