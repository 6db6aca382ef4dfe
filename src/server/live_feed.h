#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/engine.h"
#include "server/http_metrics.h"
#include "server/options.h"
#include "server/response.h"
#include "server/response_stream.h"

namespace leat::server {

/// What one client of an event stream follows. Used by the feed's thread alone.
class Follower {
 public:
  virtual ~Follower() = default;
  enum class State { quiet, wrote, ended };
  /// Writes what is new, without waiting. `news`: an epoch has become visible since the last look
  /// but one. `ended`: the stream was finished.
  virtual State poll(ResponseStream& stream, bool news) = 0;
};

/// One thread that serves all event streams: it looks for news after each epoch, and some times a
/// second in between, and only while somebody listens. Thread-safe.
class LiveFeed {
 public:
  LiveFeed(runtime::Engine& engine, HttpMetrics& metrics, const Limits& limits);
  ~LiveFeed();

  void add(std::shared_ptr<ResponseStream> stream, std::unique_ptr<Follower> follower);
  /// Finishes all streams.
  void stop();

 private:
  struct Client {
    std::shared_ptr<ResponseStream> stream;
    std::unique_ptr<Follower> follower;
    std::chrono::steady_clock::time_point last_written;
  };
  void run();
  bool arrived();
  bool serve(Client& client, bool news);

  runtime::Engine& engine_;
  HttpMetrics& metrics_;
  const Limits limits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Client> arriving_;
  bool stopping_ = false;
  std::vector<Client> clients_;  ///< of the thread
  std::thread thread_;
};

/// The head of an event stream's answer.
Response event_stream_head();

}  // namespace leat::server
