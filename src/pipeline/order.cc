#include "pipeline/order.h"

#include <algorithm>
#include <cstddef>

namespace leat::pipeline {
namespace {

/// Walks from a node that waits for another that waits, until one comes again.
std::vector<std::size_t> cycle_from(std::size_t start,
                                    const std::vector<std::vector<std::size_t>>& reads,
                                    const std::vector<bool>& done) {
  std::vector<std::size_t> path;
  std::size_t node = start;
  while (std::ranges::find(path, node) == path.end()) {
    path.push_back(node);
    node = *std::ranges::find_if(reads[node], [&](std::size_t next) { return !done[next]; });
  }
  path.erase(path.begin(), std::ranges::find(path, node));
  return path;
}

}  // namespace

Order order_of(const std::vector<std::vector<std::size_t>>& reads) {
  Order order;
  std::vector<std::size_t> waits_for(reads.size());
  std::vector<std::vector<std::size_t>> readers(reads.size());
  for (std::size_t i = 0; i < reads.size(); ++i) {
    waits_for[i] = reads[i].size();
    for (const auto input : reads[i]) readers[input].push_back(i);
    if (reads[i].empty()) order.sequence.push_back(i);
  }
  std::vector<bool> done(reads.size(), false);
  for (std::size_t i = 0; i < order.sequence.size(); ++i) {
    const auto node = order.sequence[i];
    done[node] = true;
    for (const auto reader : readers[node]) {
      if (--waits_for[reader] == 0) order.sequence.push_back(reader);
    }
  }
  std::vector<bool> reported(reads.size(), false);
  for (std::size_t i = 0; i < reads.size(); ++i) {
    if (done[i] || reported[i]) continue;
    auto cycle = cycle_from(i, reads, done);
    // Nodes that lead into a cycle find the same one again.
    const bool fresh = !reported[cycle.front()];
    for (const auto node : cycle) reported[node] = true;
    if (fresh) order.cycles.push_back(std::move(cycle));
  }
  return order;
}

}  // namespace leat::pipeline
