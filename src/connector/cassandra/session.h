#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connector/cassandra/cluster.h"
#include "connector/cassandra/request.h"

namespace leat::connector::cql {

/// A statement that the cluster knows. Owned by the session.
struct Prepared {
  std::string cql;
  std::string id;
  std::string result_metadata_id;
  Metadata values;
  Metadata result;
  const TokenRing* ring = nullptr;  ///< of its table's keyspace
  /// Why it can't be prepared any more; nothing: it can.
  std::optional<Error> broken;
};

/// One execution of a prepared statement. `values` are a short count and a `bytes` each.
struct Bound {
  const Prepared* statement = nullptr;
  std::string_view values;
};

/// What a session sends as one request: a statement, or several as an unlogged batch. They must be
/// idempotent: they may be executed more than once. What it refers to must stay until the answer.
struct Execution {
  std::span<const Bound> bounds;
  std::optional<Token> token;  ///< of the partition
  Consistency consistency = Consistency::local_quorum;
};

/// Who waits for executions.
class ExecutionHandler {
 public:
  virtual ~ExecutionHandler() = default;
  /// `rows`: null for a statement that gives none.
  virtual void executed(std::uint64_t tag, Rows* rows) = 0;
  /// The server refuses its values for good: another row may well be taken.
  virtual void row_refused(std::uint64_t tag, const std::string& reason) = 0;
  /// It could not be executed anywhere; it may or may not have been.
  virtual void failed(std::uint64_t tag, const Error& error) = 0;
};

/// Statements on a cluster: sent to the nodes that own their rows, many at once, prepared again
/// where that is needed, tried again where that may help. Used by one thread.
class Session {
 public:
  /// Executions that may be on their way at once.
  static constexpr std::size_t executions_max = 4096;

  explicit Session(ClusterOptions options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// As Cluster's.
  Status open(std::stop_token stop);
  void use(std::stop_token stop) { cluster_.use(std::move(stop)); }
  const Cluster& cluster() const { return cluster_; }

  /// One statement of text, and its answer; tried on up to three nodes. All pages are read when
  /// there are more than `page_rows`.
  Result<Rows> query(std::string_view cql, QueryParameters parameters = {});
  /// Calls `take` with each page of the rows.
  Status query_pages(std::string_view cql, QueryParameters parameters,
                     const std::function<Status(Rows&)>& take);
  /// Right after a `query` that changed the schema: waits until all nodes have it; bounded.
  Status await_schema_agreement();
  Result<const Prepared*> prepare(const std::string& cql);

  /// Takes an execution, unless there is no room for it now. Its handler hears of it within
  /// `drive`.
  bool submit(const Execution& execution, ExecutionHandler& handler, std::uint64_t tag);
  std::size_t in_flight() const { return flights_.size() - free_flights_.size(); }
  /// As Cluster's.
  Status drive(Time until);

 private:
  class Repreparation;
  /// An execution on its way.
  struct Flight {
    Execution execution;
    ExecutionHandler* handler = nullptr;
    std::uint64_t tag = 0;
    unsigned attempts = 0;
    Error last_error;
  };
  /// Answers to executions; the tag is a flight's number.
  class Answers final : public AnswerHandler {
   public:
    explicit Answers(Session& session) : session_(session) {}
    void answered(Connection& connection, std::uint64_t tag, Response& response) override;
    void unanswered(Connection& connection, std::uint64_t tag, const Error& error) override;

   private:
    Session& session_;
  };

  void send(Connection& connection, std::uint32_t number);
  void send_again();
  void take_error(Connection& connection, std::uint32_t number, const ServerError& error);
  void try_again(std::uint32_t number, Error error);
  void finish_failed(std::uint32_t number, const Error& error);
  void finish_refused(std::uint32_t number, const std::string& reason);
  Flight release(std::uint32_t number);
  /// Prepares the flight's statement on this node again; what the server says decides.
  void prepare_again(Connection& connection, std::uint32_t number, const ServerError& cause);
  void prepare_on(Connection& connection);
  void bind_rings();
  /// `again`: the node that was asked last, if it is there.
  Result<Response> ask(Opcode opcode, const std::function<void(std::string&, std::uint8_t)>& put,
                       bool again = false);
  Result<Rows> query_rows(std::string_view cql, const QueryParameters& parameters, bool again);
  Result<bool> schema_agrees();

  Cluster cluster_;
  Answers answers_;
  std::uint64_t generation_ = 0;
  unsigned turn_ = 0;
  Endpoint asked_;  ///< the node that was asked last
  std::vector<std::unique_ptr<Prepared>> prepared_;
  std::vector<Flight> flights_;
  std::vector<std::uint32_t> free_flights_;
  std::deque<std::uint32_t> again_;
  std::vector<std::unique_ptr<Repreparation>> repreparations_;
};

}  // namespace leat::connector::cql
