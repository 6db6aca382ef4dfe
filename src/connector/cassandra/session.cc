#include "connector/cassandra/session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace leat::connector::cql {
namespace {

using namespace std::chrono_literals;

constexpr unsigned attempts_max = 4;  ///< of one execution
constexpr unsigned query_attempts_max = 3;
constexpr auto agreement_wait = 10s;
constexpr auto agreement_pause = 100ms;
constexpr std::size_t batch_max = 64;  ///< bounds that are put together without an allocation

Time now_steady() { return std::chrono::steady_clock::now(); }

/// Somebody who waits for one answer.
class Waiter final : public AnswerHandler {
 public:
  std::optional<Result<Response>> answer;
  std::string node;

  void answered(Connection& connection, std::uint64_t, Response& response) override {
    node = connection.node();
    answer = std::move(response);
  }
  void unanswered(Connection&, std::uint64_t, const Error& error) override {
    answer = std::unexpected(error);
  }
};

bool may_be_tried_elsewhere(Verdict verdict) {
  return verdict == Verdict::other_node || verdict == Verdict::maybe_done;
}

}  // namespace

/// A statement is being prepared again on a node, and executions wait for what comes of it.
class Session::Repreparation final : public AnswerHandler {
 public:
  Repreparation(Session& session, Prepared& statement, Connection* connection)
      : session_(session), statement_(statement), connection_(connection) {}

  bool is_for(const Connection& connection, const Prepared& statement) const {
    return connection_ == &connection && &statement_ == &statement;
  }
  bool done() const { return connection_ == nullptr; }
  /// `refusal`: what the server said of the execution's values, if it was that.
  void add(std::uint32_t flight, std::optional<std::string> refusal) {
    waiting_.push_back({flight, std::move(refusal)});
  }

  void answered(Connection& connection, std::uint64_t, Response& response) override {
    if (const auto* prepared = std::get_if<PreparedMessage>(&response.message)) {
      take(*prepared);
    } else if (const auto* error = std::get_if<ServerError>(&response.message)) {
      const Error told = error_of(*error, connection.node());
      // Where nobody waits, it is a new node's: it may learn of the table later.
      if (!told.retryable && !waiting_.empty()) statement_.broken = told;
      last_error_ = told;
    }
    settle();
  }
  void unanswered(Connection&, std::uint64_t, const Error& error) override {
    last_error_ = error;
    settle();
  }

 private:
  struct Waiting {
    std::uint32_t flight;
    std::optional<std::string> refusal;
  };

  void take(const PreparedMessage& prepared) {
    if (prepared.values.columns != statement_.values.columns) {
      statement_.broken = Error{Domain::external, "cassandra-schema-changed",
                                "the table's columns have changed in Cassandra", true};
      return;
    }
    statement_.id = prepared.id;
    statement_.result_metadata_id = prepared.result_metadata_id;
    statement_.result = prepared.result;
    prepared_ = true;
  }

  void settle() {
    connection_ = nullptr;
    for (Waiting& waiting : std::exchange(waiting_, {})) {
      if (statement_.broken) {
        session_.finish_failed(waiting.flight, *statement_.broken);
      } else if (prepared_ && waiting.refusal) {
        session_.finish_refused(waiting.flight, *waiting.refusal);
      } else {
        session_.try_again(waiting.flight, last_error_);
      }
    }
  }

  Session& session_;
  Prepared& statement_;
  Connection* connection_;
  bool prepared_ = false;
  Error last_error_{Domain::external, "cassandra-unprepared",
                    "Cassandra forgets a prepared statement again and again", true};
  std::vector<Waiting> waiting_;
};

Session::Session(ClusterOptions options) : cluster_(std::move(options)), answers_(*this) {
  flights_.resize(executions_max);
  for (std::uint32_t i = executions_max; i-- > 0;) free_flights_.push_back(i);
  cluster_.on_connected = [this](Connection& connection) { prepare_on(connection); };
}

Session::~Session() = default;

Status Session::open(std::stop_token stop) {
  use(std::move(stop));
  return cluster_.open();
}

Result<Response> Session::ask(Opcode opcode,
                              const std::function<void(std::string&, std::uint8_t)>& put,
                              bool again) {
  Error error;
  for (unsigned attempt = 0; attempt < query_attempts_max; ++attempt) {
    Connection* connection = again ? cluster_.connection_to(asked_) : nullptr;
    if (connection == nullptr) connection = cluster_.pick(turn_++);
    if (connection == nullptr) return std::unexpected(cluster_.last_error());
    asked_ = connection->endpoint();
    Waiter waiter;
    connection->send(opcode, waiter, 0, now_steady(),
                     [&](std::string& body) { put(body, connection->version()); });
    // An answer comes, or the request's time is over, or the connection ends.
    while (!waiter.answer) {
      if (Status driven = drive(Time::max()); !driven) return std::unexpected(driven.error());
    }
    if (!*waiter.answer) {
      error = waiter.answer->error();
      continue;
    }
    const auto* refusal = std::get_if<ServerError>(&(*waiter.answer)->message);
    if (refusal == nullptr) return std::move(*waiter.answer);
    error = error_of(*refusal, waiter.node);
    if (!may_be_tried_elsewhere(verdict_of(*refusal))) break;
  }
  return std::unexpected(error);
}

