#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "connector/proxy.h"
#include "connector/url.h"

namespace leat::connector {

/// Which addresses besides public ones a fetch may connect to.
struct AllowedReach {
  bool loopback = false;
  bool internal = false;  ///< private, link-local and the like
};

struct FetchOptions {
  std::int64_t timeout_ms = 30'000;  ///< of one request, all in all
  std::int64_t connect_timeout_ms = 10'000;
  std::uint64_t response_bytes_max = 32u << 20;  ///< after decompression
  unsigned redirects_max = 5;
  AllowedReach allowed;
  std::string ca_file;           ///< empty: the system's authorities
  std::string certificate_file;  ///< our own, for servers that ask for one; with its key
  std::string key_file;
  std::string key_password;  ///< of a key that has one
  bool decompress = true;    ///< false: the body as it is stored, whatever its Content-Encoding
};

struct FetchRequest {
  std::string method = "GET";  ///< a HEAD's answer has no body; a GET has none itself
  Url url;
  /// May hold secrets; goes to `home` alone, as does our certificate.
  std::vector<std::pair<std::string, std::string>> header;
  std::string body;
  Url home;  ///< the origin that the operator named: nobody else gets header and body
};

struct FetchResponse {
  long status = 0;
  Url url;           ///< where it came from at last
  std::string body;  ///< with slice_padding readable bytes behind it, for the JSON parser
  std::string link;  ///< Link header, lines joined by commas
  std::string etag;  ///< as the server writes it, with its quotes; empty: it gave none
  std::optional<std::int64_t> retry_after_ms;  ///< as the server asked for, in whatever form
};

/// True for the answers that may be others a little later: 408, 425, 429 and 5xx.
bool may_pass(long status);

/// Fetches over HTTP. Every address is checked after it was resolved, on the very socket address
/// that is connected to, for the first request and for each redirect: a name that changes its
/// address in between gains nothing. Certificates are always verified. Used by one thread;
/// connections are kept between calls.
class Fetcher {
 public:
  explicit Fetcher(FetchOptions options, Environment environment = process_environment());
  ~Fetcher();

  /// Any status that is no redirect is an answer, not an Error. Errors (external): `stopped` when
  /// `stop` was asked for; `address-refused`, `redirect-refused`, `response-too-large`,
  /// `tls-failed`, and those that may pass: `timed-out`, `not-resolved`, `connect-failed`,
  /// `transfer-failed`. No message holds a header's value or a query.
  Result<FetchResponse> fetch(const FetchRequest& request, std::stop_token stop);

 private:
  struct Transfer;
  struct Handles;
  Result<FetchResponse> fetch_once(const FetchRequest& request, const std::stop_token& stop,
                                   std::string& redirect);
  Status may_reach(const Url& url) const;
  void set_up(const FetchRequest& request, Transfer& transfer);
  int perform(const std::stop_token& stop);

  FetchOptions options_;
  Environment environment_;
  std::unique_ptr<Handles> handles_;
};

}  // namespace leat::connector
