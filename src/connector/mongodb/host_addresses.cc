#include "connector/mongodb/host_addresses.h"

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include <netdb.h>

namespace leat::connector::mongodb {
namespace {

/// What the asking thread and the one that waits for it share.
struct Question {
  std::mutex mutex;
  std::condition_variable_any answered;
  bool done = false;
  int error = 0;
  std::vector<HostAddress> addresses;
};

/// `flags`: AI_NUMERICHOST asks nobody.
int ask(const std::string& host, std::uint16_t port, int flags,
        std::vector<HostAddress>& addresses) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return error;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    HostAddress address;
    address.size = each->ai_addrlen;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    addresses.push_back(address);
  }
  freeaddrinfo(found);
  return 0;
}

}  // namespace

Result<std::vector<HostAddress>> addresses_of(const std::string& host, std::uint16_t port,
                                              Interrupt::Instant until,
                                              const Interrupt& interrupt) {
  std::vector<HostAddress> numeric;
  if (ask(host, port, AI_NUMERICHOST, numeric) == 0) return numeric;

  // The resolver can't be interrupted, so it works on a thread of its own that nobody waits for.
  auto question = std::make_shared<Question>();
  try {
    std::thread([question, host, port] {
      std::vector<HostAddress> addresses;
      const int error = ask(host, port, 0, addresses);
      std::lock_guard lock(question->mutex);
      question->error = error;
      question->addresses = std::move(addresses);
      question->done = true;
      question->answered.notify_all();
    }).detach();
  } catch (const std::system_error& error) {
    return transient_error("mongodb-unreachable", "can't look up {}: {}", host, error.what());
  }
  std::unique_lock lock(question->mutex);
  question->answered.wait_until(lock, interrupt.stop(), std::min(until, interrupt.deadline()),
                                [&] { return question->done; });
  if (!question->done) {
    return transient_error("mongodb-unreachable",
                           "the name servers did not say in time where {} is", host);
  }
  if (question->error != 0) {
    return transient_error("mongodb-unreachable", "can't look up {}: {}", host,
                           gai_strerror(question->error));
  }
  return std::move(question->addresses);
}

}  // namespace leat::connector::mongodb
