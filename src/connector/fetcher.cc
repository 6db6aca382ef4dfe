#include "connector/fetcher.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <mutex>

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connector/address.h"
#include "model/slice.h"

namespace leat::connector {
namespace {

constexpr std::size_t header_bytes_max = 256 * 1024;
constexpr int poll_ms_max = 1000;
constexpr int stopped = -1;

struct SlistDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

bool names_header(std::string_view line, std::string_view lower_case_name) {
  return line.size() > lower_case_name.size() && line[lower_case_name.size()] == ':' &&
         std::ranges::equal(line.substr(0, lower_case_name.size()), lower_case_name,
                            [](char left, char right) {
                              return (left >= 'A' && left <= 'Z' ? left + 32 : left) == right;
                            });
}

std::string_view value_of(std::string_view line) {
  line.remove_prefix(line.find(':') + 1);
  constexpr std::string_view blank = " \t\r\n";
  const std::size_t begin = line.find_first_not_of(blank);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(blank) - begin + 1);
}

/// Seconds or an HTTP date, as milliseconds from now; nothing for anything else.
std::optional<std::int64_t> parse_retry_after(std::string_view text) {
  constexpr std::int64_t seconds_max = 365LL * 24 * 3600;
  std::int64_t seconds = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (fault != std::errc() || end != text.data() + text.size()) {
    const std::time_t at = curl_getdate(std::string(text).c_str(), nullptr);
    if (at < 0) return std::nullopt;
    seconds = static_cast<std::int64_t>(at) - static_cast<std::int64_t>(std::time(nullptr));
  }
  return std::clamp<std::int64_t>(seconds, 0, seconds_max) * 1000;
}

void set_up_tls(const FetchOptions& options, bool at_home, CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  if (options.certificate_file.empty() || !at_home) return;
  curl_easy_setopt(easy, CURLOPT_SSLCERT, options.certificate_file.c_str());
  curl_easy_setopt(easy, CURLOPT_SSLKEY, options.key_file.c_str());
  if (options.key_password.empty()) return;
  curl_easy_setopt(easy, CURLOPT_KEYPASSWD, options.key_password.c_str());
}

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

bool may_pass(long status) {
  return status == 408 || status == 425 || status == 429 || status >= 500;
}

/// One request under way, as libcurl's callbacks see it.
struct Fetcher::Transfer {
  FetchResponse response;
  std::uint64_t body_bytes_max = 0;
  AllowedReach allowed;
  bool through_proxy = false;
  bool too_large = false;
  bool header_too_large = false;
  std::size_t header_bytes = 0;
  std::string refused_address;
  char reason[CURL_ERROR_SIZE] = "";
  std::unique_ptr<curl_slist, SlistDeleter> header;

  static std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (count > transfer.body_bytes_max - transfer.response.body.size()) {
      transfer.too_large = true;
      return 0;
    }
    transfer.response.body.append(bytes, count);
    return count;
  }

  static std::size_t take_header(char* bytes, std::size_t, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.header_bytes += count;
    if (transfer.header_bytes > header_bytes_max) {
      transfer.header_too_large = true;
      return 0;
    }
    const std::string_view line(bytes, count);
    if (names_header(line, "link")) {
      if (!transfer.response.link.empty()) transfer.response.link += ", ";
      transfer.response.link += value_of(line);
    } else if (names_header(line, "etag")) {
      transfer.response.etag = value_of(line);
    } else if (names_header(line, "retry-after")) {
      transfer.response.retry_after_ms = parse_retry_after(value_of(line));
    }
    return count;
  }

  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& transfer = *static_cast<Transfer*>(self);
    // A proxy is the operator's own choice, wherever it is.
    const Reach reach = transfer.through_proxy ? Reach::open : reach_of(address->addr);
    if ((reach == Reach::loopback && !transfer.allowed.loopback) ||
        (reach == Reach::internal && !transfer.allowed.internal)) {
      transfer.refused_address = address_text(address->addr);
      return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
};

struct Fetcher::Handles {
  struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };
  struct MultiDeleter {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  std::unique_ptr<CURLM, MultiDeleter> multi;
  std::unique_ptr<CURL, EasyDeleter> easy;
};

Fetcher::Fetcher(FetchOptions options, Environment environment)
    : options_(std::move(options)), environment_(std::move(environment)) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_ALL); });
  handles_ = std::make_unique<Handles>();
  handles_->multi.reset(curl_multi_init());
  handles_->easy.reset(curl_easy_init());
}

Fetcher::~Fetcher() = default;

Status Fetcher::may_reach(const Url& url) const {
  const Reach reach = reach_of_literal(url.host);
  if ((reach == Reach::loopback && !options_.allowed.loopback) ||
      (reach == Reach::internal && !options_.allowed.internal)) {
    return external_error("address-refused",
                          "{} leads to {}, which is no public address; if that is meant, say "
                          "`allow_private: true`",
                          url.without_secrets(), url.host);
  }
  return {};
}

