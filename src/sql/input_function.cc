#include "sql/input_function.h"

#include "base/check.h"
#include "model/chunk.h"
#include "sql/query.h"

namespace leat::sql {
namespace {

thread_local InputSlot* bound_slot = nullptr;

void bind(duckdb_bind_info info) {
  InputSlot* slot = bound_slot;
  if (slot == nullptr) {
    duckdb_bind_set_error(info, "__leat_input() stands for a program's input only");
    return;
  }
  for (const Column& column : slot->columns) {
    const LogicalType type = column.type.logical();
    duckdb_bind_add_result_column(info, column.name.c_str(), type.get());
  }
  duckdb_bind_set_cardinality(info, chunk_rows_max, false);
  duckdb_bind_set_bind_data(info, slot, nullptr);
}

void init(duckdb_init_info info) { duckdb_init_set_max_threads(info, 1); }

void scan(duckdb_function_info info, duckdb_data_chunk out) {
  auto* slot = static_cast<InputSlot*>(duckdb_function_get_bind_data(info));
  LEAT_CHECK(slot != nullptr);
  if (slot->rows == nullptr) {
    duckdb_data_chunk_set_size(out, 0);
    return;
  }
  Status filled = slot->rows->fill(out);
  if (!filled) {
    slot->failure = std::move(filled).error();
    duckdb_function_set_error(info, slot->failure->message.c_str());
  }
}

}  // namespace

Schema with_added_columns(const Program::Input& input) {
  std::vector<Column> columns = input.schema.columns();
  if (input.with_row) columns.push_back({row_column, Type::of(DUCKDB_TYPE_BIGINT)});
  if (input.with_weight) columns.push_back({weight_column, Type::of(DUCKDB_TYPE_BIGINT)});
  return Schema(std::move(columns));
}

Status register_input_function(duckdb_connection connection) {
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, input_function);
  duckdb_table_function_set_bind(function, bind);
  duckdb_table_function_set_init(function, init);
  duckdb_table_function_set_function(function, scan);
  const duckdb_state state = duckdb_register_table_function(connection, function);
  duckdb_destroy_table_function(&function);
  if (state != DuckDBSuccess) {
    return internal_error("sql-engine", "DuckDB refused the table function {}", input_function);
  }
  return {};
}

InputScope::InputScope(InputSlot& slot) : before_(bound_slot) { bound_slot = &slot; }
InputScope::~InputScope() { bound_slot = before_; }

}  // namespace leat::sql
