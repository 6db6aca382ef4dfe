#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "model/schema.h"
#include "pipeline/graph.h"
#include "runtime/committed_pipeline.h"
#include "runtime/status.h"

namespace leat::server {

using Json = nlohmann::ordered_json;

/// One line of JSON; invalid UTF-8 becomes U+FFFD.
std::string text_of(const Json& json);

/// The documents of docs/formats/http.md that are made of the engine's status.
Json status_json(const runtime::EngineStatus& status);
Json topics_json(const runtime::EngineStatus& status);
Json pipeline_json(const pipeline::Graph& graph, const runtime::EngineStatus& status);

/// What `leat plan` compares another pipeline with.
Json definitions_json(const runtime::CommittedPipeline& pipeline);

/// [{"name", "type"}]
Json columns_json(const Schema& schema);

}  // namespace leat::server
