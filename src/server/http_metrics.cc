#include "server/http_metrics.h"

#include <algorithm>

namespace leat::server {

HttpMetrics::HttpMetrics(std::vector<std::string> routes)
    : names_(std::move(routes)), routes_(std::make_unique<Route[]>(names_.size())) {}

void HttpMetrics::observe(std::size_t route, unsigned status, std::chrono::nanoseconds duration) {
  Route& numbers = routes_[route];
  // The last place stands for every status that isn't in the list.
  std::size_t place = 0;
  while (place + 1 < statuses.size() && statuses[place] != status) ++place;
  numbers.by_status[place].fetch_add(1, std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto bucket = std::ranges::lower_bound(bounds, seconds) - bounds.begin();
  numbers.buckets[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  numbers.nanoseconds.fetch_add(static_cast<std::uint64_t>(duration.count()),
                                std::memory_order_relaxed);
}

}  // namespace leat::server
