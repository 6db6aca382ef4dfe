#include <nlohmann/json.hpp>

#include "server/answer_writer.h"
#include "server/api_error.h"
#include "server/media_type.h"
#include "server/query_answer.h"
#include "server/services.h"

namespace leat::server {
namespace {

constexpr std::size_t query_bytes_max = 1 << 20;

struct SqlRequest {
  std::string query;
  std::optional<std::string> format;
  std::optional<std::int64_t> limit;
};

Result<SqlRequest> read_json(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  const auto example = R"({"query": "SELECT …", "format": "json", "limit": 1000})";
  if (json.is_discarded()) {
    return user_error("malformed-json", "the body is not JSON; it should be like {}", example);
  }
  if (!json.is_object()) {
    return user_error("bad-parameter", "the body must be an object like {}", example);
  }
  SqlRequest sql;
  for (const auto& [name, value] : json.items()) {
    if (name == "query" && value.is_string()) {
      sql.query = value.get<std::string>();
    } else if (name == "format" && value.is_string()) {
      sql.format = value.get<std::string>();
    } else if (name == "limit" && value.is_number_unsigned()) {
      sql.limit = value.get<std::int64_t>();
    } else {
      return user_error("bad-parameter", "`{}` is not taken like this; the body should be like {}",
                        name, example);
    }
  }
  return sql;
}

Result<SqlRequest> read_request(Request& request, std::size_t rows_max) {
  SqlRequest sql;
  if (request.method == Method::post) {
    const std::string type = media_type(request.header(Header::content_type));
    if (request.body.size() > query_bytes_max) {
      return user_error("body-too-large", "a query may have {} bytes", query_bytes_max);
    }
    if (type == "application/json") {
      sql = LEAT_TRY(read_json(request.body));
    } else if (type == "text/plain" || type == "application/sql") {
      sql.query = std::move(request.body);
    } else {
      return user_error("unsupported-media-type",
                        "send the query as application/json or text/plain, not `{}`",
                        request.header(Header::content_type));
    }
  }
  if (const auto query = LEAT_TRY(request.query_parameter("query"))) sql.query = *query;
  if (const auto format = LEAT_TRY(request.query_parameter("format"))) sql.format = *format;
  const auto limit =
      LEAT_TRY(request.query_number("limit", 0, static_cast<std::int64_t>(rows_max)));
  if (limit) sql.limit = limit;
  if (sql.query.find_first_not_of(" \t\r\n;") == std::string::npos) {
    return user_error("bad-parameter", "there is no query; send one SELECT as `query`");
  }
  return sql;
}

void answer(Services& services, Request request, Exchange exchange) {
  const std::size_t rows_max = services.options.limits.query_rows_max;
  auto sql = read_request(request, rows_max);
  if (!sql) return exchange.reply(response_of(sql.error()));
  const auto format = answer_format(request, sql->format);
  if (!format) return exchange.reply(response_of(format.error()));
  const auto wanted = static_cast<std::size_t>(sql->limit.value_or(INT64_MAX));
  answer_query(services, std::move(sql->query), std::min(rows_max, wanted), *format,
               std::move(exchange));
}

}  // namespace

std::vector<Route> sql_routes(Services& services) {
  std::vector<Route> routes;
  for (const Method method : {Method::post, Method::get}) {
    routes.push_back({method, "/v1/sql", [&services](Request request, Exchange exchange) {
                        answer(services, std::move(request), std::move(exchange));
                      }});
  }
  return routes;
}

}  // namespace leat::server
