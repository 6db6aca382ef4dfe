#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace leat::server {

/// What came back, whole.
struct TestResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case; trailers among them
  std::string body;
  bool complete = true;  ///< false: the connection ended within it

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

struct TestEvent {
  std::string id, name, data;
};

/// A socket that sends exactly what a test says and reads what comes back. Every wait ends after
/// some seconds, with a status of 0 or nothing.
class TestClient {
 public:
  explicit TestClient(std::uint16_t port);
  ~TestClient();
  TestClient(TestClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)),
        received_(std::move(other.received_)),
        events_(std::move(other.events_)) {}

  /// False when the server has closed the connection.
  bool send(std::string_view bytes);
  void close_sending();
  /// `head_only`: the answer to a HEAD.
  TestResponse read(bool head_only = false);
  TestResponse request(std::string_view bytes) {
    send(bytes);
    return read();
  }
  TestResponse get(std::string_view target, std::string_view headers = "");
  TestResponse post(std::string_view target, std::string_view body,
                    std::string_view headers = "Content-Type: application/json\r\n");
  /// Reads an event stream's head; events follow.
  TestResponse open_events(std::string_view target, std::string_view headers = "");
  /// The next event that isn't a comment.
  std::optional<TestEvent> next_event();
  /// Whatever comes next; nothing at the end.
  std::optional<std::string> read_some();
  /// The server has closed the connection, and nothing was left to read.
  bool closed();

 private:
  bool receive();
  std::optional<std::string> line();
  bool take(std::size_t bytes, std::string& out);
  bool read_head(TestResponse& response);
  bool read_chunk(TestResponse& response);

  static constexpr std::chrono::seconds wait_max{20};
  int socket_ = -1;
  std::string received_;
  std::string events_;
};

}  // namespace leat::server
