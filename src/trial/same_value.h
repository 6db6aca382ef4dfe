#pragma once

#include <optional>

#include "model/type.h"
#include "model/vector_access.h"

namespace leat::trial {

/// Whether two values of one type are the same: by what they mean, so that JSON is compared as a
/// document and a map without regard to the order of its keys. NULL is the same as NULL. Numbers of
/// floating point may be `tolerance` apart; without one as far as rounding explains, a billionth
/// (FLOAT: a millionth) of the larger.
bool same_value(const Type& type, const VectorReader& a, std::size_t row_a, const VectorReader& b,
                std::size_t row_b, std::optional<double> tolerance);

}  // namespace leat::trial
