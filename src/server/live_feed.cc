#include "server/live_feed.h"

#include "server/event_text.h"

namespace leat::server {
namespace {

/// Longest time between two looks, and shortest: thousands of epochs a second are not each looked
/// at.
constexpr std::chrono::milliseconds round_max{20};
constexpr std::chrono::milliseconds round_min{4};

}  // namespace

Response event_stream_head() {
  Response head;
  head.content_type = content_type_events;
  // Proxies must hand on each event as it comes.
  head.add_header("X-Accel-Buffering", "no");
  return head;
}

LiveFeed::LiveFeed(runtime::Engine& engine, HttpMetrics& metrics, const Limits& limits)
    : engine_(engine), metrics_(metrics), limits_(limits), thread_([this] { run(); }) {}

LiveFeed::~LiveFeed() { stop(); }

void LiveFeed::add(std::shared_ptr<ResponseStream> stream, std::unique_ptr<Follower> follower) {
  std::lock_guard lock(mutex_);
  if (stopping_) return stream->finish();
  metrics_.event_streams.fetch_add(1, std::memory_order_relaxed);
  arriving_.push_back({std::move(stream), std::move(follower), std::chrono::steady_clock::now()});
  changed_.notify_all();
}

void LiveFeed::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool LiveFeed::serve(Client& client, bool news) {
  if (client.stream->gone()) return false;
  const auto now = std::chrono::steady_clock::now();
  switch (client.follower->poll(*client.stream, news)) {
    case Follower::State::ended:
      return false;
    case Follower::State::wrote:
      client.last_written = now;
      break;
    case Follower::State::quiet:
      if (now - client.last_written >= limits_.heartbeat) {
        static const auto heartbeat = std::make_shared<const std::string>(heartbeat_text);
        client.stream->try_write(heartbeat);
        client.last_written = now;
      }
  }
  return true;
}

bool LiveFeed::arrived() {
  std::lock_guard lock(mutex_);
  return !arriving_.empty();
}

void LiveFeed::run() {
  Epoch seen;
  bool news = true;
  bool again = true;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !arriving_.empty() || !clients_.empty(); });
      if (stopping_) break;
      std::move(arriving_.begin(), arriving_.end(), std::back_inserter(clients_));
      arriving_.clear();
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto gone =
        std::erase_if(clients_, [&](Client& client) { return !serve(client, news || again); });
    metrics_.event_streams.fetch_sub(static_cast<std::int64_t>(gone), std::memory_order_relaxed);
    if (clients_.empty()) continue;
    // An epoch's changes may be published a moment after it is visible: a second look follows soon.
    again = std::exchange(news, false);
    const Epoch newest = engine_.wait_for_epoch(seen, again ? round_min : round_max);
    news = newest != std::exchange(seen, newest) || arrived();
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, begin + round_min, [&] { return stopping_; });
  }
  for (Client& client : clients_) client.stream->finish();
  std::lock_guard lock(mutex_);
  for (Client& client : arriving_) client.stream->finish();
  const auto left = clients_.size() + arriving_.size();
  metrics_.event_streams.fetch_sub(static_cast<std::int64_t>(left), std::memory_order_relaxed);
  clients_.clear();
  arriving_.clear();
}

}  // namespace leat::server
