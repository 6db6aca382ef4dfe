#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace leat::server {

/// The body of an answer that is written piece by piece, from any thread, while its connection
/// sends it from another. Takes pieces while it holds less than its bound: a producer either waits
/// for that or is told. Thread-safe.
class ResponseStream {
 public:
  using Piece = std::shared_ptr<const std::string>;

  struct Limits {
    std::size_t bytes_max = 1 << 20;
    std::chrono::milliseconds wait_max{5'000};  ///< of `write`, for a client that takes nothing
  };

  /// `wake` tells the connection that there is something to send; it is called from the producer's
  /// thread, once until the connection has taken what there is.
  ResponseStream(Limits limits, std::function<void()> wake);

  /// Waits for room. False when the client is gone or takes nothing: stop producing.
  bool write(std::string bytes);
  /// False, and nothing is taken, when the client is gone or there is no room.
  bool try_write(Piece piece);
  /// Takes the piece even when there is no room: for a last word before the end.
  void write_last(std::string bytes);
  /// The body is complete. `trailer`: headers after it, each "Name: value\r\n".
  void finish(std::string trailer = {});
  /// The body ends in the middle, in a way that the client can tell.
  void abort();
  /// The client is gone.
  bool gone() const;

  /// For the connection: what there is to send now.
  struct Batch {
    std::deque<Piece> pieces;
    std::size_t bytes = 0;
    bool finished = false;
    bool aborted = false;
    std::string trailer;
  };
  Batch take(std::size_t bytes_max);
  /// For the connection: nobody will take anything any more.
  void client_left();

 private:
  void wake_unlocked(std::unique_lock<std::mutex>& lock);

  const Limits limits_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::deque<Piece> pieces_;
  std::size_t bytes_ = 0;
  bool finished_ = false;
  bool aborted_ = false;
  bool gone_ = false;
  bool woken_ = false;
  std::string trailer_;
};

}  // namespace leat::server
