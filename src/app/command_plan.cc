#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "app/checked_pipeline.h"
#include "app/command.h"
#include "app/http_client.h"
#include "app/terminal.h"
#include "runtime/committed_pipeline.h"
#include "runtime/pipeline_change.h"

namespace leat::app {
namespace {

using nlohmann::ordered_json;
using runtime::CommittedPipeline;
using runtime::Definitions;
using runtime::NodeChange;
using runtime::PipelineChange;
using Fate = NodeChange::Fate;

struct PlanOptions {
  std::vector<std::string> files;
  std::string server;
  std::string data;
  bool json = false;
};

/// What a topic's records amount to that would be read again.
struct ReadAgain {
  std::uint64_t amount = 0;
  bool bytes = false;    ///< not records: of files
  bool removed = false;  ///< retention has removed some that would be needed
};

struct Plan {
  std::map<std::string, NodeChange> nodes;
  std::map<std::string, std::vector<std::string>> because;  ///< reasons in words
  std::map<std::string, ReadAgain> topics;
  std::vector<std::string> hindrances;  ///< why a start needs --rebuild
};

Result<CommittedPipeline> pipeline_of_server(const std::string& address) {
  HttpClient client(address.empty() ? HttpClient::default_server() : address);
  const auto answer = LEAT_TRY(client.get("/v1/pipeline/definitions"));
  const auto said = nlohmann::json::parse(answer.body, nullptr, false);
  if (!said.is_object() || !said.contains("definitions") || !said.contains("read")) {
    return external_error("bad-answer", "the server's answer is not Leat's; is {} the right one?",
                          address);
  }
  CommittedPipeline committed;
  said["definitions"].get_to(committed.definitions);
  for (const auto& [id, read] : said["read"].items()) {
    committed.inputs[id] = {.first = Offset(read["first"].get<std::int64_t>()),
                            .position = Offset(read["position"].get<std::int64_t>())};
  }
  return committed;
}

std::vector<std::string> reasons_for(const std::string& node, const PipelineChange& change) {
  std::vector<std::string> reasons;
  const NodeChange& what = change.nodes().at(node);
  for (const std::string& item : what.items) reasons.push_back("another " + item);
  if (what.input.empty()) return reasons;
  const bool is_new = change.fate_of(what.input) == Fate::added;
  std::string input = what.input;
  input.replace(input.find('/'), 1, " ");
  reasons.push_back(fmt::format("{} is {}", input, is_new ? "new" : "rebuilt"));
  return reasons;
}

/// Topics whose records the computed streams and views are made of.
std::set<std::string> topics_below(const Definitions& now, const PipelineChange& change) {
  std::set<std::string> seen;
  const std::function<void(const std::string&)> visit = [&](const std::string& node) {
    if (!seen.insert(node).second || !now.contains(node)) return;
    if (!runtime::has_state(node)) return;
    for (const std::string& input : runtime::inputs_of(now.at(node))) visit(input);
  };
  for (const auto& [node, definition] : now) {
    if (change.is_computed(node)) visit(node);
  }
  std::erase_if(seen, [](const std::string& node) { return !node.starts_with("topic/"); });
  return seen;
}

void add_topics(const CommittedPipeline& before, const Definitions& now,
                const PipelineChange& change, Plan& plan) {
  for (const std::string& topic : topics_below(now, change)) {
    ReadAgain again;
    const auto definition = now.find(topic);
    if (definition != now.end() && definition->second.contains("source")) {
      const auto source = now.find("source/" + definition->second.at("source"));
      again.bytes = source != now.end() && source->second.contains("connector") &&
                    source->second.at("connector") == "file";
    }
    const std::string name = topic.substr(topic.find('/') + 1);
    for (const auto& [id, read] : before.inputs) {
      if (!id.starts_with(name + "/")) continue;
      again.amount +=
          static_cast<std::uint64_t>(std::max<std::int64_t>(0, read.position - read.first));
      again.removed |= read.first > Offset(0);
    }
    if (again.removed) {
      plan.hindrances.push_back(
          fmt::format("retention has removed records of topic {} that would be needed", name));
    }
    plan.topics[name] = again;
  }
}

void add_sinks(const CommittedPipeline& before, const Definitions& now,
               const PipelineChange& change, Plan& plan) {
  for (const auto& [node, sink] : before.definitions) {
    if (!node.starts_with("sink/") || !now.contains(node) || !sink.contains("from")) continue;
    const std::string& from = sink.at("from");
    if (!change.is_computed("stream/" + from) && !change.is_computed("view/" + from)) continue;
    plan.hindrances.push_back(fmt::format("sink {} may have written rows of {} already",
                                          node.substr(node.find('/') + 1), from));
  }
}

Plan plan_for(const CommittedPipeline& before, const pipeline::Graph& graph) {
  const Definitions now = runtime::definitions_of(graph);
  const PipelineChange change(before.definitions, now);
  Plan plan;
  for (const auto& [node, what] : change.nodes()) {
    plan.nodes[node] = what;
    plan.because[node] = reasons_for(node, change);
  }
  add_topics(before, now, change, plan);
  add_sinks(before, now, change, plan);
  return plan;
}

void print_json(const Plan& plan) {
  ordered_json nodes = ordered_json::array(), topics = ordered_json::array();
  bool changes = false;
  for (const auto& [node, what] : plan.nodes) {
    const std::size_t slash = node.find('/');
    changes |= what.fate != Fate::kept;
    nodes.push_back({{"kind", node.substr(0, slash)},
                     {"name", node.substr(slash + 1)},
                     {"fate", runtime::word_of(what.fate)},
                     {"reasons", plan.because.at(node)}});
  }
  for (const auto& [name, again] : plan.topics) {
    topics.push_back(
        {{"topic", name}, {"amount", again.amount}, {"unit", again.bytes ? "bytes" : "records"}});
  }
  const ordered_json all = {{"changes", changes},
                            {"nodes", std::move(nodes)},
                            {"read_again", std::move(topics)},
                            {"needs_rebuild", plan.hindrances}};
  fmt::print("{}\n", all.dump(2));
}

std::string painted(const Paint& paint, Fate fate) {
  const std::string word = fmt::format("{:8}", runtime::word_of(fate));
  if (fate == Fate::kept) return paint.dim(word);
  if (fate == Fate::rebuilt || fate == Fate::removed) return paint.yellow(word);
  return word;
}

void print_text(const Plan& plan) {
  const Paint paint = paint_for(stdout);
  std::map<Fate, std::size_t> counts;
  for (const auto& [node, what] : plan.nodes) {
    ++counts[what.fate];
    const auto& reasons = plan.because.at(node);
    fmt::print("{} {}{}\n", painted(paint, what.fate),
               std::string(node).replace(node.find('/'), 1, " "),
               reasons.empty() ? "" : fmt::format(" ({})", fmt::join(reasons, ", ")));
  }
  if (counts.size() <= 1 && counts.contains(Fate::kept)) {
    fmt::print("nothing to do: it means what it meant\n");
    return;
  }
  for (const auto& [name, again] : plan.topics) {
    fmt::print("{} {} of topic {} would be read again\n", again.amount,
               again.bytes ? "bytes" : "records", name);
  }
  for (const std::string& hindrance : plan.hindrances) {
    fmt::print("{}\n", paint.yellow("needs --rebuild: " + hindrance));
  }
}

Status plan(const PlanOptions& options) {
  const pipeline::Graph graph = LEAT_TRY(checked_graph(options.files));
  const CommittedPipeline before =
      LEAT_TRY(options.data.empty() ? pipeline_of_server(options.server)
                                    : runtime::committed_pipeline(options.data));
  const Plan made = plan_for(before, graph);
  if (options.json) {
    print_json(made);
  } else {
    print_text(made);
  }
  return {};
}

}  // namespace

void add_plan(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "plan", "Say what changed pipeline files would do to a server or a data directory");
  auto options = std::make_shared<PlanOptions>();
  command->add_option("FILE", options->files, "Pipeline files, or folders of them")->required();
  auto* server = command->add_option("--server", options->server,
                                     "Address of a running server (default: $LEAT_SERVER, else "
                                     "http://127.0.0.1:8080)");
  command->add_option("--data", options->data, "A data directory, at rest or in use")
      ->excludes(server);
  command->add_flag("--json", options->json, "As JSON");
  command->footer(
      "What is kept goes on as it is; what is rebuilt or new is computed from the topics' first\n"
      "records when `leat run` starts with these files. Exit code 0 whether there is something to\n"
      "do or not, 2 where the files have a fault.\n\n"
      "Examples:\n"
      "  leat plan pipelines/users.yaml\n"
      "  leat plan pipelines/ --data /var/lib/leat --json");
  command->callback([options, &outcome] { finish(outcome, plan(*options), options->json); });
}

}  // namespace leat::app
