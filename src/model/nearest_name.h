#pragma once

#include <span>
#include <string>
#include <string_view>

namespace leat {

/// The candidate that `name` was probably meant to be: the one the fewest edits away, compared
/// without case, if that is near enough to be a slip. Empty: none is near.
std::string_view nearest_name(std::string_view name, std::span<const std::string_view> candidates);

/// `; did you mean "x"?` or nothing, to end an error message with.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace leat
