#include <algorithm>

#include <nlohmann/json.hpp>

#include "app/command.h"
#include "app/event_reader.h"
#include "app/signals.h"
#include "app/target.h"
#include "app/terminal.h"
#include "format/json_body.h"
#include "model/nearest_name.h"
#include "model/slice.h"

namespace leat::app {
namespace {

using nlohmann::json;

/// Of a topic at rest.
constexpr int records_per_page = 1000;

struct TailOptions {
  std::string name;
  Target::Choice target;
  bool from_beginning = false;
  bool json = false;
  std::uint64_t limit = 0;
};

/// The texts of an answer's values, just as the server sent them: a parser's numbers would round
/// decimals and integers of more than 64 bits.
class AnswerText {
 public:
  /// Errors of all: `bad-answer` (external).
  Result<std::vector<std::string>> elements(std::string_view answer, std::string_view pointer) {
    const std::string padded = with_padding(answer);
    std::vector<std::string_view> found;
    const Status read = body_.extract_records(padded, pointer, found);
    if (!read) return bad(read.error());
    return std::vector<std::string>(found.begin(), found.end());
  }
  /// Empty: not there.
  Result<std::string> raw(std::string_view answer, std::string_view pointer) {
    const std::string padded = with_padding(answer);
    const auto found = body_.raw_at(padded, pointer);
    if (!found) return bad(found.error());
    return std::string(found->value_or(""));
  }
  /// A string's characters; nothing: null, or not there.
  Result<std::optional<std::string>> text(std::string_view answer, std::string_view pointer) {
    auto found = body_.text_at(with_padding(answer), pointer);
    if (!found) return bad(found.error());
    return std::move(*found);
  }

 private:
  static std::string with_padding(std::string_view answer) {
    std::string padded;
    padded.reserve(answer.size() + slice_padding);
    padded = answer;
    return padded;
  }
  static std::unexpected<Error> bad(const Error& error) {
    return external_error("bad-answer", "the server's answer can't be read: {}", error.message);
  }

  format::JsonBody body_;
};

/// Prints records and changes, and counts them.
class Printer {
 public:
  /// `at_rest`: what is there is all there will be.
  Printer(const TailOptions& options, bool at_rest)
      : options_(options), paint_(paint_for(stdout)), at_rest_(at_rest) {}

