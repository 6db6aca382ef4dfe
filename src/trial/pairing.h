#pragma once

#include <functional>
#include <optional>
#include <vector>

namespace leat::trial {

/// Gives each expected thing a thing of its own that is there and fits, for as many of them as can
/// have one: what is expected may say so little that several things fit it. By index of the
/// expected; nothing: none is left for it.
std::vector<std::optional<std::size_t>> pair_up(
    std::size_t expected_count, std::size_t there_count,
    const std::function<bool(std::size_t expected, std::size_t there)>& fits);

}  // namespace leat::trial
