#pragma once

#include <vector>

#include "connector/spec.h"

namespace leat::pipeline {

/// What a stream's `format:` may be: `json` and `csv`, as the decoders of `format/decoder.h` take
/// their settings.
std::vector<connector::Spec> format_specs();

}  // namespace leat::pipeline
