#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "server/client_for_test.h"

namespace leat::server {

TestClient::TestClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  LEAT_CHECK(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
}

TestClient::~TestClient() {
  if (socket_ >= 0) ::close(socket_);
}

bool TestClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void TestClient::close_sending() { ::shutdown(socket_, SHUT_WR); }

bool TestClient::receive() {
  pollfd waiting{socket_, POLLIN, 0};
  if (::poll(&waiting, 1, static_cast<int>(wait_max.count() * 1000)) <= 0) return false;
  char bytes[65536];
  const ssize_t count = ::recv(socket_, bytes, sizeof(bytes), 0);
  if (count <= 0) return false;
  received_.append(bytes, static_cast<std::size_t>(count));
  return true;
}

std::optional<std::string> TestClient::line() {
  while (true) {
    const std::size_t end = received_.find("\r\n");
    if (end != std::string::npos) {
      std::string text = received_.substr(0, end);
      received_.erase(0, end + 2);
      return text;
    }
    if (!receive()) return std::nullopt;
  }
}

bool TestClient::take(std::size_t bytes, std::string& out) {
  while (received_.size() < bytes) {
    if (!receive()) return false;
  }
  out.append(received_, 0, bytes);
  received_.erase(0, bytes);
  return true;
}

bool TestClient::read_head(TestResponse& response) {
  const auto first = line();
  if (!first) return false;
  if (first->starts_with("HTTP/1.1 ")) response.status = std::stoi(first->substr(9));
  while (const auto field = line()) {
    if (field->empty()) return true;
    const std::size_t colon = field->find(": ");
    std::string name = field->substr(0, colon);
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    response.headers[name] = field->substr(colon + 2);
  }
  return false;
}

/// False at the last chunk, and when the connection ends.
bool TestClient::read_chunk(TestResponse& response) {
  const auto size_line = line();
  response.complete = size_line.has_value();
  if (!size_line) return false;
  const std::size_t size = std::stoul(*size_line, nullptr, 16);
  if (size == 0) {
    while (const auto field = line()) {
      if (field->empty()) return false;
      const std::size_t colon = field->find(": ");
      response.headers["trailer:" + field->substr(0, colon)] = field->substr(colon + 2);
    }
    response.complete = false;
    return false;
  }
  std::string end;
  response.complete = take(size, response.body) && take(2, end) && end == "\r\n";
  return response.complete;
}

TestResponse TestClient::read(bool head_only) {
  TestResponse response;
  if (!read_head(response) || head_only || response.status == 304 || response.status == 100) {
    return response;
  }
  if (response.header("transfer-encoding") == "chunked") {
    while (read_chunk(response)) {
    }
  } else if (const std::string length = response.header("content-length"); !length.empty()) {
    response.complete = take(std::stoul(length), response.body);
  } else {
    while (receive()) {
    }
    response.body = std::exchange(received_, "");
  }
  return response;
}

TestResponse TestClient::get(std::string_view target, std::string_view headers) {
  return request(fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", target, headers));
}

TestResponse TestClient::post(std::string_view target, std::string_view body,
                              std::string_view headers) {
  return request(
      fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n{}", target,
                  headers, body.size(), body));
}

TestResponse TestClient::open_events(std::string_view target, std::string_view headers) {
  send(fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{}\r\n",
                   target, headers));
  TestResponse response;
  read_head(response);
  if (response.status != 200) {
    take(std::stoul("0" + response.header("content-length")), response.body);
  }
  return response;
}

std::optional<TestEvent> TestClient::next_event() {
  while (true) {
    const std::size_t end = events_.find("\n\n");
    if (end == std::string::npos) {
      TestResponse piece;
      if (!read_chunk(piece)) return std::nullopt;
      events_ += piece.body;
      continue;
    }
    std::string text = events_.substr(0, end + 1);
    events_.erase(0, end + 2);
    TestEvent event;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t stop = text.find('\n', at);
      const std::string field = text.substr(at, stop - at);
      at = stop + 1;
      if (field.starts_with("id: ")) event.id = field.substr(4);
      if (field.starts_with("event: ")) event.name = field.substr(7);
      if (field.starts_with("data: ")) event.data = field.substr(6);
    }
    if (!event.name.empty()) return event;
  }
}

std::optional<std::string> TestClient::read_some() {
  if (received_.empty() && !receive()) return std::nullopt;
  return std::exchange(received_, "");
}

bool TestClient::closed() { return received_.empty() && !receive(); }

}  // namespace leat::server
