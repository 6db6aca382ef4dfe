#include "pipeline/log_check.h"

#include <algorithm>

namespace leat::pipeline {
namespace {

bool say_the_same(const Node& a, const Node& b) {
  const auto entry_is_in = [&](const Node::Entry& entry) {
    const auto* other = b.find(entry.key.text);
    return other != nullptr && say_the_same(entry.value, other->value);
  };
  return a.kind == b.kind && a.text == b.text &&
         std::ranges::equal(a.items, b.items, say_the_same) &&
         a.entries.size() == b.entries.size() && std::ranges::all_of(a.entries, entry_is_in);
}

}  // namespace

void check_log(Scope& scope, const Node& value, const Node* first) {
  if (first != nullptr) {
    if (say_the_same(value, *first)) return;
    scope.diagnostics.error(
        value.at, "log-conflict",
        fmt::format("the log is another one here than at {}:{}, and a server has one; write the "
                    "same, or leave it out in all files but one",
                    printable(first->at.file, 4096), first->at.line));
    return;
  }
  const Fields fields(value, section("log"), scope.diagnostics, names_of(scope.registry.logs));
  if (!fields.readable()) return;
  const auto chosen = chosen_connector(fields, scope.registry.logs, scope.diagnostics, "log");
  if (!chosen) return;
  scope.graph.log = LogNode{.at = value.at,
                            .connector = chosen->spec->name,
                            .settings = chosen->checked.settings,
                            .shown = chosen->checked.shown};
}

}  // namespace leat::pipeline
