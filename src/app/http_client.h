#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"

namespace leat::app {

/// Talks to a running server. One request at a time; not thread-safe.
class HttpClient {
 public:
  /// `server`: "http://127.0.0.1:8080", or just "127.0.0.1:8080".
  explicit HttpClient(std::string server);

  /// The server that commands talk to when nothing else is said: $LEAT_SERVER, or the default
  /// address.
  static std::string default_server();

  struct Response {
    long status = 0;
    std::string body;
    std::map<std::string, std::string> headers;  ///< names in lower case
  };
  /// Errors: `server-unreachable` (external). A refusal by the server is its own Error, with its
  /// code and words.
  Result<Response> get(const std::string& path);
  Result<Response> post(const std::string& path, const std::string& content_type,
                        std::string_view body);
  /// Hands the body over piece by piece as it arrives, until the server ends it, `piece` says
  /// false, or `stop` is asked for.
  Status stream(const std::string& path, const std::string& accept, std::stop_token stop,
                const std::function<bool(std::string_view)>& piece);

 private:
  Result<Response> perform(const std::string& path, const std::string* content_type,
                           std::string_view body);
  std::string server_;
};

/// Percent-encodes for a query string.
std::string url_encoded(std::string_view text);

}  // namespace leat::app
