#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/check.h"

namespace leat::app {

/// Where `leat run` keeps everything unless told otherwise.
inline constexpr const char* default_data_directory = "leat-data";

/// Notes in a data directory what other commands need: the pipeline files as written, and the
/// address of the server that runs on it.
Status note_pipeline(const std::string& directory, const std::vector<pipeline::SourceText>& texts);
Status note_address(const std::string& directory, const std::string& url);
/// The address that the last server noted; it may have ended since.
std::optional<std::string> noted_address(const std::string& directory);
/// The graph of the pipeline files that last ran on this directory, without sources, and its sinks
/// at rest: for reading only. Where variables are missing that were set then, there are no sinks.
Result<pipeline::Graph> noted_graph(const std::string& directory);

}  // namespace leat::app
