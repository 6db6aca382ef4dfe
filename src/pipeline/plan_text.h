#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/schema.h"

namespace leat::pipeline {

/// "name type, name type".
inline std::string columns_text(const Schema& schema) {
  std::vector<std::string> columns;
  for (const auto& column : schema) {
    columns.push_back(fmt::format("{} {}", column.name, column.type.to_sql()));
  }
  return fmt::format("{}", fmt::join(columns, ", "));
}

/// Lines of "name   value", values of several lines indented below.
class Plan {
 public:
  explicit Plan(std::string title) : text_(std::move(title) + "\n") {}

  Plan& line(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    while (value.ends_with('\n')) value.remove_suffix(1);
    if (value.contains('\n')) {
      text_ += fmt::format("  {}\n", name);
      for (std::size_t at = 0; at <= value.size();) {
        const auto end = std::min(value.size(), value.find('\n', at));
        text_ += fmt::format("    {}\n", value.substr(at, end - at));
        at = end + 1;
      }
    } else {
      text_ += fmt::format("  {:<14}{}\n", name, value);
    }
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace leat::pipeline
