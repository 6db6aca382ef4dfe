#pragma once

#include <nlohmann/json.hpp>

#include "runtime/pipeline_plan.h"

namespace leat::server {

/// {"changes", "nodes": [{"kind", "name", "fate", "reasons"}], "read_again", "needs_rebuild"}:
/// docs/formats/http.md.
nlohmann::ordered_json plan_json(const runtime::PipelinePlan& plan);

}  // namespace leat::server
