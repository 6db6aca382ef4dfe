#include "sql/parser.h"

#include "model/chunk.h"

namespace leat::sql {
namespace {

Result<StatementHandle> prepared(duckdb_connection connection, const char* sql) {
  duckdb_prepared_statement raw = nullptr;
  const duckdb_state state = duckdb_prepare(connection, sql, &raw);
  StatementHandle statement(raw);
  if (state != DuckDBSuccess) {
    return internal_error("sql-engine", "{}", engine_fault(duckdb_prepare_error(raw)).message);
  }
  return statement;
}

/// What json_serialize_sql says instead of a tree.
SqlFault parse_fault(const Node& answer, std::size_t sql_bytes) {
  if (text_in(answer, "error_type") == "not implemented") {
    return {"not-a-select", "this is not a query: write one SELECT", 0};
  }
  const std::string position = text_in(answer, "position");
  std::size_t at = 0;
  if (!position.empty() && position.size() < 10) at = std::stoul(position);
  return {"sql-syntax", text_in(answer, "error_message"), std::min(at, sql_bytes)};
}

}  // namespace

Result<std::unique_ptr<Parser>> Parser::open(duckdb_connection connection) {
  StatementHandle serialize =
      LEAT_TRY(prepared(connection, "SELECT json_serialize_sql(?::VARCHAR)::VARCHAR"));
  StatementHandle deserialize =
      LEAT_TRY(prepared(connection, "SELECT json_deserialize_sql(?::VARCHAR::JSON)"));
  return std::unique_ptr<Parser>(new Parser(std::move(serialize), std::move(deserialize)));
}

Analysed<std::string> Parser::call(const StatementHandle& statement, std::string_view argument) {
  duckdb_bind_varchar_length(statement.get(), 1, argument.data(), argument.size());
  ResultHandle result;
  if (duckdb_execute_prepared(statement.get(), result.get()) != DuckDBSuccess) {
    return std::unexpected(fault_of(engine_fault(duckdb_result_error(result.get())), {}, 0, 0));
  }
  const Chunk chunk = Chunk::adopt(duckdb_fetch_chunk(*result.get()));
  if (chunk.size() != 1) return sql_fault("unsupported-sql", 0, "DuckDB gave no answer");
  const auto* texts = static_cast<duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(0)));
  return std::string(text_of(texts[0]));
}

Analysed<Node> Parser::parse(std::string_view sql) {
  if (sql.size() > sql_bytes_max) {
    return sql_fault("sql-syntax", 0, "the query has {} bytes; {} are the most", sql.size(),
                     sql_bytes_max);
  }
  if (const auto nul = sql.find('\0'); nul != std::string_view::npos) {
    return sql_fault("sql-syntax", nul, "the query contains a NUL byte: remove it");
  }
  const std::string text = LEAT_TRY_SQL(call(serialize_, sql));
  const Node answer = Node::parse(text, nullptr, false);
  if (!answer.is_object()) return sql_fault("sql-syntax", 0, "DuckDB can't parse this query");
  if (answer.value("error", false)) return std::unexpected(parse_fault(answer, sql.size()));
  const Node& statements = answer.at("statements");
  if (statements.empty()) return sql_fault("sql-syntax", 0, "the query is empty: write one SELECT");
  if (statements.size() > 1) {
    return sql_fault("sql-syntax", 0, "these are {} statements: write one SELECT",
                     statements.size());
  }
  return statements[0].at("node");
}

Analysed<std::string> Parser::to_sql(const Node& query) {
  const Node whole = {
      {"error", false},
      {"statements", Node::array({{{"node", query}, {"named_param_map", Node::array()}}})}};
  return call(deserialize_, whole.dump(-1, ' ', false, Node::error_handler_t::replace));
}

}  // namespace leat::sql
