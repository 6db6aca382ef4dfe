// Posts one body again and again over many kept connections, from one thread, and says how long the
// answers took.
//
//   push_load PORT PATH CONTENT_TYPE BODY_FILE CONNECTIONS REQUESTS_PER_SECOND SECONDS
//
// At a rate, a request's latency begins when it was due, be a connection free then or not. Rate 0:
// each connection sends its next request when it has its answer. One JSON line on standard output.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "http_connection.h"

namespace {

using leat::bench::answer_bytes;
using leat::bench::connect_to;
using leat::bench::die;
using Clock = std::chrono::steady_clock;

struct Connection {
  int socket = -1;
  std::string answer;
  Clock::time_point due;
  bool busy = false;
};

class Load {
 public:
  Load(int port, std::string request, std::size_t connections, double rate, double seconds)
      : request_(std::move(request)), rate_(rate), seconds_(seconds), connections_(connections) {
    for (std::size_t i = 0; i < connections; ++i) {
      connections_[i].socket = connect_to(port);
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[i].socket, &event);
      idle_.push_back(i);
    }
  }

  void run() {
    begin_ = Clock::now();
    const auto end = begin_ + std::chrono::duration_cast<Clock::duration>(
                                  std::chrono::duration<double>(seconds_));
    std::vector<epoll_event> events(connections_.size());
    while (true) {
      const auto now = Clock::now();
      const bool over = now >= end;
      if (over && idle_.size() == connections_.size()) break;
      if (now > end + std::chrono::seconds(30)) die("no answer for 30 s");
      if (!over) send_due(now);
      const timespec wait = until_due(over);
      const int count =
          epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
      for (int i = 0; i < count; ++i) receive(events[static_cast<std::size_t>(i)].data.u64);
    }
    report();
  }

 private:
  Clock::time_point next_due() const {
    return begin_ + std::chrono::nanoseconds(
                        static_cast<std::int64_t>(static_cast<double>(sent_) * 1e9 / rate_));
  }

  /// Sleeps rather than spins: the program under measurement has the same cores.
  timespec until_due(bool over) const {
    std::int64_t wait = 10'000'000;
    if (rate_ > 0 && !idle_.empty() && !over) {
      wait = std::clamp<std::int64_t>((next_due() - Clock::now()).count(), 0, wait);
    }
    return {.tv_sec = 0, .tv_nsec = wait};
  }

  void send_due(Clock::time_point now) {
    while (!idle_.empty()) {
      auto due = now;
      if (rate_ > 0) {
        due = next_due();
        if (due > now) return;
      }
      Connection& connection = connections_[idle_.front()];
      idle_.pop_front();
      connection.due = due;
      ++sent_;
      leat::bench::send_all(connection.socket, request_);
    }
  }

  void receive(std::size_t index) {
    Connection& connection = connections_[index];
    leat::bench::receive_some(connection.socket, connection.answer);
    const std::size_t whole = answer_bytes(connection.answer);
    if (whole == 0) return;
    const std::chrono::duration<double, std::milli> took = Clock::now() - connection.due;
    latencies_.push_back(took.count());
    connection.answer.erase(0, whole);
    idle_.push_back(index);
  }

  double quantile(double part) const {
    const auto rank = static_cast<std::size_t>(std::ceil(part * double(latencies_.size())));
    return latencies_[rank == 0 ? 0 : rank - 1];
  }

  void report() {
    if (latencies_.empty()) die("nothing was answered");
    const std::chrono::duration<double> took = Clock::now() - begin_;
    std::ranges::sort(latencies_);
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const double cpu = double(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                       double(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    std::printf(
        "{\"requests\": %zu, \"seconds\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
        "\"p999_ms\": %.3f, \"max_ms\": %.3f, \"generator_cpu_seconds\": %.2f}\n",
        latencies_.size(), took.count(), quantile(0.5), quantile(0.99), quantile(0.999),
        latencies_.back(), cpu);
  }

  const std::string request_;
  const double rate_, seconds_;
  std::vector<Connection> connections_;
  std::deque<std::size_t> idle_;
  const int epoll_ = epoll_create1(0);
  Clock::time_point begin_;
  std::size_t sent_ = 0;
  std::vector<double> latencies_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 8) die("PORT PATH CONTENT_TYPE BODY_FILE CONNECTIONS REQUESTS_PER_SECOND SECONDS");
  std::ifstream file(arguments[4], std::ios::binary);
  const std::string body{std::istreambuf_iterator<char>(file), {}};
  if (body.empty()) die("no body");
  const std::string request = leat::bench::post_request(arguments[2], arguments[3], body);
  Load(std::atoi(arguments[1]), request, std::strtoul(arguments[5], nullptr, 10),
       std::atof(arguments[6]), std::atof(arguments[7]))
      .run();
}
