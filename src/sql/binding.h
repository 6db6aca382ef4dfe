#pragma once

#include <map>
#include <memory>
#include <string>

#include "sql/fault.h"
#include "sql/function_catalog.h"
#include "sql/parser.h"
#include "sql/program.h"

namespace leat::sql {

/// A DuckDB that never sees a row: parses queries into syntax trees, turns trees back into SQL, and
/// binds queries against columns. One thread at a time.
class Binding {
 public:
  static Result<std::unique_ptr<Binding>> open();

  /// `columns`: names that may be in the text, for a fault's hint.
  Analysed<Node> parse(std::string_view sql, const std::vector<std::string>& columns = {});
  Analysed<std::string> to_sql(const Node& query) { return parser_->to_sql(query); }
  /// The `from_table` of a query, and the one expression of its SELECT list.
  Analysed<Node> from_of(const std::string& sql);
  Analysed<Node> expression_of(const std::string& sql);

  /// Makes `name` a relation of these columns, instead of what it was.
  Analysed<void> declare(const std::string& name, const Schema& schema);

  /// Binds SQL whose first `shift` bytes are not the user's; `input` is what `__leat_input()`
  /// stands for.
  Analysed<Schema> bind(const std::string& sql, const Program::Input& input,
                        const NamesInScope& names, std::size_t shift = 0);
  /// Binds SQL of ours: a fault is `unsupported-sql`.
  Analysed<Schema> bind_rewritten(const std::string& sql, const Program::Input& input);

  Parser& parser() { return *parser_; }
  /// Whether a scalar macro (`CREATE MACRO name text`) calls functions that there are. What it says
  /// of columns and types only a call shows.
  Analysed<void> check_macro(const std::string& name, const std::string& text);

  const FunctionCatalog& functions() const { return functions_; }
  NamesInScope names_of(const Schema& schema, const std::string& table) const;

 private:
  Binding(DatabaseHandle database, ConnectionHandle connection, FunctionCatalog functions)
      : database_(std::move(database)),
        connection_(std::move(connection)),
        functions_(std::move(functions)) {}

  Analysed<Schema> prepare(const std::string& sql, const Program::Input& input, EngineFault& fault);

  DatabaseHandle database_;
  ConnectionHandle connection_;
  FunctionCatalog functions_;
  std::unique_ptr<Parser> parser_;
  std::map<std::string, Schema> declared_;
};

}  // namespace leat::sql
