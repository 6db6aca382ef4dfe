#include "connector/postgresql/resolve.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

namespace leat::connector::postgresql {
namespace {

constexpr long wait_ns = 20'000'000;

/// A look-up as glibc's resolver thread sees it: it must stay where it is until that is done.
struct Lookup {
  std::string host;
  addrinfo hints{};
  gaicb request{};

  ~Lookup() {
    if (request.ar_result != nullptr) freeaddrinfo(request.ar_result);
  }
};

std::vector<std::string> numeric(const addrinfo* found) {
  std::vector<std::string> addresses;
  for (; found != nullptr; found = found->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) == 0 &&
        std::ranges::find(addresses, text) == addresses.end()) {
      addresses.emplace_back(text);
    }
  }
  return addresses;
}

}  // namespace

Result<std::vector<std::string>> resolve(const std::string& host,
                                         std::chrono::steady_clock::time_point deadline,
                                         const std::stop_token& stop) {
  auto lookup = std::make_unique<Lookup>();
  lookup->host = host;
  lookup->hints.ai_family = AF_UNSPEC;
  lookup->hints.ai_socktype = SOCK_STREAM;
  lookup->request.ar_name = lookup->host.c_str();
  lookup->request.ar_request = &lookup->hints;
  gaicb* list[] = {&lookup->request};
  int state = getaddrinfo_a(GAI_NOWAIT, list, 1, nullptr);
  if (state != 0) return transient_error("not-resolved", "{}: {}", host, gai_strerror(state));
  while ((state = gai_error(list[0])) == EAI_INPROGRESS) {
    const bool stopped = stop.stop_requested();
    if (stopped || std::chrono::steady_clock::now() >= deadline) {
      // The resolver may still write to a request that it can't give up: that one is left to it.
      if (gai_cancel(list[0]) == EAI_NOTCANCELED) static_cast<void>(lookup.release());
      if (stopped) return external_error("stopped", "{}: stopped", host);
      return transient_error("not-resolved", "{}: the name servers do not answer", host);
    }
    const timespec wait{.tv_sec = 0, .tv_nsec = wait_ns};
    gai_suspend(list, 1, &wait);
  }
  if (state != 0) return transient_error("not-resolved", "{}: {}", host, gai_strerror(state));
  std::vector<std::string> addresses = numeric(lookup->request.ar_result);
  if (addresses.empty()) return transient_error("not-resolved", "{}: no address", host);
  return addresses;
}

}  // namespace leat::connector::postgresql
