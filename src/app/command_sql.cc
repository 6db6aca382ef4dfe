
#include <nlohmann/json.hpp>

#include "app/command.h"
#include "app/line_editor.h"
#include "app/target.h"
#include "app/terminal.h"

namespace leat::app {
namespace {

using json = nlohmann::ordered_json;

/// A table's cell is cut here on a terminal; other formats have every character.
constexpr std::size_t cell_width_max = 60;

struct SqlOptions {
  std::string query;
  Target::Choice target;
  std::string format = "table";
};

bool is_number(const std::string& type) {
  static constexpr std::string_view names[] = {"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                               "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                               "UBIGINT", "UHUGEINT", "FLOAT",     "DOUBLE"};
  return type.starts_with("DECIMAL") ||
         std::find(std::begin(names), std::end(names), type) != std::end(names);
}

std::string cell_of(const json& value) {
  if (value.is_null()) return "NULL";
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Reads numbers with a fraction, and those of more than 64 bits, as their own text: a double would
/// make 20.00 of a DECIMAL to 20.0, and a HUGEINT to another number.
class ExactNumbers : public nlohmann::detail::json_sax_dom_parser<json> {
 public:
  explicit ExactNumbers(json& result) : json_sax_dom_parser(result, false) {}
  bool number_float(double, const std::string& text) {
    std::string exact = text;
    return string(exact);
  }
};

void print_table(const std::string& body) {
  json answer;
  ExactNumbers reader(answer);
  if (!json::sax_parse(body, &reader)) answer = json::object();
  std::vector<std::string> header;
  std::vector<bool> right;
  for (const json& column : answer.value("columns", json::array())) {
    header.push_back(column.value("name", ""));
    right.push_back(is_number(column.value("type", "")));
  }
  std::vector<std::vector<std::string>> rows;
  for (const json& row : answer.value("rows", json::array())) {
    rows.emplace_back();
    for (const json& value : row) rows.back().push_back(cell_of(value));
  }
  fmt::print("{}", table_of(header, rows, right, is_terminal(stdout) ? cell_width_max : 0));
  const Paint paint = paint_for(stdout);
  fmt::print("{}\n",
             paint.dim(fmt::format("{} row{}{}", rows.size(), rows.size() == 1 ? "" : "s",
                                   answer.value("truncated", false) ? ", more were cut off" : "")));
}

Status run_query(const SqlOptions& options, HttpClient client, const std::string& query) {
  const std::string format = options.format == "table" ? "json" : options.format;
  const json body = {{"query", query}, {"format", format}};
  const HttpClient::Response response = LEAT_TRY(client.post(
      "/v1/sql", "application/json", body.dump(-1, ' ', false, json::error_handler_t::replace)));
  if (options.format == "table") {
    print_table(response.body);
    return {};
  }
  fmt::print("{}", response.body);
  if (!response.body.ends_with('\n')) fmt::print("\n");
  const auto truncated = response.headers.find("leat-truncated");
  if (truncated != response.headers.end() && truncated->second == "true") {
    fmt::print(stderr, "leat: more rows were cut off; add LIMIT or a narrower WHERE\n");
  }
  return {};
}

/// Line after line until `exit` or the end of input; a query ends with a semicolon. A fault ends
/// the query, not the prompt.
Status prompt(const SqlOptions& options, const HttpClient& client) {
  LineEditor editor;
  std::string query;
  while (const auto line = editor.read(query.empty() ? "leat> " : "  ... ")) {
    if (query.empty() && (*line == "exit" || *line == "quit" || *line == "\\q")) break;
    query += *line;
    query += '\n';
    const std::size_t end = query.find_last_not_of(" \t\r\n");
    if (end == std::string::npos) query.clear();
    if (end == std::string::npos || query[end] != ';') continue;
    query.resize(end);
    editor.remember(query + ";");
    const Status status = run_query(options, client, query);
    if (!status) print_error(status.error());
    query.clear();
  }
  return {};
}

Status run(const SqlOptions& options) {
  const auto target = LEAT_TRY(Target::open(options.target));
  if (options.query.empty()) return prompt(options, target->client());
  return run_query(options, target->client(), options.query);
}

}  // namespace

void add_sql(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("sql", "Ask SQL over views and streams, all as of one moment");
  auto options = std::make_shared<SqlOptions>();
  command->add_option("QUERY", options->query, "One SELECT; without it, a prompt");
  Target::add_options(*command, options->target);
  command->add_option("--format", options->format, "table, csv, json or ndjson")
      ->check(CLI::IsMember({"table", "csv", "json", "ndjson"}))
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  leat sql 'SELECT * FROM users_by_country ORDER BY users DESC LIMIT 10'\n"
      "  leat sql 'SELECT * FROM user_totals' --format json\n"
      "  leat sql --data leat-data");
  command->callback(
      [options, &outcome] { finish(outcome, run(*options), options->format == "json"); });
}

}  // namespace leat::app
