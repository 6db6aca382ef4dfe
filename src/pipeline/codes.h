#pragma once

#include <span>
#include <string_view>

namespace leat::pipeline {

/// A diagnostic's code and what it means, as the reference tells it.
struct Code {
  std::string_view name;
  std::string_view meaning;
};

/// Every code that a check can give, in alphabetical order.
std::span<const Code> codes();
bool is_documented(std::string_view code);

}  // namespace leat::pipeline
