#pragma once

#include <string>

#include "operator/definition.h"

namespace leat::op {

/// What the state of a join was made by.
std::string definition_of(const JoinView& view);

}  // namespace leat::op
