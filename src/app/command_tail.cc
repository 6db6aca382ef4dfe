#include <algorithm>

#include <nlohmann/json.hpp>

#include "app/command.h"
#include "app/event_reader.h"
#include "app/signals.h"
#include "app/target.h"
#include "app/terminal.h"

namespace leat::app {
namespace {

// Keeps the members in the order in which the server sent them: the columns' order.
using json = nlohmann::ordered_json;

struct TailOptions {
  std::string name;
  Target::Choice target;
  bool from_beginning = false;
  bool json = false;
  std::uint64_t limit = 0;
};

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Prints records and changes, and counts them.
class Printer {
 public:
  explicit Printer(const TailOptions& options) : options_(options), paint_(paint_for(stdout)) {}

  /// False: enough has been printed, or the server ended the stream with an error.
  bool take(const EventReader::Event& event) {
    const json data = json::parse(event.data, nullptr, false);
    if (event.type == "record") return record(data);
    if (event.type == "snapshot") {
      for (const json& row : data.value("rows", json::array())) {
        if (!change(1, row)) return false;
      }
    }
    if (event.type == "changes") {
      for (const json& item : data.value("changes", json::array())) {
        if (!change(item.value("weight", 1), item["row"])) return false;
      }
    }
    if (event.type == "error") {
      error_ = Error{Domain::external, data.value("code", "stream-ended"),
                     data.value("message", event.data), true};
      return false;
    }
    return true;
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  bool record(const json& data) {
    if (options_.json) return print(text_of(data));
    if (data.contains("value")) return print(text_of(data["value"]));
    return print(data.value("value_text", text_of(data)));
  }

  bool change(int weight, const json& row) {
    if (options_.json) return print(text_of(json{{"weight", weight}, {"row", row}}));
    const std::string line = fmt::format("{} {}", weight > 0 ? "+" : "-", text_of(row));
    return print(weight > 0 ? paint_.green(line) : paint_.red(line));
  }

  bool print(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
    return options_.limit == 0 || ++printed_ < options_.limit;
  }

  const TailOptions& options_;
  const Paint paint_;
  std::uint64_t printed_ = 0;
  std::optional<Error> error_;
};

/// Topics and streams or views have routes of their own; a name is looked up among the topics
/// first.
Result<std::string> path_of(const TailOptions& options, HttpClient client) {
  const HttpClient::Response response = LEAT_TRY(client.get("/v1/topics"));
  const json answer = json::parse(response.body, nullptr, false);
  const json topics = answer.value("topics", json::array());
  const bool is_topic = std::any_of(topics.begin(), topics.end(), [&](const json& topic) {
    return topic.value("name", "") == options.name && topic.value("embedded", false);
  });
  const std::string name = url_encoded(options.name);
  if (is_topic) {
    return fmt::format("/v1/topics/{}/records?follow=true&{}", name,
                       options.from_beginning ? "from=earliest" : "from=latest&limit=0");
  }
  return fmt::format("/v1/changes/{}?snapshot={}", name, options.from_beginning);
}

Status follow(const TailOptions& options) {
  block_stop_signals();
  const auto target = LEAT_TRY(Target::open(options.target));
  const StopSignal stop;
  const std::string path = LEAT_TRY(path_of(options, target->client()));
  Printer printer(options);
  EventReader events([&](const EventReader::Event& event) { return printer.take(event); });
  LEAT_TRY(target->client().stream(path, "text/event-stream", stop.token(),
                                   [&](std::string_view bytes) { return events.feed(bytes); }));
  if (printer.error()) return std::unexpected(*printer.error());
  return {};
}

}  // namespace

void add_tail(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("tail", "Follow a topic's records, or a stream's or view's changes");
  auto options = std::make_shared<TailOptions>();
  command->add_option("NAME", options->name, "A topic, stream or view")->required();
  Target::add_options(*command, options->target);
  command->add_flag("--from-beginning", options->from_beginning,
                    "First what is there already: a topic's records from its first, a view's rows");
  command->add_option("--limit", options->limit, "End after this many records or changes");
  command->add_flag("--json", options->json,
                    "One JSON object a line, with offset and timestamp, or the weight");
  command->footer(
      "Examples:\n"
      "  leat tail user_events --limit 5\n"
      "  leat tail users_by_country --from-beginning\n"
      "  leat tail dead_letters --from-beginning --json | jq .value.reason");
  command->callback([options, &outcome] { finish(outcome, follow(*options), options->json); });
}

}  // namespace leat::app
