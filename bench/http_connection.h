// What the load generators share: a blocking connection to the program on this machine, and where
// an answer ends.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace leat::bench {

[[noreturn]] inline void die(std::string_view what) {
  std::fprintf(stderr, "load generator: %.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(1);
}

inline int connect_to(int port) {
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

inline void send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written <= 0) die("a connection was closed");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Appends what has come; waits for something to come.
inline void receive_some(int socket, std::string& text) {
  char block[16384];
  const ssize_t count = recv(socket, block, sizeof(block), 0);
  if (count <= 0) die("a connection was closed");
  text.append(block, static_cast<std::size_t>(count));
}

inline std::string post_request(std::string_view path, std::string_view content_type,
                                std::string_view body) {
  std::string request = "POST ";
  request.append(path).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ");
  request.append(content_type).append("\r\nContent-Length: ");
  return request.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
}

/// Bytes of the whole answer at the front of the text, 0 while it is not complete. Ends the program
/// when it is none of success.
inline std::size_t answer_bytes(const std::string& text) {
  const std::size_t head = text.find("\r\n\r\n");
  if (head == std::string::npos) return 0;
  std::string lower = text.substr(0, head);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const std::size_t at = lower.find("content-length:");
  if (at == std::string::npos) die("an answer without Content-Length: " + text);
  const std::size_t whole = head + 4 + std::strtoul(lower.c_str() + at + 15, nullptr, 10);
  if (text.size() < whole) return 0;
  if (text.compare(9, 1, "2") != 0) die("refused: " + text);
  return whole;
}

}  // namespace leat::bench
