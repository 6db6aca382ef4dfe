#include "model/nearest_name.h"
#include "server/api_error.h"
#include "server/query_answer.h"
#include "server/services.h"

namespace leat::server {
namespace {

constexpr std::int64_t limit_default = 1000;

std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + "\"";
}

/// " ORDER BY …" of `column`, `column asc` or `column desc`.
Result<std::string> order_by(const Schema& schema, std::string_view text) {
  if (text.empty()) return std::string();
  std::string_view column = text;
  bool descending = false;
  for (const std::string_view ending : {" desc", " DESC", " asc", " ASC"}) {
    if (!column.ends_with(ending)) continue;
    descending = ending == " desc" || ending == " DESC";
    column.remove_suffix(ending.size());
    break;
  }
  const auto index = schema.find(column);
  if (!index) {
    const std::vector<std::string> names = schema.names();
    const std::vector<std::string_view> views(names.begin(), names.end());
    return user_error("bad-parameter",
                      "`order_by` names no column: `{}`{}; write one column, with `asc` or "
                      "`desc` after it",
                      column, did_you_mean(column, views));
  }
  return fmt::format(" ORDER BY {} {}", quoted(schema[*index].name), descending ? "DESC" : "ASC");
}

struct ViewRequest {
  std::string sql;
  std::size_t limit = 0;
  AnswerFormat format = AnswerFormat::json;
};

Result<ViewRequest> read_request(Services& services, const Request& request) {
  const Schema schema = LEAT_TRY(services.engine.schema_of(request.parameter));
  const auto rows_max = static_cast<std::int64_t>(services.options.limits.query_rows_max);
  const std::int64_t limit = LEAT_TRY(request.query_number("limit", 0, rows_max))
                                 .value_or(std::min(limit_default, rows_max));
  const std::string order = LEAT_TRY(request.query_parameter("order_by")).value_or("");
  ViewRequest view;
  view.limit = static_cast<std::size_t>(limit);
  // One row more shows whether the limit cut anything.
  view.sql = fmt::format("SELECT * FROM {}{} LIMIT {}", quoted(request.parameter),
                         LEAT_TRY(order_by(schema, order)), limit + 1);
  const auto format = LEAT_TRY(request.query_parameter("format"));
  view.format = LEAT_TRY(answer_format(request, format));
  return view;
}

}  // namespace

std::vector<Route> view_routes(Services& services) {
  std::vector<Route> routes;
  routes.push_back(
      {Method::get, "/v1/views/{name}", [&services](Request request, Exchange exchange) {
         auto view = read_request(services, request);
         if (!view) return exchange.reply(response_of(view.error()));
         answer_query(services, std::move(view->sql), view->limit, view->format,
                      std::move(exchange));
       }});
  return routes;
}

}  // namespace leat::server
