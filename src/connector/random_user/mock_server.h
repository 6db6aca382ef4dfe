#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/random_user/mock_fault.h"

namespace leat::connector {

struct MockServerOptions {
  std::string listen = "127.0.0.1:8099";  ///< HOST:PORT; an address, no name; port 0: any free one
  double rate = 0;  ///< requests a second; more are answered 429 with Retry-After. 0: no limit
  std::vector<MockFault> faults;
  /// Requests that name no seed get `SEED-1`, `SEED-2`, …; empty: a random seed each.
  std::string seed;
};

/// The look-alike of the public random-user API: HTTP/1.1, gzip where it is asked for, one thread
/// of its own. See answer_random_user for what it answers.
class MockServer {
 public:
  /// Listens, then serves until destroyed. Errors: `bad-address` (user); `port-in-use`,
  /// `cannot-listen` (external).
  static Result<std::unique_ptr<MockServer>> start(MockServerOptions options);
  /// Closes every connection and ends the thread.
  ~MockServer();
  MockServer(const MockServer&) = delete;
  MockServer& operator=(const MockServer&) = delete;

  std::uint16_t port() const;
  std::string origin() const;      ///< "http://127.0.0.1:8099"
  std::uint64_t requests() const;  ///< answered or cut so far; any thread

 private:
  struct Service;
  explicit MockServer(std::unique_ptr<Service> service);
  std::unique_ptr<Service> service_;
};

}  // namespace leat::connector
