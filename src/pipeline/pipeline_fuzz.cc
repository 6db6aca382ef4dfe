// Any bytes as a pipeline file: the check ends, with findings or a graph, and never both an error
// and a graph.
#include <cstdint>
#include <cstdlib>

#include "base/check.h"
#include "pipeline/check.h"
#include "pipeline/explain.h"
#include "pipeline/test_registry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leat;
  using namespace leat::pipeline;
  static const auto analyser = std::move(sql::Analyser::open().value());
  static const Registry registry = test_registry();
  Environment environment;
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    return name == "SET" ? std::optional<std::string>("value") : std::nullopt;
  };
  environment.file = [](const std::string&) -> Result<std::string> { return "content\n"; };
  std::string text(reinterpret_cast<const char*>(data), size);
  const auto checked =
      check_texts({{"fuzz.yaml", std::move(text)}}, registry, *analyser, environment);
  bool errors = false;
  for (const auto& found : checked.diagnostics) {
    errors = errors || found.severity == Severity::error;
    LEAT_CHECK(!to_text(found).empty());
  }
  LEAT_CHECK(errors != checked.graph.has_value());
  if (checked.graph) explain(*checked.graph);
  return 0;
}
