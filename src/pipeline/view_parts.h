#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pipeline/graph.h"

namespace leat::pipeline {

/// What the file says of a query's result, for all operators that it concerns.
struct PartRules {
  op::WindowRules windows;
  std::optional<std::int64_t> pace_us;  ///< of emit: {early: …}
  std::vector<std::size_t> unique;      ///< columns that are to be watched; empty: none
  bool kept = true;                     ///< the rows of the result
};

/// Makes the query's operators those of the view: all but the last are its parts.
void add_parts(sql::ViewQuery query, const PartRules& rules, ViewNode& view);

}  // namespace leat::pipeline
