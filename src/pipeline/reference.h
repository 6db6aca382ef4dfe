#pragma once

#include <map>
#include <string>

#include "pipeline/check.h"

namespace leat::pipeline {

/// The reference in Markdown, file name to text: `pipeline.md`, `sources.md`, `sinks.md`,
/// `formats.md`, `errors.md`. From the same declarations that reading uses.
std::map<std::string, std::string> reference(const Registry& registry);

}  // namespace leat::pipeline
