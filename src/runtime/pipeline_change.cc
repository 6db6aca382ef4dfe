#include "runtime/pipeline_change.h"

#include <algorithm>
#include <set>

namespace leat::runtime {
namespace {

using Fate = NodeChange::Fate;

std::vector<std::string> differing_items(const Definition& before, const Definition& now) {
  std::set<std::string> items;
  for (const auto& [item, text] : before) {
    const auto found = now.find(item);
    if (found == now.end() || found->second != text) items.insert(item);
  }
  for (const auto& [item, text] : now) {
    if (!before.contains(item)) items.insert(item);
  }
  return {items.begin(), items.end()};
}

}  // namespace

bool has_state(const std::string& node) {
  return node.starts_with("stream/") || node.starts_with("view/");
}

const char* word_of(Fate fate) {
  switch (fate) {
    case Fate::kept:
      return "kept";
    case Fate::changed:
      return "changed";
    case Fate::rebuilt:
      return "rebuilt";
    case Fate::added:
      return "new";
    case Fate::removed:
      return "removed";
  }
  return "";
}

PipelineChange::PipelineChange(const Definitions& before, const Definitions& now,
                               const std::string& replayed)
    : replayed_(replayed.empty() ? "" : "view/" + replayed) {
  for (const auto& [node, definition] : now) judge(node, before, now);
  for (const auto& [node, definition] : before) {
    if (!now.contains(node)) nodes_[node].fate = Fate::removed;
  }
}

/// Those that it stands on are judged first; a pipeline has no circles.
void PipelineChange::judge(const std::string& node, const Definitions& before,
                           const Definitions& now) {
  if (nodes_.contains(node)) return;
  NodeChange change;
  const auto was = before.find(node);
  if (was == before.end()) {
    change.fate = Fate::added;
    nodes_[node] = std::move(change);
    return;
  }
  change.items = differing_items(was->second, now.at(node));
  if (node == replayed_) change.items.push_back("beginning");
  if (!change.items.empty()) change.fate = has_state(node) ? Fate::rebuilt : Fate::changed;
  for (const std::string& input : inputs_of(now.at(node))) {
    if (!has_state(node) || !has_state(input) || !now.contains(input)) continue;
    judge(input, before, now);
    if (!is_computed(input) || change.fate == Fate::rebuilt) continue;
    change.fate = Fate::rebuilt;
    change.input = input;
  }
  nodes_[node] = std::move(change);
}

bool PipelineChange::is_computed(const std::string& node) const {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || !has_state(node)) return false;
  return found->second.fate == Fate::rebuilt || found->second.fate == Fate::added;
}

bool PipelineChange::touches_state() const {
  return std::ranges::any_of(nodes_, [](const auto& node) {
    return has_state(node.first) && node.second.fate != Fate::kept;
  });
}

bool PipelineChange::keeps_state() const {
  return std::ranges::any_of(nodes_, [](const auto& node) {
    return has_state(node.first) && node.second.fate == Fate::kept;
  });
}

}  // namespace leat::runtime