  /// False: enough has been printed, or the server ended the stream with an error.
  bool take(const EventReader::Event& event) {
    const Result<bool> more = take_event(event);
    if (!more) error_ = more.error();
    return more.value_or(false);
  }
  /// False: that was the last one asked for.
  Result<bool> record(const std::string& data) {
    if (options_.json) return print(data);
    const std::string value = LEAT_TRY(answer_.raw(data, "/value"));
    if (!value.empty()) return print(value);
    return print(LEAT_TRY(answer_.text(data, "/value_text")).value_or(data));
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  Result<bool> take_event(const EventReader::Event& event) {
    if (event.type == "record") return record(event.data);
    if (event.type == "snapshot") {
      for (const std::string& row : LEAT_TRY(answer_.elements(event.data, "/rows"))) {
        if (!change("1", row)) return false;
      }
      return !at_rest_ || LEAT_TRY(answer_.raw(event.data, "/last")) != "true";
    }
    if (event.type == "changes") {
      for (const std::string& item : LEAT_TRY(answer_.elements(event.data, "/changes"))) {
        if (!change(LEAT_TRY(answer_.raw(item, "/weight")), LEAT_TRY(answer_.raw(item, "/row")))) {
          return false;
        }
      }
    }
    if (event.type == "error") {
      return std::unexpected(
          Error{Domain::external,
                LEAT_TRY(answer_.text(event.data, "/error/code")).value_or("stream-ended"),
                LEAT_TRY(answer_.text(event.data, "/error/message")).value_or(event.data), true});
    }
    return true;
  }

  bool change(const std::string& weight, const std::string& row) {
    if (options_.json) return print(fmt::format(R"({{"weight":{},"row":{}}})", weight, row));
    const bool added = !weight.starts_with('-');
    const std::string line = fmt::format("{} {}", added ? "+" : "-", row);
    return print(added ? paint_.green(line) : paint_.red(line));
  }

  bool print(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
    return options_.limit == 0 || ++printed_ < options_.limit;
  }

  const TailOptions& options_;
  const Paint paint_;
  const bool at_rest_;
  AnswerText answer_;
  std::uint64_t printed_ = 0;
  std::optional<Error> error_;
};

std::vector<std::string> names_in(const json& answer, const char* section) {
  std::vector<std::string> names;
  if (!answer.is_object()) return names;
  for (const json& item : answer.value(section, json::array())) {
    names.push_back(item.value("name", ""));
  }
  return names;
}

/// How many partitions the topic of this name has; nothing: a stream or view has the name.
Result<std::optional<int>> partitions_of(const std::string& name, HttpClient client) {
  const auto ask = [&](const char* path) -> Result<json> {
    return json::parse(LEAT_TRY(client.get(path)).body, nullptr, false);
  };
  const json listed = LEAT_TRY(ask("/v1/topics"));
  const std::vector<std::string> topics = names_in(listed, "topics");
  const auto topic = std::ranges::find(topics, name);
  if (topic != topics.end()) {
    const json& found = listed["topics"][static_cast<std::size_t>(topic - topics.begin())];
    return static_cast<int>(found.value("partitions", json::array()).size());
  }
  const json status = LEAT_TRY(ask("/v1/status"));
  std::vector<std::string> names = names_in(status, "streams");
  for (std::string& view : names_in(status, "views")) names.push_back(std::move(view));
  if (std::ranges::find(names, name) != names.end()) return std::nullopt;
  names.insert(names.end(), topics.begin(), topics.end());
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  return user_error("unknown-name", "there is no topic, stream or view `{}`{}", name,
                    did_you_mean(name, candidates));
}

/// Prints what a topic at rest holds, page by page, a partition after the other.
Status print_topic(const TailOptions& options, int partitions, HttpClient client,
                   Printer& printer) {
  AnswerText answer;
  const std::string path = fmt::format("/v1/topics/{}/records", url_encoded(options.name));
  const auto page = [&](int partition, const std::string& from) -> Result<std::string> {
    return LEAT_TRY(client.get(fmt::format("{}?partition={}&{}&limit={}", path, partition, from,
                                           records_per_page)))
        .body;
  };
  for (int partition = 0; partition < partitions; ++partition) {
    std::string from = "from=earliest";
    for (std::string next; true;) {
      const std::string body = LEAT_TRY(page(partition, from));
      for (const std::string& record : LEAT_TRY(answer.elements(body, "/records"))) {
        if (!LEAT_TRY(printer.record(record))) return {};
      }
      const std::string before = std::move(next);
      next = LEAT_TRY(answer.raw(body, "/partitions/0/next_offset"));
      if (next == before || next == LEAT_TRY(answer.raw(body, "/partitions/0/end_offset"))) break;
      from = "offset=" + next;
    }
  }
  return {};
}

Status follow(const TailOptions& options) {
  block_stop_signals();
  const auto target = LEAT_TRY(Target::open(options.target));
  const std::optional<int> partitions = LEAT_TRY(partitions_of(options.name, target->client()));
  if (target->at_rest() && !options.from_beginning) {
    return user_error("at-rest",
                      "nothing more comes to {}, because no server runs on it; add "
                      "--from-beginning to see what is there",
                      options.target.data);
  }
  Printer printer(options, target->at_rest());
  if (partitions && target->at_rest()) {
    return print_topic(options, *partitions, target->client(), printer);
  }
  const std::string name = url_encoded(options.name);
  const std::string path =
      partitions ? fmt::format("/v1/topics/{}/records?follow=true&{}", name,
                               options.from_beginning ? "from=earliest" : "from=latest&limit=0")
                 : fmt::format("/v1/changes/{}?snapshot={}", name, options.from_beginning);
  const StopSignal stop;
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
      "  leat tail users_by_country --data leat-data --from-beginning\n"
      "  leat tail dead_letters --from-beginning --json | jq .value.reason");
  command->callback([options, &outcome] { finish(outcome, follow(*options), options->json); });
}

}  // namespace leat::app