void Fetcher::set_up(const FetchRequest& request, Transfer& transfer) {
  CURL* easy = handles_->easy.get();
  curl_easy_reset(easy);
  const std::string proxy = proxy_for(request.url, environment_);
  transfer.through_proxy = !proxy.empty();
  transfer.allowed = options_.allowed;
  transfer.body_bytes_max = options_.response_bytes_max;

  curl_easy_setopt(easy, CURLOPT_URL, request.url.text.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);  // fetch() does, and checks each step
  curl_easy_setopt(easy, CURLOPT_PROXY, proxy.c_str());
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for the name server
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout_ms));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout_ms));
  if (options_.decompress) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  set_up_tls(options_, request.url.same_origin(request.home), easy);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "leat");
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.reason);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.method != "GET") {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  const auto add = [&](const std::string& line) {
    transfer.header.reset(curl_slist_append(transfer.header.release(), line.c_str()));
  };
  add("Expect:");
  for (const auto& [name, value] : request.header) {
    add(value.empty() ? name + ";" : name + ": " + value);
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.header.get());
}

/// A CURLcode, or `stopped`.
int Fetcher::perform(const std::stop_token& stop) {
  CURLM* multi = handles_->multi.get();
  CURL* easy = handles_->easy.get();
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) return CURLE_FAILED_INIT;
  const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
  int result = stopped;
  while (!stop.stop_requested()) {
    int running = 0;
    CURLMcode failed = curl_multi_perform(multi, &running);
    if (failed == CURLM_OK && running > 0) {
      failed = curl_multi_poll(multi, nullptr, 0, poll_ms_max, nullptr);
    }
    if (failed != CURLM_OK) {
      result = CURLE_FAILED_INIT;
      break;
    }
    int waiting = 0;
    const CURLMsg* message = curl_multi_info_read(multi, &waiting);
    if (message != nullptr && message->msg == CURLMSG_DONE) {
      result = message->data.result;
      break;
    }
  }
  curl_multi_remove_handle(multi, easy);
  return result;
}

Result<FetchResponse> Fetcher::fetch_once(const FetchRequest& request, const std::stop_token& stop,
                                          std::string& redirect) {
  LEAT_TRY(may_reach(request.url));
  Transfer transfer;
  set_up(request, transfer);
  const int result = perform(stop);
  CURL* easy = handles_->easy.get();
  const std::string where = request.url.without_secrets();
  const std::string reason = transfer.reason[0] != '\0'
                                 ? std::string(transfer.reason)
                                 : std::string(curl_easy_strerror(static_cast<CURLcode>(result)));
  if (result == stopped) return external_error("stopped", "{}: stopped", where);
  if (transfer.too_large) {
    return external_error("response-too-large",
                          "{}: the answer is larger than {} bytes; ask for less a request, or "
                          "raise `response_bytes_max`",
                          where, options_.response_bytes_max);
  }
  if (transfer.header_too_large) {
    return external_error("response-too-large", "{}: the answer's header is larger than {} bytes",
                          where, header_bytes_max);
  }
  if (!transfer.refused_address.empty() && result != CURLE_OK) {
    return external_error("address-refused",
                          "{} leads to {}, which is no public address; if that is meant, say "
                          "`allow_private: true`",
                          where, transfer.refused_address);
  }
  switch (result) {
    case CURLE_OK:
      break;
    case CURLE_OPERATION_TIMEDOUT:
      return transient_error("timed-out", "{}: no whole answer in time: {}", where, reason);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return transient_error("not-resolved", "{}: {}", where, reason);
    case CURLE_COULDNT_CONNECT:
      return transient_error("connect-failed", "{}: {}", where, reason);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
      return external_error("tls-failed",
                            "{}: {}; if the authority is your own, name its file as `ca` under "
                            "`tls`; if the server asks who we are, name `cert` and `key` there",
                            where, reason);
    case CURLE_SSL_CERTPROBLEM:
      return external_error("tls-failed",
                            "{}: {}; `cert`, `key` or `key_password` under `tls` can't be "
                            "read, or don't belong together",
                            where, reason);
    default:
      return transient_error("transfer-failed", "{}: {}", where, reason);
  }
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &transfer.response.status);
  char* target = nullptr;
  if (is_redirect(transfer.response.status) &&
      curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &target) == CURLE_OK && target != nullptr) {
    redirect = target;
  }
  transfer.response.url = request.url;
  transfer.response.body.reserve(transfer.response.body.size() + slice_padding);
  return std::move(transfer.response);
}

Result<FetchResponse> Fetcher::fetch(const FetchRequest& request, std::stop_token stop) {
  FetchRequest step = request;
  for (unsigned redirects = 0;; ++redirects) {
    FetchRequest sent = step;
    if (!step.url.same_origin(step.home)) {
      sent.header.clear();
      sent.body.clear();
    }
    std::string redirect;
    Result<FetchResponse> response = fetch_once(sent, stop, redirect);
    if (!response || redirect.empty()) return response;
    if (options_.redirects_max == 0) {
      return external_error("redirect-refused", "{}: redirected ({}), which is not followed",
                            request.url.without_secrets(), response->status);
    }
    if (redirects >= options_.redirects_max) {
      return external_error("redirect-refused", "{}: more than {} redirects",
                            request.url.without_secrets(), options_.redirects_max);
    }
    Result<Url> next = parse_url(redirect);
    if (!next || (step.url.scheme == "https" && next->scheme != "https")) {
      return external_error("redirect-refused", "{}: redirected {}, which is not followed",
                            step.url.without_secrets(),
                            next ? "from https to http" : "to something that is no http address");
    }
    step.url = std::move(*next);
    if (response->status != 307 && response->status != 308) {
      step.method = "GET";
      step.body.clear();
    }
  }
}

}  // namespace leat::connector
