#include "server/plan_json.h"

namespace leat::server {

using Json = nlohmann::ordered_json;

Json plan_json(const runtime::PipelinePlan& plan) {
  Json nodes = Json::array(), topics = Json::array();
  for (const auto& [node, what] : plan.nodes) {
    const std::size_t slash = node.find('/');
    nodes.push_back({{"kind", node.substr(0, slash)},
                     {"name", node.substr(slash + 1)},
                     {"fate", runtime::word_of(what.fate)},
                     {"reasons", plan.reasons.at(node)}});
  }
  for (const auto& [name, again] : plan.topics) {
    topics.push_back(
        {{"topic", name}, {"amount", again.amount}, {"unit", again.bytes ? "bytes" : "records"}});
  }
  return {{"changes", plan.changes()},
          {"nodes", std::move(nodes)},
          {"read_again", std::move(topics)},
          {"needs_rebuild", plan.hindrances}};
}

}  // namespace leat::server
