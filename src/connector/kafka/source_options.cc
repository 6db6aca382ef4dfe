#include "connector/kafka/source_options.h"

#include <algorithm>

#include "format/parse_time.h"

namespace leat::connector::kafka {
namespace {

Result<Start> read_start(const std::string& text) {
  if (text == "earliest") return Start{};
  if (text == "latest") return Start{.kind = Start::Kind::latest};
  if (text == "committed") return Start{.kind = Start::Kind::committed};
  format::TimePoint time;
  if (format::parse_timestamp(text, time) == format::ParseFault::none) {
    return Start{.kind = Start::Kind::time,
                 .time_ms = time.seconds * 1000 + time.nanoseconds / 1'000'000};
  }
  return user_error("kafka-setting",
                    "`start`: \"{}\" is not known; write earliest, latest, committed, or a time "
                    "such as 2026-01-31T00:00:00Z",
                    text);
}

/// Two sources must not overwrite each other's positions.
std::string default_group(const Context& context) {
  return context.owner.empty() ? "leat" : "leat." + context.owner;
}

}  // namespace

bool SourceOptions::wants(const std::string& topic) const {
  if (std::ranges::find(names, topic) != names.end()) return true;
  if (topic.starts_with("__")) return false;
  return std::ranges::any_of(
      patterns, [&](const std::regex& pattern) { return std::regex_search(topic, pattern); });
}

Result<SourceOptions> read_source_options(const Settings& settings, const Context& context) {
  SourceOptions out{.connection = LEAT_TRY(read_connection(settings, context))};
  for (const std::string& topic : settings.list("topics")) {
    if (!topic.starts_with('^')) {
      if (!topic.empty()) out.names.push_back(topic);
      continue;
    }
    try {
      out.patterns.emplace_back(topic);
    } catch (const std::regex_error& error) {
      return user_error("kafka-setting", "`topics`: {} is no regular expression: {}", topic,
                        error.what());
    }
  }
  if (out.names.empty() && out.patterns.empty()) {
    return user_error("kafka-setting",
                      "`topics` is empty; name a topic, or write a regular "
                      "expression that begins with ^");
  }
  out.start = LEAT_TRY(read_start(settings.text("start")));
  out.stop_at_end = settings.flag("stop_at_end");
  out.group = settings.has("group") ? settings.text("group") : default_group(context);
  out.isolation = settings.text("isolation");
  out.discover_every_ms = settings.duration_ms("discover_every");
  return out;
}

}  // namespace leat::connector::kafka
