#include <nlohmann/json.hpp>

#include "app/command.h"
#include "app/target.h"
#include "app/terminal.h"

namespace leat::app {
namespace {

using nlohmann::json;

struct TopicsOptions {
  Target::Choice target;
  bool json = false;
};

std::vector<std::string> row_of(const json& topic, const json& partition) {
  const auto number = [&](const char* name) {
    return with_thousands(static_cast<unsigned long long>(partition.value(name, std::int64_t{0})));
  };
  std::string name = topic.value("name", "");
  const std::string part_name = partition.value("name", "");
  return {std::move(name),
          part_name.empty() ? fmt::format("{}", partition.value("partition", 0)) : part_name,
          number("records"), as_bytes(partition.value("bytes", std::uint64_t{0})),
          number("first_offset"),
          // The last record's offset; nothing where there is no record.
          partition.value("next_offset", std::int64_t{0}) >
                  partition.value("first_offset", std::int64_t{0})
              ? with_thousands(static_cast<unsigned long long>(
                    partition.value("next_offset", std::int64_t{0}) - 1))
              : "-"};
}

Status list(const TopicsOptions& options) {
  const auto target = LEAT_TRY(Target::open(options.target));
  const HttpClient::Response response = LEAT_TRY(target->client().get("/v1/topics"));
  if (options.json) {
    fmt::print("{}\n", response.body);
    return {};
  }
  const json answer = json::parse(response.body, nullptr, false);
  std::vector<std::vector<std::string>> rows;
  for (const json& topic : answer.value("topics", json::array())) {
    for (const json& partition : topic.value("partitions", json::array())) {
      rows.push_back(row_of(topic, partition));
    }
  }
  fmt::print("{}",
             table_of({"topic", "partition", "records", "bytes", "first offset", "last offset"},
                      rows, {false, false, true, true, true, true}, 0));
  return {};
}

}  // namespace

void add_topics(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("topics", "List topics: partitions, records, bytes, offsets");
  auto options = std::make_shared<TopicsOptions>();
  Target::add_options(*command, options->target);
  command->add_flag("--json", options->json, "As JSON");
  command->footer(
      "Examples:\n"
      "  leat topics\n"
      "  leat topics --data leat-data --json");
  command->callback([options, &outcome] { finish(outcome, list(*options), options->json); });
}

}  // namespace leat::app