Result<Rows> Session::query(std::string_view cql, QueryParameters parameters) {
  return query_rows(cql, parameters, false);
}

Result<Rows> Session::query_rows(std::string_view cql, const QueryParameters& parameters,
                                 bool again) {
  const auto put = [&](std::string& body, std::uint8_t version) {
    put_query(body, version, cql, parameters);
  };
  Response response = LEAT_TRY(ask(Opcode::query, put, again));
  auto* rows = std::get_if<Rows>(&response.message);
  return rows == nullptr ? Rows() : std::move(*rows);
}

Status Session::query_pages(std::string_view cql, QueryParameters parameters,
                            const std::function<Status(Rows&)>& take) {
  std::string paging_state;
  do {
    parameters.paging_state = paging_state;
    Rows rows = LEAT_TRY(query(cql, parameters));
    LEAT_TRY(take(rows));
    paging_state = rows.metadata.paging_state;
  } while (!paging_state.empty());
  return {};
}

/// Asks the node that was asked last: it is the one that knows of the change, and of the others.
Result<bool> Session::schema_agrees() {
  std::vector<std::string> versions;
  for (const char* cql :
       {"SELECT schema_version FROM system.local", "SELECT schema_version FROM system.peers"}) {
    const Rows rows = LEAT_TRY(query_rows(cql, {.consistency = Consistency::one}, true));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (rows.cell(row, 0)) versions.emplace_back(rows.text(row, 0));
    }
  }
  return std::ranges::all_of(versions, [&](const auto& one) { return one == versions[0]; });
}

Status Session::await_schema_agreement() {
  const Time end = now_steady() + agreement_wait;
  while (!LEAT_TRY(schema_agrees())) {
    // A node that is down keeps its old version: it gets the schema when it comes back.
    if (now_steady() > end) return {};
    const Time next = now_steady() + agreement_pause;
    while (now_steady() < next) LEAT_TRY(drive(next));
  }
  return {};
}

Result<const Prepared*> Session::prepare(const std::string& cql) {
  for (const auto& known : prepared_) {
    if (known->cql == cql && !known->broken) return known.get();
  }
  Response response = LEAT_TRY(ask(Opcode::prepare, [&](std::string& body, std::uint8_t version) {
    put_prepare(body, version, cql);
  }));
  auto* message = std::get_if<PreparedMessage>(&response.message);
  if (message == nullptr) {
    return transient_error("protocol-violated", "Cassandra did not say how it prepared {}", cql);
  }
  auto prepared = std::make_unique<Prepared>();
  prepared->cql = cql;
  prepared->id = message->id;
  prepared->result_metadata_id = message->result_metadata_id;
  prepared->values = std::move(message->values);
  prepared->result = std::move(message->result);
  prepared_.push_back(std::move(prepared));
  bind_rings();
  return prepared_.back().get();
}

void Session::bind_rings() {
  generation_ = cluster_.generation();
  for (const auto& statement : prepared_) {
    statement->ring = statement->values.columns.empty()
                          ? nullptr
                          : cluster_.ring_of(statement->values.columns[0].keyspace);
  }
}

/// A new connection's node may know none of our statements yet.
void Session::prepare_on(Connection& connection) {
  for (const auto& statement : prepared_) {
    if (statement->broken || !connection.has_room()) continue;
    repreparations_.push_back(std::make_unique<Repreparation>(*this, *statement, &connection));
    connection.send(
        Opcode::prepare, *repreparations_.back(), 0, now_steady(),
        [&](std::string& body) { put_prepare(body, connection.version(), statement->cql); });
  }
}

Status Session::drive(Time until) {
  std::erase_if(repreparations_, [](const auto& one) { return one->done(); });
  if (!again_.empty()) send_again();
  const Status driven =
      cluster_.drive(again_.empty() ? until : std::min(until, now_steady() + 50ms));
  if (generation_ != cluster_.generation()) bind_rings();
  return driven;
}

bool Session::submit(const Execution& execution, ExecutionHandler& handler, std::uint64_t tag) {
  if (free_flights_.empty() || !again_.empty()) return false;
  const Bound& first = execution.bounds.front();
  Connection* connection = cluster_.pick(first.statement->ring, execution.token, 0);
  if (connection == nullptr) return false;
  const std::uint32_t number = free_flights_.back();
  free_flights_.pop_back();
  Flight& flight = flights_[number];
  flight.execution = execution;
  flight.handler = &handler;
  flight.tag = tag;
  flight.attempts = 0;
  send(*connection, number);
  return true;
}

