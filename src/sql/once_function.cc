#include "sql/once_function.h"

#include <algorithm>
#include <array>

#include "sql/handles.h"

namespace leat::sql {
namespace {

constexpr std::array types{
    DUCKDB_TYPE_VARCHAR,   DUCKDB_TYPE_BOOLEAN,      DUCKDB_TYPE_TINYINT, DUCKDB_TYPE_SMALLINT,
    DUCKDB_TYPE_INTEGER,   DUCKDB_TYPE_BIGINT,       DUCKDB_TYPE_HUGEINT, DUCKDB_TYPE_UTINYINT,
    DUCKDB_TYPE_USMALLINT, DUCKDB_TYPE_UINTEGER,     DUCKDB_TYPE_UBIGINT, DUCKDB_TYPE_UHUGEINT,
    DUCKDB_TYPE_FLOAT,     DUCKDB_TYPE_DOUBLE,       DUCKDB_TYPE_DATE,    DUCKDB_TYPE_TIME,
    DUCKDB_TYPE_TIMESTAMP, DUCKDB_TYPE_TIMESTAMP_TZ, DUCKDB_TYPE_UUID,    DUCKDB_TYPE_BLOB};

void give_back(duckdb_function_info, duckdb_data_chunk arguments, duckdb_vector result) {
  duckdb_vector_reference_vector(result, duckdb_data_chunk_get_vector(arguments, 0));
}

}  // namespace

bool has_once(const Type& type) {
  return std::ranges::any_of(types, [&](duckdb_type id) { return type == Type::of(id); });
}

Status register_once_function(duckdb_connection connection) {
  duckdb_scalar_function_set forms = duckdb_create_scalar_function_set(once_function);
  for (const duckdb_type id : types) {
    const LogicalType type(duckdb_create_logical_type(id));
    duckdb_scalar_function form = duckdb_create_scalar_function();
    duckdb_scalar_function_set_name(form, once_function);
    duckdb_scalar_function_add_parameter(form, type.get());
    duckdb_scalar_function_set_return_type(form, type.get());
    duckdb_scalar_function_set_function(form, give_back);
    duckdb_scalar_function_set_volatile(form);
    duckdb_add_scalar_function_to_set(forms, form);
    duckdb_destroy_scalar_function(&form);
  }
  const duckdb_state state = duckdb_register_scalar_function_set(connection, forms);
  duckdb_destroy_scalar_function_set(&forms);
  if (state == DuckDBSuccess) return {};
  return internal_error("sql-engine", "DuckDB refused the function {}", once_function);
}

}  // namespace leat::sql
