// Any bytes as an HTTP connection: the parser ends in a request or a refusal, and gives the same
// whether the bytes come at once or one after the other.

#include "base/check.h"
#include "server/request_guard.h"
#include "server/request_parser.h"
#include "server/router.h"

namespace leat::server {
namespace {

struct Parsed {
  std::string error;
  std::string target, body;
  bool complete = false;

  bool operator==(const Parsed&) const = default;
};

Parsed parse(std::string_view bytes, std::size_t piece) {
  BodyBudget budget(1 << 20);
  RequestParser parser({4096, 65536}, budget);
  Parsed parsed;
  std::size_t end = 0;
  std::size_t begin = 0;
  while (!parser.complete() && end < bytes.size()) {
    end = std::min(bytes.size(), end + piece);
    const auto taken = parser.parse(bytes.substr(begin, end - begin));
    if (!taken) {
      parsed.error = taken.error().code;
      return parsed;
    }
    begin += *taken;
    LEAT_CHECK(begin <= end);
  }
  parsed.complete = parser.complete();
  if (parsed.complete) {
    parsed.target = parser.request().target;
    parsed.body = parser.request().body;
  }
  return parsed;
}

void route(const Parsed& parsed) {
  Request request;
  request.target = parsed.target;
  request.add_header(Header::host, parsed.target);
  request.method = Method::post;
  const Router router({{Method::get, "/v1/topics", nullptr},
                       {Method::post, "/v1/topics/{topic}/records", nullptr},
                       {Method::get, "/v1/views/{name}", nullptr}});
  const auto match = router.match(request.method, request.path());
  if (match.route != nullptr) (void)percent_decode(match.parameter, false);
  (void)router.did_you_mean(request.path().substr(0, 256));
  (void)request.query_parameter("limit");
  (void)request.query_number("limit", 0, 10);
  (void)RequestGuard(true, {}).admit(request);
}

}  // namespace
}  // namespace leat::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leat::server;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Parsed whole = parse(bytes, std::max<std::size_t>(size, 1));
  const Parsed dribbled = parse(bytes, 1);
  // Which of several faults is met first may differ; whether there is a request may not.
  LEAT_CHECK(whole.complete == dribbled.complete);
  LEAT_CHECK(!whole.complete || whole == dribbled);
  if (whole.complete) route(whole);
  return 0;
}
