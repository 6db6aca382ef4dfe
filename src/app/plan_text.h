#pragma once

#include <nlohmann/json.hpp>

namespace leat::app {

/// Prints what server::plan_json gives, here or from a server, as people read it.
void print_plan(const nlohmann::ordered_json& plan);

}  // namespace leat::app
