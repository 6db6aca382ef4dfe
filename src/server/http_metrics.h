#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace leat::server {

/// Counts of requests by route and status, and how long they took. Thread-safe; cheap enough for
/// every request.
class HttpMetrics {
 public:
  /// Upper ends of the duration buckets, in seconds.
  static constexpr std::array<double, 12> bounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                    0.05,   0.1,   0.25,   0.5,   1,    5};
  static constexpr std::array<unsigned, 24> statuses = {200, 304, 400, 403, 404, 405, 406, 408,
                                                        409, 410, 413, 415, 417, 422, 429, 431,
                                                        500, 501, 503, 504, 201, 204, 301, 0};

  /// Route 0 stands for requests that never reached one.
  explicit HttpMetrics(std::vector<std::string> routes);

  void observe(std::size_t route, unsigned status, std::chrono::nanoseconds duration);

  struct Route {
    std::array<std::atomic<std::uint64_t>, statuses.size()> by_status{};
    std::array<std::atomic<std::uint64_t>, bounds.size() + 1> buckets{};
    std::atomic<std::uint64_t> nanoseconds = 0;
  };
  const std::vector<std::string>& routes() const { return names_; }
  const Route& route(std::size_t index) const { return routes_[index]; }

  std::atomic<std::int64_t> connections = 0;
  std::atomic<std::uint64_t> connections_refused = 0;
  std::atomic<std::int64_t> event_streams = 0;
  std::atomic<std::uint64_t> event_streams_dropped = 0;

 private:
  const std::vector<std::string> names_;
  const std::unique_ptr<Route[]> routes_;
};

}  // namespace leat::server
