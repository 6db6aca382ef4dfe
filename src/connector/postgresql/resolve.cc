#include "connector/postgresql/resolve.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace leat::connector::postgresql {
namespace {

/// What the resolver's thread and the one that waits for it share; the last of them ends it.
struct Lookup {
  std::mutex mutex;
  std::condition_variable_any ended;
  std::optional<int> state;  ///< of getaddrinfo; nothing: not yet
  std::vector<std::string> addresses;
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

void look_up(const std::string& host, Lookup& lookup) {
  const addrinfo hints{.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const int state = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  std::vector<std::string> addresses;
  if (state == 0) {
    addresses = numeric(found);
    freeaddrinfo(found);
  }
  const std::scoped_lock lock(lookup.mutex);
  lookup.addresses = std::move(addresses);
  lookup.state = state;
  lookup.ended.notify_all();
}

}  // namespace

Result<std::vector<std::string>> resolve(const std::string& host,
                                         std::chrono::steady_clock::time_point deadline,
                                         const std::stop_token& stop) {
  const auto lookup = std::make_shared<Lookup>();
  // getaddrinfo can't be given up: its thread ends when the name servers' time is over.
  std::thread([host, lookup] { look_up(host, *lookup); }).detach();
  std::unique_lock lock(lookup->mutex);
  if (!lookup->ended.wait_until(lock, stop, deadline, [&] { return lookup->state.has_value(); })) {
    if (stop.stop_requested()) return external_error("stopped", "{}: stopped", host);
    return transient_error("not-resolved", "{}: the name servers do not answer", host);
  }
  if (*lookup->state != 0) {
    return transient_error("not-resolved", "{}: {}", host, gai_strerror(*lookup->state));
  }
  if (lookup->addresses.empty()) return transient_error("not-resolved", "{}: no address", host);
  return std::move(lookup->addresses);
}

}  // namespace leat::connector::postgresql
