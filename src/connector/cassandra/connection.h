#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/cassandra/frame.h"
#include "connector/cassandra/response.h"
#include "connector/cassandra/transport.h"

namespace leat::connector::cql {

using Time = std::chrono::steady_clock::time_point;

/// What every connection of a session begins with.
struct ConnectionOptions {
  std::string username, password;  ///< empty username: none
  std::shared_ptr<const TlsContext> tls;
  bool lz4 = true;               ///< where the server knows it
  std::uint8_t version_max = 5;  ///< of the protocol: 4 or 5
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds request_timeout{12000};
};

class Connection;

/// Who waits for answers. `tag` is the one that the request was sent with.
class AnswerHandler {
 public:
  virtual ~AnswerHandler() = default;
  /// The server's answer, which may be a ServerError.
  virtual void answered(Connection& connection, std::uint64_t tag, Response& response) = 0;
  /// No answer will come: the connection broke or the time is over. It may or may not have been
  /// done.
  virtual void unanswered(Connection& connection, std::uint64_t tag, const Error& error) = 0;
};

/// One connection to a node, with many requests in flight. Never blocks; used by one thread, which
/// polls `descriptor` and calls `drive`. Handlers are called from within `drive` and `end` alone;
/// they may send again, but not destroy the connection.
class Connection {
 public:
  enum class State { connecting, ready, ended };
  static constexpr std::size_t in_flight_max = 1024;

  /// Begins to connect; what goes wrong is `error()`'s, once it has ended.
  Connection(Endpoint endpoint, const ConnectionOptions& options, Time now);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const Endpoint& endpoint() const { return endpoint_; }
  std::string node() const { return endpoint_.text(); }
  State state() const { return state_; }
  /// Why it ended.
  const Error& error() const { return error_; }
  /// The protocol's version that both have agreed on.
  std::uint8_t version() const { return framing_.version; }
  bool compressed() const { return framing_.lz4; }

  /// For more than `reserved` requests.
  bool has_room(std::size_t reserved = 0) const {
    return state_ == State::ready && free_streams_.size() > reserved;
  }
  std::size_t in_flight() const { return streams_.size() - free_streams_.size(); }
  /// Sends a request: `put` appends its body. Only while there is room. The bytes leave with the
  /// next `drive` or `flush`.
  template <class Put>
  void send(Opcode opcode, AnswerHandler& handler, std::uint64_t tag, Time now, Put&& put) {
    put(begin_request(opcode, handler, tag, now));
    writer_->end();
  }

  int descriptor() const { return transport_ == nullptr ? -1 : transport_->descriptor(); }
  /// What `poll` should wait for.
  short wanted() const;
  /// Receives, answers and sends what can be without waiting, and lets go what took too long.
  void drive(Time now);
  void flush();
  /// When `drive` has to be called even if nothing arrives; Time::max(): need not.
  Time deadline() const;
  /// Ends it: whoever waits is told.
  void end(Error error);

  /// Events and warnings in the server's words go here. Set before they are asked for.
  std::function<void(const EventMessage&)> on_event;
  std::function<void(const std::string&)> on_warning;

 private:
  struct Stream {
    AnswerHandler* handler = nullptr;  ///< null: nobody waits (any more)
    std::uint64_t tag = 0;
    Time deadline;
    bool abandoned = false;  ///< the answer may still come; the number can't be used before
  };
  struct Waiting {
    std::uint16_t stream;
    Time deadline;
  };

  Status begin_connecting();
  Status advance(Time now);
  Status receive(Time now);
  Status dispatch(const Envelope& envelope);
  Status dispatch_unasked(const Message& message);
  Status send_output();
  Status check_timeouts(Time now);
  std::string& begin_request(Opcode opcode, AnswerHandler& handler, std::uint64_t tag, Time now);
  void release(std::uint16_t stream);

  // The exchange before the first request, on stream 0.
  Status continue_handshake(Message& message);
  Status refused_handshake(const ServerError& error);
  void send_startup(const SupportedMessage& supported);
  Status authenticate(const AuthenticateMessage& message);
  void start_segments();
  void become_ready();

  const Endpoint endpoint_;
  const ConnectionOptions& options_;
  State state_ = State::connecting;
  Error error_;
  std::unique_ptr<Transport> transport_;
  Framing framing_;
  std::uint8_t version_max_;
  std::unique_ptr<FrameWriter> writer_;
  std::unique_ptr<FrameReader> reader_;
  bool established_ = false;
  Time connect_deadline_;
  Time last_received_;
  std::vector<Stream> streams_;
  std::vector<std::uint16_t> free_streams_;
  std::size_t abandoned_ = 0;
  std::deque<Waiting> waiting_;  ///< by deadline; those that were answered are still in it
};

}  // namespace leat::connector::cql
