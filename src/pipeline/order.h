#pragma once

#include <string>
#include <vector>

namespace leat::pipeline {

/// The order in which to take nodes that read from one another.
struct Order {
  std::vector<std::size_t> sequence;             ///< each after those that it reads
  std::vector<std::vector<std::size_t>> cycles;  ///< nodes that read themselves, by way of the next
};

/// `reads[i]`: the nodes that node i reads. Nodes of a cycle, and those that read one, are left out
/// of the sequence; those that only read one are in no cycle either.
Order order_of(const std::vector<std::vector<std::size_t>>& reads);

}  // namespace leat::pipeline
