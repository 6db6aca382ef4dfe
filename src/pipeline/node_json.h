#pragma once

#include <string>

#include "pipeline/document.h"

namespace leat::pipeline {

/// A YAML value as JSON text: numbers, true and false where they stand without quotes, a number
/// with the digits that it is written with.
std::string json_text_of(const Node& node);
/// A text as a JSON string.
std::string json_string_of(const std::string& text);

}  // namespace leat::pipeline
