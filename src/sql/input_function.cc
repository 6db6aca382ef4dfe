#include "sql/input_function.h"

#include "base/check.h"
#include "model/chunk.h"
#include "sql/query.h"

namespace leat::sql {
namespace {

thread_local InputSlot* bound_slot = nullptr;

constexpr std::size_t lookup_rows_expected = 64;

/// The cardinality lets DuckDB build its hash tables on the tables' few rows.
void bind_to(duckdb_bind_info info, RelationSlot& relation, std::size_t rows) {
  for (const Column& column : relation.columns) {
    const LogicalType type = column.type.logical();
    duckdb_bind_add_result_column(info, column.name.c_str(), type.get());
  }
  duckdb_bind_set_cardinality(info, rows, false);
  duckdb_bind_set_bind_data(info, &relation, nullptr);
}

void bind_input(duckdb_bind_info info) {
  if (bound_slot == nullptr) {
    duckdb_bind_set_error(info, "__leat_input() stands for a program's input only");
    return;
  }
  bind_to(info, bound_slot->input, chunk_rows_max);
}

void bind_lookup(duckdb_bind_info info) {
  duckdb_value parameter = duckdb_bind_get_parameter(info, 0);
  char* text = duckdb_get_varchar(parameter);
  const std::string name = text == nullptr ? "" : text;
  duckdb_free(text);
  duckdb_destroy_value(&parameter);
  for (std::size_t i = 0; bound_slot != nullptr && i < bound_slot->lookups.size(); ++i) {
    if (bound_slot->names[i] != name) continue;
    return bind_to(info, bound_slot->lookups[i], lookup_rows_expected);
  }
  duckdb_bind_set_error(info, "__leat_lookup() stands for a program's tables only");
}

/// Called for each place where the query reads the relation.
void init(duckdb_init_info info) {
  duckdb_init_set_max_threads(info, 1);
  const auto* slot = static_cast<const RelationSlot*>(duckdb_init_get_bind_data(info));
  if (slot == nullptr || slot->rows == nullptr) return;
  std::unique_ptr<ChunkInput> rows = slot->rows->again();
  if (rows == nullptr) return;
  duckdb_init_set_init_data(info, rows.release(),
                            [](void* data) { delete static_cast<ChunkInput*>(data); });
}

void scan(duckdb_function_info info, duckdb_data_chunk out) {
  auto* slot = static_cast<RelationSlot*>(duckdb_function_get_bind_data(info));
  LEAT_CHECK(slot != nullptr);
  if (slot->rows == nullptr) {
    duckdb_data_chunk_set_size(out, 0);
    return;
  }
  auto* rows = static_cast<ChunkInput*>(duckdb_function_get_init_data(info));
  Status filled = (rows == nullptr ? slot->rows : rows)->fill(out);
  if (!filled) {
    slot->failure = std::move(filled).error();
    duckdb_function_set_error(info, slot->failure->message.c_str());
  }
}

/// The columns of a program's input, with those that Leat adds.
Schema with_added_columns(const Program::Input& input) {
  std::vector<Column> columns = input.schema.columns();
  if (input.with_row) columns.push_back({row_column, Type::of(DUCKDB_TYPE_BIGINT)});
  if (input.with_weight) columns.push_back({weight_column, Type::of(DUCKDB_TYPE_BIGINT)});
  return Schema(std::move(columns));
}

/// `takes_name`: the function has a parameter, the relation's name.
Status register_function(duckdb_connection connection, const char* name,
                         duckdb_table_function_bind_t bind, bool takes_name) {
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, name);
  if (takes_name) {
    const LogicalType text(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
    duckdb_table_function_add_parameter(function, text.get());
  }
  duckdb_table_function_set_bind(function, bind);
  duckdb_table_function_set_init(function, init);
  duckdb_table_function_set_function(function, scan);
  const duckdb_state state = duckdb_register_table_function(connection, function);
  duckdb_destroy_table_function(&function);
  if (state != DuckDBSuccess) {
    return internal_error("sql-engine", "DuckDB refused the table function {}", name);
  }
  return {};
}

}  // namespace

InputSlot::InputSlot(const Program::Input& program_input)
    : input{.columns = with_added_columns(program_input)} {
  for (const Program::LookupInput& lookup : program_input.lookups) {
    names.push_back(lookup.relation);
    lookups.push_back({.columns = lookup.schema});
  }
}

Status register_input_functions(duckdb_connection connection) {
  LEAT_TRY(register_function(connection, input_function, bind_input, false));
  return register_function(connection, lookup_function, bind_lookup, true);
}

InputScope::InputScope(InputSlot& slot) : before_(bound_slot) { bound_slot = &slot; }
InputScope::~InputScope() { bound_slot = before_; }

}  // namespace leat::sql
