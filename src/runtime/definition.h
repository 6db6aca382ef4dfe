#pragma once

#include <map>
#include <string>
#include <vector>

#include "pipeline/graph.h"

namespace leat::runtime {

/// What decides what one part of a pipeline does, item by item ("query", "key", "window" …): equal
/// texts mean the same. Made of the analysed query, not of the file's text, so that blanks,
/// comments and the order of keys don't show. Secrets are masked.
using Definition = std::map<std::string, std::string>;

/// All of a pipeline, by "KIND/NAME" (`stream/clicks`). What a stream or view reads is an item
/// whose name begins with "input" and whose text is such a name.
using Definitions = std::map<std::string, Definition>;

Definitions definitions_of(const pipeline::Graph& graph);

/// What the definition reads: "topic/clicks", "stream/rows".
std::vector<std::string> inputs_of(const Definition& definition);

}  // namespace leat::runtime