void Session::send(Connection& connection, std::uint32_t number) {
  Flight& flight = flights_[number];
  ++flight.attempts;
  const Execution& execution = flight.execution;
  const auto statement_of = [](const Bound& bound) {
    return BoundStatement{bound.statement->id, bound.statement->result_metadata_id, bound.values};
  };
  const Time now = now_steady();
  const std::uint8_t version = connection.version();
  if (execution.bounds.size() == 1) {
    connection.send(Opcode::execute, answers_, number, now, [&](std::string& body) {
      put_execute(body, version, statement_of(execution.bounds[0]),
                  {.consistency = execution.consistency});
    });
    return;
  }
  std::array<BoundStatement, batch_max> few;
  std::vector<BoundStatement> many;
  std::span<BoundStatement> statements(few);
  if (execution.bounds.size() > batch_max) {
    many.resize(execution.bounds.size());
    statements = many;
  }
  statements = statements.first(execution.bounds.size());
  std::ranges::transform(execution.bounds, statements.begin(), statement_of);
  connection.send(Opcode::batch, answers_, number, now, [&](std::string& body) {
    put_batch(body, version, statements, execution.consistency);
  });
}

void Session::send_again() {
  while (!again_.empty()) {
    const std::uint32_t number = again_.front();
    const Flight& flight = flights_[number];
    const Prepared& statement = *flight.execution.bounds.front().statement;
    Connection* connection = cluster_.pick(statement.ring, flight.execution.token, flight.attempts);
    if (connection == nullptr && cluster_.ready() > 0) return;
    again_.pop_front();
    if (connection == nullptr) {
      finish_failed(number, flight.last_error);
    } else {
      send(*connection, number);
    }
  }
}

void Session::Answers::answered(Connection& connection, std::uint64_t tag, Response& response) {
  const auto number = static_cast<std::uint32_t>(tag);
  if (const auto* error = std::get_if<ServerError>(&response.message)) {
    return session_.take_error(connection, number, *error);
  }
  const Flight flight = session_.release(number);
  flight.handler->executed(flight.tag, std::get_if<Rows>(&response.message));
}

void Session::Answers::unanswered(Connection&, std::uint64_t tag, const Error& error) {
  session_.try_again(static_cast<std::uint32_t>(tag), error);
}

void Session::take_error(Connection& connection, std::uint32_t number, const ServerError& error) {
  switch (verdict_of(error)) {
    case Verdict::other_node:
    case Verdict::maybe_done:
      return try_again(number, error_of(error, connection.node()));
    case Verdict::prepare_again:
    case Verdict::row_or_schema:
      return prepare_again(connection, number, error);
    case Verdict::row:
      return finish_refused(number, error.message);
    case Verdict::unavailable:
    case Verdict::refused:
      return finish_failed(number, error_of(error, connection.node()));
  }
}

void Session::try_again(std::uint32_t number, Error error) {
  Flight& flight = flights_[number];
  if (flight.attempts >= attempts_max || error.code == "stopping") {
    return finish_failed(number, error);
  }
  flight.last_error = std::move(error);
  again_.push_back(number);
}

Session::Flight Session::release(std::uint32_t number) {
  free_flights_.push_back(number);
  return std::exchange(flights_[number], {});
}

void Session::finish_failed(std::uint32_t number, const Error& error) {
  const Error told = error;  // it may be the flight's own
  const Flight flight = release(number);
  flight.handler->failed(flight.tag, told);
}

void Session::finish_refused(std::uint32_t number, const std::string& reason) {
  const Flight flight = release(number);
  flight.handler->row_refused(flight.tag, reason);
}

void Session::prepare_again(Connection& connection, std::uint32_t number,
                            const ServerError& cause) {
  // In a batch it may be any of them: the first one the server names, or else the first.
  const auto bounds = flights_[number].execution.bounds;
  const auto named = std::ranges::find_if(
      bounds, [&](const Bound& bound) { return bound.statement->id == cause.unprepared_id; });
  const Prepared* wanted = (named == bounds.end() ? bounds.begin() : named)->statement;
  std::optional<std::string> refusal;
  if (cause.code == ErrorCode::invalid) refusal = cause.message;
  for (const auto& running : repreparations_) {
    if (running->is_for(connection, *wanted)) return running->add(number, std::move(refusal));
  }
  const auto owned = std::ranges::find(prepared_, wanted, &std::unique_ptr<Prepared>::get);
  LEAT_CHECK(owned != prepared_.end());
  if (!connection.has_room()) return try_again(number, error_of(cause, connection.node()));
  repreparations_.push_back(std::make_unique<Repreparation>(*this, **owned, &connection));
  repreparations_.back()->add(number, std::move(refusal));
  connection.send(Opcode::prepare, *repreparations_.back(), 0, now_steady(),
                  [&](std::string& body) { put_prepare(body, connection.version(), wanted->cql); });
}

}  // namespace leat::connector::cql
