// Posts one body again and again over many kept connections, from one thread, and says how long the
// answers took.
//
//   push_load PORT PATH CONTENT_TYPE BODY_FILE CONNECTIONS REQUESTS_PER_SECOND SECONDS
//
// At a rate, a request's latency begins when it was due, be a connection free then or not. Rate 0:
// each connection sends its next request when it has its answer. One JSON line on standard output.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
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

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "push_load: %s\n", what.c_str());
  std::exit(1);
}

struct Connection {
  int socket = -1;
  std::string answer;
  Clock::time_point due;
  bool busy = false;
};

/// Bytes of the whole answer at the front of the text, 0 while it is not complete.
std::size_t answer_bytes(const std::string& text) {
  const std::size_t head = text.find("\r\n\r\n");
  if (head == std::string::npos) return 0;
  std::string lower = text.substr(0, head);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const std::size_t at = lower.find("content-length:");
  if (at == std::string::npos) die("an answer without Content-Length: " + text);
  const std::size_t whole = head + 4 + std::strtoul(lower.c_str() + at + 15, nullptr, 10);
  return text.size() >= whole ? whole : 0;
}

int connect_to(int port) {
  const int made = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(made, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    die("no connection to the port");
  }
  const int on = 1;
  setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return made;
}

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
      for (std::size_t at = 0; at < request_.size();) {
        const ssize_t written =
            send(connection.socket, request_.data() + at, request_.size() - at, MSG_NOSIGNAL);
        if (written <= 0) die("a connection was closed");
        at += static_cast<std::size_t>(written);
      }
    }
  }

  void receive(std::size_t index) {
    Connection& connection = connections_[index];
    char block[16384];
    const ssize_t count = recv(connection.socket, block, sizeof(block), 0);
    if (count <= 0) die("a connection was closed");
    connection.answer.append(block, static_cast<std::size_t>(count));
    const std::size_t whole = answer_bytes(connection.answer);
    if (whole == 0) return;
    if (connection.answer.compare(9, 1, "2") != 0) die("refused: " + connection.answer);
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
  const std::string request = std::string("POST ") + arguments[2] +
                              " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: " + arguments[3] +
                              "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                              body;
  Load(std::atoi(arguments[1]), request, std::strtoul(arguments[5], nullptr, 10),
       std::atof(arguments[6]), std::atof(arguments[7]))
      .run();
}
