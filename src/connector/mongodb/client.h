#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "connector/mongodb/endpoint.h"
#include "connector/mongodb/failure.h"
#include "connector/mongodb/handles.h"
#include "connector/mongodb/interrupt.h"

namespace leat::connector::mongodb {

/// What the servers said of themselves when they were found.
struct ServerFacts {
  std::string version;
  bool is_replica_set = false;  ///< or a sharded cluster: transactions and change streams work
};

/// A connection to a MongoDB deployment, through libmongoc. Every call into libmongoc stands
/// between `begin` and the Turn's end, and returns a moment after `stop` is asked for or the
/// endpoint's timeout is over. Used by one thread; outlives every object of libmongoc made from
/// `handle`.
class Client {
 public:
  /// Connects to nothing yet. `endpoint` outlives the client. Errors (external): `mongodb-client`.
  static Result<std::unique_ptr<Client>> make(const Endpoint& endpoint);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  class Turn {
   public:
    explicit Turn(Interrupt& interrupt) : interrupt_(interrupt) {}
    ~Turn() { interrupt_.end(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Interrupt& interrupt_;
  };
  [[nodiscard]] Turn begin(std::stop_token stop) {
    return begin(std::move(stop), endpoint_.timeout_ms);
  }
  [[nodiscard]] Turn begin(std::stop_token stop, std::int64_t timeout_ms);

  mongoc_client_t* handle() const { return client_.get(); }
  const Endpoint& endpoint() const { return endpoint_; }
  Collection collection(const CollectionName& name) const;

  /// Runs a command on the database's primary; the reply's document is filled in either way.
  Status run(const std::string& database, const bson_t& command, Reply& reply,
             std::string_view action);
  /// Finds a server that takes writes, and asks it what it is.
  Result<ServerFacts> greet();

  /// The Error for what libmongoc could not do. `action`: "insert into streaming.users", as in
  /// "can't …". Codes: `mongodb-unavailable` (passes by itself), `mongodb-auth`,
  /// `mongodb-not-allowed`, `mongodb-refused`, `mongodb-tls`, `mongodb-history-lost`, `stopped`.
  std::unexpected<Error> failed(std::string_view action, const bson_error_t& error,
                                const bson_t* reply = nullptr) const;
  const Interrupt& interrupt() const { return interrupt_; }

 private:
  explicit Client(const Endpoint& endpoint) : endpoint_(endpoint) {}
  /// Never fails: libmongoc 1.23 waits for itself for ever where a server that it knew can't be
  /// connected to any more (CDRIVER-4666).
  static mongoc_stream_t* connect(const mongoc_uri_t* uri, const mongoc_host_list_t* host,
                                  void* client, bson_error_t* error);
  Result<mongoc_stream_t*> encrypt(mongoc_stream_t* plain, const std::string& host);
  std::unexpected<Error> refused(Cause cause, std::string_view action,
                                 const bson_error_t& error) const;

  const Endpoint& endpoint_;
  Interrupt interrupt_;
  /// Why the newest connection that failed could not be made.
  std::string connect_failure_;
  /// Why TLS could not be set up with the server, when that was the newest connection's failure.
  std::string tls_failure_;
  std::unique_ptr<mongoc_client_t, Destroy<mongoc_client_destroy>> client_;
};

/// Once a process, before the first call of libmongoc's: takes its log lines into ours.
void prepare_library();

}  // namespace leat::connector::mongodb
