#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "server/response.h"
#include "server/response_stream.h"

namespace leat::server {

class Connection;
class HttpMetrics;
struct PushLane;

/// The right to answer one request, once, from any thread. One that is dropped without an answer
/// answers with an internal error. Movable; used by one thread at a time.
class Exchange {
 public:
  Exchange(std::shared_ptr<Connection> connection, std::uint64_t slot, bool head_only);
  Exchange(Exchange&&) noexcept = default;
  Exchange& operator=(Exchange&&) = delete;
  ~Exchange();

  void reply(Response response);
  /// Begins an answer that is written piece by piece. `live`: it ends when the client closes its
  /// side, and has no end of its own (an event stream).
  std::shared_ptr<ResponseStream> stream(Response head, bool live);
  /// Answers many at once: each I/O thread is woken once.
  static void reply_all(std::vector<std::pair<Exchange, Response>> answers);

  /// For the router: which route's numbers this request counts into.
  void set_route(std::size_t route) { route_ = route; }
  bool head_only() const { return head_only_; }
  /// Keeps the order of pushes that came on one connection.
  PushLane& push_lane() const;

 private:
  void observe(unsigned status);

  std::shared_ptr<Connection> connection_;
  std::uint64_t slot_ = 0;
  std::size_t route_ = 0;
  std::chrono::steady_clock::time_point begin_;
  bool head_only_ = false;
};

}  // namespace leat::server
