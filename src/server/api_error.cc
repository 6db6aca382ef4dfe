#include "server/api_error.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

namespace leat::server {
namespace {

struct StatusOfCode {
  std::string_view code;
  unsigned status;
};

constexpr std::array statuses = {
    StatusOfCode{"host-refused", 403},
    StatusOfCode{"origin-refused", 403},
    StatusOfCode{"unknown-route", 404},
    StatusOfCode{"unknown-topic", 404},
    StatusOfCode{"unknown-name", 404},
    StatusOfCode{"method-not-allowed", 405},
    StatusOfCode{"not-acceptable", 406},
    StatusOfCode{"request-timeout", 408},
    StatusOfCode{"snapshot-exists", 409},
    StatusOfCode{"not-local", 403},
    StatusOfCode{"not-changeable", 403},
    StatusOfCode{"pipeline-changed", 409},
    StatusOfCode{"change-under-way", 409},
    StatusOfCode{"pipeline-invalid", 422},
    StatusOfCode{"not-replayable", 422},
    StatusOfCode{"out-of-sequence", 409},
    StatusOfCode{"offset-out-of-range", 410},
    StatusOfCode{"changes-gone", 410},
    StatusOfCode{"body-too-large", 413},
    StatusOfCode{"record-too-large", 413},
    StatusOfCode{"query-too-large", 413},
    StatusOfCode{"unsupported-media-type", 415},
    StatusOfCode{"unsupported-encoding", 415},
    StatusOfCode{"expectation-failed", 417},
    StatusOfCode{"no-records", 422},
    StatusOfCode{"not-pushable", 422},
    StatusOfCode{"row-failed", 422},
    StatusOfCode{"not-readable", 422},
    StatusOfCode{"too-many-queries", 429},
    StatusOfCode{"header-too-large", 431},
    StatusOfCode{"unsupported-transfer-encoding", 501},
    StatusOfCode{"query-cancelled", 503},
    StatusOfCode{"query-timeout", 504},
};

/// A second is long enough for a flush or an epoch to make room; a full disk takes longer.
unsigned retry_after_seconds(const Error& error) { return error.code == "disk-full" ? 10 : 1; }

}  // namespace

unsigned status_of(const Error& error) {
  const auto found = std::ranges::find(statuses, error.code, &StatusOfCode::code);
  if (found != statuses.end()) return found->status;
  if (error.domain == Domain::user) return 400;
  if (error.domain == Domain::external) return 503;
  return 500;
}

std::string json_of(const ApiError& error) {
  nlohmann::ordered_json inner = {{"code", error.error.code}, {"message", error.error.message}};
  if (error.place) {
    nlohmann::ordered_json place = nlohmann::ordered_json::object();
    if (error.place->line) place["line"] = *error.place->line;
    if (error.place->column) place["column"] = *error.place->column;
    if (error.place->record) place["record"] = *error.place->record;
    if (error.place->position) place["position"] = *error.place->position;
    inner["place"] = std::move(place);
  }
  inner["retryable"] = error.error.retryable;
  const nlohmann::ordered_json outer = {{"error", std::move(inner)}};
  return outer.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Response response_of(const ApiError& error) {
  Response response;
  response.status = status_of(error.error);
  response.content_type = content_type_json;
  response.body = json_of(error);
  if (response.status == 429 || response.status == 503) {
    response.add_header("Retry-After", fmt::format("{}", retry_after_seconds(error.error)));
  }
  return response;
}

Response response_of(const Error& error) { return response_of(ApiError{error}); }

}  // namespace leat::server
