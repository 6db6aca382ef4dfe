// Posts batches of events on a schedule and follows a view that counts them: how long it takes from
// when a batch was due until the view's follower sees that it has been counted.
//
//   latency_load PORT TOPIC VIEW BATCH EVENTS_PER_SECOND SECONDS CONNECTIONS
//
// The view's `events` is the number of all events. A batch that has no free connection when it is
// due is late, and its latency says so. One thread; one JSON line on standard output.
#include <poll.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "http_connection.h"

namespace {

using leat::bench::answer_bytes;
using leat::bench::connect_to;
using leat::bench::die;
using leat::bench::receive_some;
using leat::bench::send_all;
using Clock = std::chrono::steady_clock;

constexpr std::string_view counted = "\"events\":";
constexpr std::chrono::seconds patience{30};

/// Server-sent events as they come, out of their chunks.
class Follower {
 public:
  Follower(int port, const std::string& view) : socket_(connect_to(port)) {
    send_all(socket_, "GET /v1/changes/" + view +
                          "?snapshot=false HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                          "Accept: text/event-stream\r\n\r\n");
    while (raw_.find("\r\n\r\n") == std::string::npos) receive_some(socket_, raw_);
    if (raw_.compare(9, 3, "200") != 0) die("the view can't be followed: " + raw_);
    raw_.erase(0, raw_.find("\r\n\r\n") + 4);
  }

  int socket() const { return socket_; }
  /// The greatest number of events that any change so far has shown.
  std::size_t read() {
    receive_some(socket_, raw_);
    take_chunks();
    for (std::size_t end; (end = text_.find('\n')) != std::string::npos; text_.erase(0, end + 1)) {
      const std::string line = text_.substr(0, end);
      for (std::size_t at = line.find(counted); at != std::string::npos;
           at = line.find(counted, at + 1)) {
        const char* const digits = line.c_str() + at + counted.size();
        events_ = std::max<std::size_t>(events_, std::strtoul(digits, nullptr, 10));
      }
    }
    return events_;
  }

 private:
  void take_chunks() {
    while (true) {
      const std::size_t line = raw_.find("\r\n");
      if (line == std::string::npos) return;
      const std::size_t size = std::strtoul(raw_.c_str(), nullptr, 16);
      if (size == 0) die("the follower was sent away");
      if (raw_.size() < line + 2 + size + 2) return;
      text_.append(raw_, line + 2, size);
      raw_.erase(0, line + 2 + size + 2);
    }
  }

  const int socket_;
  std::string raw_, text_;
  std::size_t events_ = 0;
};

struct Connection {
  int socket;
  bool busy = false;
  std::string answer;
};

class Load {
 public:
  Load(int port, const std::string& topic, const std::string& view, std::size_t batch, double rate,
       double seconds, std::size_t connections)
      : follower_(port, view),
        path_("/v1/topics/" + topic + "/records"),
        batch_(batch),
        pause_(static_cast<std::int64_t>(1e9 * static_cast<double>(batch) / rate)),
        seen_(static_cast<std::size_t>(rate * seconds / static_cast<double>(batch))) {
    for (std::size_t i = 0; i < connections; ++i)
      connections_.push_back({connect_to(port), false, {}});
  }

  void run() {
    begin_ = Clock::now() + std::chrono::milliseconds(200);
    std::vector<pollfd> waited;
    for (const Connection& connection : connections_)
      waited.push_back({connection.socket, POLLIN, 0});
    waited.push_back({follower_.socket(), POLLIN, 0});
    while (next_seen_ < seen_.size()) {
      if (Clock::now() > due(seen_.size()) + patience) die("not all events were counted");
      send_due();
      const timespec pause = until_due();
      if (ppoll(waited.data(), waited.size(), &pause, nullptr) <= 0) continue;
      if (waited.back().revents != 0) note_seen(follower_.read());
      for (std::size_t i = 0; i < connections_.size(); ++i) {
        if (waited[i].revents != 0) receive(connections_[i]);
      }
    }
    report();
  }

 private:
  Clock::time_point due(std::size_t batch) const { return begin_ + batch * pause_; }

  timespec until_due() const {
    std::int64_t wait = 10'000'000;
    const bool any_idle = std::ranges::any_of(connections_, [](const auto& c) { return !c.busy; });
    if (sent_ < seen_.size() && any_idle) {
      wait = std::clamp<std::int64_t>((due(sent_) - Clock::now()).count(), 0, wait);
    }
    return {.tv_sec = 0, .tv_nsec = wait};
  }

  void send_due() {
    for (Connection& connection : connections_) {
      if (sent_ == seen_.size() || due(sent_) > Clock::now()) return;
      if (connection.busy) continue;
      connection.busy = true;
      const std::string event =
          "{\"batch\":" + std::to_string(sent_++) + ",\"value\":1.5,\"text\":\"" + text_ + "\"}\n";
      std::string body;
      for (std::size_t i = 0; i < batch_; ++i) body += event;
      send_all(connection.socket, leat::bench::post_request(path_, "application/x-ndjson", body));
    }
  }

  void receive(Connection& connection) {
    receive_some(connection.socket, connection.answer);
    const std::size_t whole = answer_bytes(connection.answer);
    if (whole == 0) return;
    connection.answer.erase(0, whole);
    connection.busy = false;
  }

  /// All that were sent are there when the count says so, whatever their order.
  void note_seen(std::size_t events) {
    const auto now = Clock::now();
    for (; next_seen_ < seen_.size() && (next_seen_ + 1) * batch_ <= events; ++next_seen_) {
      seen_[next_seen_] = std::chrono::duration<double, std::milli>(now - due(next_seen_)).count();
    }
  }

  void report() {
    const std::chrono::duration<double> took = Clock::now() - begin_;
    std::ranges::sort(seen_);
    const auto quantile = [this](double part) {
      const auto rank = static_cast<std::size_t>(std::ceil(part * double(seen_.size())));
      return seen_[rank == 0 ? 0 : rank - 1];
    };
    std::printf(
        "{\"events\": %zu, \"seconds\": %.3f, \"p50_ms\": %.2f, \"p90_ms\": %.2f, "
        "\"p99_ms\": %.2f, \"p999_ms\": %.2f, \"max_ms\": %.2f}\n",
        seen_.size() * batch_, took.count(), quantile(0.5), quantile(0.9), quantile(0.99),
        quantile(0.999), seen_.back());
  }

  Follower follower_;
  const std::string path_;
  const std::string text_ = std::string(200, 'x');
  const std::size_t batch_;
  const std::chrono::nanoseconds pause_;
  std::vector<Connection> connections_;
  std::vector<double> seen_;  // milliseconds, by batch
  std::size_t sent_ = 0, next_seen_ = 0;
  Clock::time_point begin_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 8) die("PORT TOPIC VIEW BATCH EVENTS_PER_SECOND SECONDS CONNECTIONS");
  Load(std::atoi(arguments[1]), arguments[2], arguments[3], std::strtoul(arguments[4], nullptr, 10),
       std::atof(arguments[5]), std::atof(arguments[6]), std::strtoul(arguments[7], nullptr, 10))
      .run();
}
