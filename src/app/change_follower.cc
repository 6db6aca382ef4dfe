#include "app/change_follower.h"

#include <thread>

#include <nlohmann/json.hpp>

#include "app/plan_text.h"
#include "app/terminal.h"

namespace leat::app {
namespace {

using nlohmann::ordered_json;

/// Often enough for a change of a small pipeline to look instant.
constexpr std::chrono::milliseconds ask_first{20}, ask_max{500};
/// The server's old connections end when the new pipeline takes over.
constexpr std::chrono::seconds unreachable_max{30};

std::unexpected<Error> bad_answer() {
  return external_error("bad-answer", "the server's answer is not Leat's; is it another version?");
}

void show_progress(const ordered_json& said) {
  if (!is_terminal(stderr)) return;
  const std::string state = said["state"];
  fmt::print(stderr, "\r{}\033[K",
             state == "computing"
                 ? fmt::format("computing {:3.0f} %", 100 * said.value("computed", 0.0))
                 : state);
  std::fflush(stderr);
}

Status outcome_of(const ordered_json& said) {
  if (said["state"] == "done") return {};
  if (!said.contains("error")) return bad_answer();
  return user_error(said["error"]["code"].get<std::string>(),
                    "{}; the server goes on with the pipeline that it had",
                    said["error"]["message"].get<std::string>());
}

/// The newest word of the change; nothing while it goes on.
Result<std::optional<Status>> ask(HttpClient& client, unsigned number) {
  const auto answer = LEAT_TRY(client.get("/v1/pipeline/change"));
  const auto said = ordered_json::parse(answer.body, nullptr, false);
  if (!said.is_object() || !said.contains("state") || !said.contains("change")) {
    return bad_answer();
  }
  show_progress(said);
  if (said["change"] != number) {
    return user_error("change-unknown",
                      "the server knows of another change only; it was started again, or another "
                      "change followed: see GET /v1/pipeline/definitions");
  }
  if (said["state"] == "computing" || said["state"] == "swapping") return std::optional<Status>();
  return std::optional<Status>(outcome_of(said));
}

Status wait_for(HttpClient& client, unsigned number) {
  auto pause = ask_first;
  auto reached = std::chrono::steady_clock::now();
  while (true) {
    std::this_thread::sleep_for(pause);
    pause = std::min(ask_max, pause * 3 / 2);
    const auto now = std::chrono::steady_clock::now();
    auto said = ask(client, number);
    if (said && *said) {
      if (is_terminal(stderr)) fmt::print(stderr, "\r\033[K");
      return std::move(**said);
    }
    if (said) {
      reached = now;
    } else if (said.error().domain != Domain::external || now - reached > unreachable_max) {
      return std::unexpected(said.error());
    }
  }
}

}  // namespace

Status follow_change(HttpClient& client, const std::string& answer, bool as_json) {
  const auto begun = ordered_json::parse(answer, nullptr, false);
  if (!begun.is_object() || !begun.contains("plan")) return bad_answer();
  if (as_json) {
    fmt::print("{}\n", begun["plan"].dump(2));
  } else {
    print_plan(begun["plan"]);
  }
  std::fflush(stdout);
  if (!begun.contains("change")) return {};
  LEAT_TRY(wait_for(client, begun["change"].get<unsigned>()));
  if (!as_json) fmt::print("done\n");
  return {};
}

}  // namespace leat::app
