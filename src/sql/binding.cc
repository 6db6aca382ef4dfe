#include "sql/binding.h"

#include "sql/engine.h"
#include "sql/input_function.h"
#include "sql/once_function.h"

namespace leat::sql {
Result<std::unique_ptr<Binding>> Binding::open() {
  DatabaseHandle database = LEAT_TRY(open_engine({.threads = 1}));
  ConnectionHandle connection = LEAT_TRY(connect_engine(database.get()));
  LEAT_TRY(register_input_functions(connection.get()));
  FunctionCatalog functions = LEAT_TRY(FunctionCatalog::load(connection.get()));
  LEAT_TRY(register_once_function(connection.get()));
  std::unique_ptr<Binding> binding(
      new Binding(std::move(database), std::move(connection), std::move(functions)));
  binding->parser_ = LEAT_TRY(Parser::open(binding->connection_.get()));
  return binding;
}

Analysed<Node> Binding::parse(std::string_view sql, const std::vector<std::string>& columns) {
  auto query = parser_->parse(sql);
  if (query) return query;
  return std::unexpected(with_reserved_word_hint(std::move(query).error(), sql, columns));
}

Analysed<Node> Binding::from_of(const std::string& sql) {
  return LEAT_TRY_SQL(parse(sql)).at("from_table");
}

Analysed<Node> Binding::expression_of(const std::string& sql) {
  return LEAT_TRY_SQL(parse(sql)).at("select_list").at(0);
}

Analysed<void> Binding::declare(const std::string& name, const Schema& schema) {
  if (const auto found = declared_.find(name); found != declared_.end()) {
    if (found->second == schema) return {};
  }
  // A view and not a table, which would have a rowid besides.
  std::string sql = "CREATE OR REPLACE VIEW " + quoted_name(name) + " AS SELECT ";
  for (std::size_t i = 0; i < schema.size(); ++i) {
    sql += fmt::format("{}CAST(NULL AS {}) AS {}", i == 0 ? "" : ", ", schema[i].type.to_sql(),
                       quoted_name(schema[i].name));
  }
  if (const Status done = execute(connection_.get(), sql); !done) {
    return sql_fault("unsupported-sql", 0, "{}", done.error().message);
  }
  declared_.insert_or_assign(name, schema);
  return {};
}

Analysed<Schema> Binding::prepare(const std::string& sql, const Program::Input& input,
                                  EngineFault& fault) {
  InputSlot slot(input);
  const InputScope scope(slot);
  duckdb_prepared_statement raw = nullptr;
  const duckdb_state state = duckdb_prepare(connection_.get(), sql.c_str(), &raw);
  const StatementHandle statement(raw);
  if (state != DuckDBSuccess) {
    fault = engine_fault(duckdb_prepare_error(raw));
    return sql_fault("unsupported-sql", 0, "{}", fault.message);
  }
  if (duckdb_prepared_statement_type(raw) != DUCKDB_STATEMENT_TYPE_SELECT) {
    return sql_fault("not-a-select", 0, "this is not a query: write one SELECT");
  }
  return columns_of(raw);
}

Analysed<Schema> Binding::bind(const std::string& sql, const Program::Input& input,
                               const NamesInScope& names, std::size_t shift) {
  EngineFault fault;
  Analysed<Schema> schema = prepare(sql, input, fault);
  if (!schema && !fault.message.empty()) {
    return std::unexpected(fault_of(fault, names, shift, sql.size() - shift));
  }
  return schema;
}

Analysed<Schema> Binding::bind_rewritten(const std::string& sql, const Program::Input& input) {
  EngineFault fault;
  return prepare(sql, input, fault);
}

Analysed<void> Binding::check_macro(const std::string& name, const std::string& text) {
  const std::string sql = "CREATE OR REPLACE MACRO " + quoted_name(name) + text;
  ResultHandle result;
  if (duckdb_query(connection_.get(), sql.c_str(), result.get()) == DuckDBSuccess) return {};
  const EngineFault fault = engine_fault(duckdb_result_error(result.get()));
  if (!fault.entry_type.contains("Function")) return {};
  return sql_fault("unknown-function", 0, "there is no function {}(){}", fault.name,
                   suggestion(fault.name, functions_.names()));
}

NamesInScope Binding::names_of(const Schema& schema, const std::string& table) const {
  return {schema.names(), {table}, functions_.names()};
}

}  // namespace leat::sql
