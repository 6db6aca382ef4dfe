#include "format/parse_time.h"
#include "server/api_error.h"
#include "server/pipeline_changer.h"
#include "server/plan_json.h"
#include "server/request_guard.h"
#include "server/services.h"
#include "server/status_json.h"
#include "server/work_pool.h"

namespace leat::server {
namespace {

Response answer_of(unsigned status, const Json& json) {
  Response response;
  response.status = status;
  response.content_type = content_type_json;
  response.body = text_of(json) + "\n";
  return response;
}

/// Whoever may change the pipeline has this machine's files read and written.
Result<PipelineChanger*> changer_of(const Services& services) {
  if (services.options.changer == nullptr) {
    return user_error("not-changeable", "this server only reads; only `leat run` can be changed");
  }
  if (!is_loopback_name(services.options.host)) {
    return user_error("not-local",
                      "this server listens on {}, and is changed only where just its own machine "
                      "can ask for it; listen on 127.0.0.1, or start it again with the files",
                      services.options.host);
  }
  return services.options.changer;
}

struct Change {
  std::vector<pipeline::SourceText> files;
  bool rebuild = false;
};

bool is_flag(const nlohmann::json& body, const char* name) {
  return !body.contains(name) || body[name].is_boolean();
}

Result<Change> change_in(const Request& request) {
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  const auto fault = user_error(
      "bad-parameter", "the body should be like {}",
      R"({"files": [{"file": "/srv/leat/shop.yaml", "text": "pipeline: …"}], "rebuild": false})");
  if (!body.is_object() || !body.contains("files") || !body["files"].is_array() ||
      body["files"].empty() || !is_flag(body, "rebuild")) {
    return fault;
  }
  Change change{.files = {}, .rebuild = body.value("rebuild", false)};
  for (const auto& file : body["files"]) {
    if (!file.is_object() || !file.contains("file") || !file["file"].is_string() ||
        !file.contains("text") || !file["text"].is_string()) {
      return fault;
    }
    change.files.push_back({file["file"], file["text"]});
  }
  return change;
}

std::optional<TimestampMs> time_of(const std::string& text) {
  format::TimePoint time;
  if (format::parse_timestamp(text, time) != format::ParseFault::none) return std::nullopt;
  return time.seconds * 1000 + time.nanoseconds / 1'000'000;
}

struct ReplayRequest {
  runtime::Replay replay;
  bool rebuild = false;
};

Result<ReplayRequest> replay_in(const Request& request) {
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  const auto fault =
      user_error("bad-parameter",
                 "the body should be like {} or {}; an offset is that of a record in each "
                 "partition, a time that of its arrival",
                 R"({"from": {"offset": 1000}})", R"({"from": {"time": "2026-01-01T00:00:00Z"}})");
  if (!body.is_object() || !body.contains("from") || !body["from"].is_object() ||
      body["from"].size() != 1 || !is_flag(body, "rebuild")) {
    return fault;
  }
  ReplayRequest asked{.replay = {.view = request.parameter},
                      .rebuild = body.value("rebuild", false)};
  const auto& from = body["from"];
  if (from.contains("offset") && from["offset"].is_number_unsigned()) {
    asked.replay.from_offset = Offset(from["offset"].get<std::int64_t>());
  } else if (from.contains("time") && from["time"].is_string()) {
    asked.replay.from_time = time_of(from["time"].get<std::string>());
    if (!asked.replay.from_time) return fault;
  } else {
    return fault;
  }
  return asked;
}

void reply_begun(const Result<PipelineChanger::Begun>& begun, Exchange exchange) {
  if (!begun) return exchange.reply(response_of(begun.error()));
  Json json;
  if (begun->number) json["change"] = *begun->number;
  json["plan"] = plan_json(begun->plan);
  exchange.reply(answer_of(begun->number ? 202 : 200, json));
}

void apply(Services& services, Request request, Exchange exchange) {
  const auto changer = changer_of(services);
  if (!changer) return exchange.reply(response_of(changer.error()));
  auto change = change_in(request);
  if (!change) return exchange.reply(response_of(change.error()));
  services.work.submit(std::move(exchange), [changer = *changer, change = std::move(*change)](
                                                Exchange waiting) mutable {
    reply_begun(changer->apply(std::move(change.files), change.rebuild), std::move(waiting));
  });
}

void replay(Services& services, const Request& request, Exchange exchange) {
  const auto changer = changer_of(services);
  if (!changer) return exchange.reply(response_of(changer.error()));
  auto asked = replay_in(request);
  if (!asked) return exchange.reply(response_of(asked.error()));
  services.work.submit(
      std::move(exchange), [changer = *changer, asked = std::move(*asked)](Exchange waiting) {
        reply_begun(changer->replay(asked.replay, asked.rebuild), std::move(waiting));
      });
}

void tell_progress(const Services& services, Exchange exchange) {
  PipelineChanger::Progress progress;
  if (services.options.changer != nullptr) progress = services.options.changer->progress();
  Json json = {{"change", progress.number},
               {"state", progress.state.empty() ? "none" : progress.state}};
  if (progress.state == "computing") json["computed"] = progress.computed;
  if (progress.failure) {
    json["error"] = {{"code", progress.failure->code}, {"message", progress.failure->message}};
  }
  exchange.reply(answer_of(200, json));
}

}  // namespace

std::vector<Route> change_routes(Services& services) {
  std::vector<Route> routes;
  routes.push_back({Method::post, "/v1/pipeline", [&services](Request request, Exchange exchange) {
                      apply(services, std::move(request), std::move(exchange));
                    }});
  routes.push_back(
      {Method::post, "/v1/views/{view}/replay", [&services](Request request, Exchange exchange) {
         replay(services, request, std::move(exchange));
       }});
  routes.push_back({Method::get, "/v1/pipeline/change", [&services](Request, Exchange exchange) {
                      tell_progress(services, std::move(exchange));
                    }});
  return routes;
}

}  // namespace leat::server
