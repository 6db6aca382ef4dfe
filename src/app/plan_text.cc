#include "app/plan_text.h"

#include "app/terminal.h"

namespace leat::app {
namespace {

std::string painted(const Paint& paint, const std::string& fate) {
  const std::string word = fmt::format("{:8}", fate);
  if (fate == "kept") return paint.dim(word);
  if (fate == "rebuilt" || fate == "removed") return paint.yellow(word);
  return word;
}

}  // namespace

void print_plan(const nlohmann::ordered_json& plan) {
  const Paint paint = paint_for(stdout);
  for (const auto& node : plan["nodes"]) {
    const auto reasons = node["reasons"].get<std::vector<std::string>>();
    fmt::print("{} {} {}{}\n", painted(paint, node["fate"]), node["kind"].get<std::string>(),
               node["name"].get<std::string>(),
               reasons.empty() ? "" : fmt::format(" ({})", fmt::join(reasons, ", ")));
  }
  if (!plan["changes"].get<bool>()) {
    fmt::print("nothing to do: it means what it meant\n");
    return;
  }
  for (const auto& topic : plan["read_again"]) {
    fmt::print("{} {} of topic {} would be read again\n", topic["amount"].get<std::uint64_t>(),
               topic["unit"].get<std::string>(), topic["topic"].get<std::string>());
  }
  for (const auto& hindrance : plan["needs_rebuild"]) {
    fmt::print("{}\n", paint.yellow("needs --rebuild: " + hindrance.get<std::string>()));
  }
}

}  // namespace leat::app
