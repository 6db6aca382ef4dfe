#include "connector/cassandra/connection.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "connector/cassandra/request.h"

namespace leat::connector::cql {
namespace {

constexpr std::size_t receive_bytes = 64 << 10;
constexpr std::uint8_t first_version = 4;  ///< every server that we can talk to knows it
/// So many answers that never came in time, and the connection is given up.
constexpr std::size_t abandoned_max = Connection::in_flight_max / 2;
constexpr std::string_view plain_authenticators[] = {
    "org.apache.cassandra.auth.PasswordAuthenticator", "PasswordAuthenticator",
    "com.datastax.bdp.cassandra.auth.DseAuthenticator"};

bool contains(const SupportedMessage& supported, const std::string& option,
              std::string_view value) {
  const auto found = supported.options.find(option);
  return found != supported.options.end() &&
         std::ranges::find(found->second, value) != found->second.end();
}

}  // namespace

Connection::Connection(Endpoint endpoint, const ConnectionOptions& options, Time now)
    : endpoint_(std::move(endpoint)),
      options_(options),
      version_max_(options.version_max),
      connect_deadline_(now + options.connect_timeout),
      last_received_(now) {
  if (Status begun = begin_connecting(); !begun) end(std::move(begun).error());
}

Connection::~Connection() = default;

Status Connection::begin_connecting() {
  framing_ = {.version = first_version, .lz4 = false};
  established_ = false;
  transport_ = LEAT_TRY(Transport::connect(endpoint_, options_.tls));
  return {};
}

short Connection::wanted() const {
  if (transport_ == nullptr) return 0;
  const bool sends = writer_ != nullptr && writer_->waiting() > 0;
  return static_cast<short>(transport_->wanted() | (sends && established_ ? POLLOUT : 0));
}

Time Connection::deadline() const {
  if (state_ == State::connecting) return connect_deadline_;
  return waiting_.empty() ? Time::max() : waiting_.front().deadline;
}

void Connection::drive(Time now) {
  if (state_ == State::ended) return;
  if (Status status = advance(now); !status) end(std::move(status).error());
}

void Connection::flush() {
  if (state_ == State::ended || !established_) return;
  if (Status status = send_output(); !status) end(std::move(status).error());
}

Status Connection::advance(Time now) {
  if (!established_) {
    if (LEAT_TRY(transport_->establish())) {
      established_ = true;
      writer_ = std::make_unique<FrameWriter>(framing_);
      reader_ = std::make_unique<FrameReader>(framing_);
      writer_->begin(Opcode::options, 0);
      writer_->end();
    }
  }
  if (established_) {
    LEAT_TRY(receive(now));
    if (established_) LEAT_TRY(send_output());
  }
  return check_timeouts(now);
}

Status Connection::receive(Time now) {
  while (established_) {
    const std::size_t bytes = LEAT_TRY(transport_->receive(reader_->room(receive_bytes)));
    if (bytes == 0) return {};
    reader_->received(bytes);
    last_received_ = now;
    while (established_) {
      const auto envelope = LEAT_TRY(reader_->next());
      if (!envelope) break;
      LEAT_TRY(dispatch(*envelope));
    }
  }
  return {};
}

Status Connection::dispatch(const Envelope& envelope) {
  Response response = LEAT_TRY(read_response(envelope));
  if (on_warning) {
    for (const std::string& warning : response.warnings) on_warning(warning);
  }
  if (envelope.stream >= 0 && state_ == State::connecting) {
    return continue_handshake(response.message);
  }
  const auto number = static_cast<std::uint16_t>(envelope.stream);
  const bool expected = number < streams_.size() &&
                        (streams_[number].handler != nullptr || streams_[number].abandoned);
  if (!expected) return dispatch_unasked(response.message);
  AnswerHandler* handler = std::exchange(streams_[number].handler, nullptr);
  const std::uint64_t tag = streams_[number].tag;
  release(number);
  if (handler != nullptr) handler->answered(*this, tag, response);
  return {};
}

/// Events; and what a server says of no request in particular before it hangs up.
Status Connection::dispatch_unasked(const Message& message) {
  if (const auto* error = std::get_if<ServerError>(&message)) {
    return std::unexpected(error_of(*error, node()));
  }
  const auto* event = std::get_if<EventMessage>(&message);
  if (event == nullptr) {
    return transient_error("protocol-violated",
                           "Cassandra at {} answered a request that was never made", node());
  }
  if (on_event) on_event(*event);
  return {};
}

Status Connection::send_output() {
  while (writer_->waiting() > 0) {
    const std::size_t bytes = LEAT_TRY(transport_->send(writer_->output()));
    if (bytes == 0) return {};
    writer_->sent(bytes);
  }
  return {};
}

std::string& Connection::begin_request(Opcode opcode, AnswerHandler& handler, std::uint64_t tag,
                                       Time now) {
  LEAT_CHECK(has_room());
  const std::uint16_t number = free_streams_.back();
  free_streams_.pop_back();
  const Time deadline = now + options_.request_timeout;
  streams_[number] = {&handler, tag, deadline, false};
  waiting_.push_back({number, deadline});
  return writer_->begin(opcode, static_cast<std::int16_t>(number));
}

void Connection::release(std::uint16_t stream) {
  if (std::exchange(streams_[stream].abandoned, false)) --abandoned_;
  free_streams_.push_back(stream);
}

Status Connection::check_timeouts(Time now) {
  if (state_ == State::connecting) {
    if (now < connect_deadline_) return {};
    return transient_error("cassandra-unreachable", "Cassandra at {} did not {} within {} ms",
                           node(), established_ ? "answer" : "accept a connection",
                           options_.connect_timeout.count());
  }
  for (; !waiting_.empty(); waiting_.pop_front()) {
    const Waiting first = waiting_.front();
    Stream& stream = streams_[first.stream];
    // The number may have been used again since.
    if (stream.handler == nullptr || stream.deadline != first.deadline) continue;
    if (first.deadline > now) break;
    const Error late{Domain::external, "cassandra-timeout",
                     fmt::format("Cassandra at {} did not answer within {} ms", node(),
                                 options_.request_timeout.count()),
                     true};
    const bool silent = last_received_ < first.deadline - options_.request_timeout;
    if (silent || abandoned_ >= abandoned_max) return std::unexpected(late);
    stream.abandoned = true;
    ++abandoned_;
    std::exchange(stream.handler, nullptr)->unanswered(*this, stream.tag, late);
  }
  return {};
}

void Connection::end(Error error) {
  if (state_ == State::ended) return;
  state_ = State::ended;
  error_ = std::move(error);
  established_ = false;
  transport_.reset();
  for (Stream& stream : streams_) {
    AnswerHandler* handler = std::exchange(stream.handler, nullptr);
    if (handler != nullptr) handler->unanswered(*this, stream.tag, error_);
  }
}

Status Connection::continue_handshake(Message& message) {
  if (const auto* supported = std::get_if<SupportedMessage>(&message)) {
    send_startup(*supported);
    return {};
  }
  if (const auto* error = std::get_if<ServerError>(&message)) return refused_handshake(*error);
  if (const auto* wanted = std::get_if<AuthenticateMessage>(&message)) {
    start_segments();
    return authenticate(*wanted);
  }
  if (std::holds_alternative<ReadyMessage>(message)) {
    start_segments();
    become_ready();
    return {};
  }
  if (std::holds_alternative<AuthSuccessMessage>(message)) {
    become_ready();
    return {};
  }
  return external_error("cassandra-credentials",
                        "Cassandra at {} asks for more than a user name and a password; Leat "
                        "signs in by SASL PLAIN alone",
                        node());
}

void Connection::send_startup(const SupportedMessage& supported) {
  // Earlier releases have version 5 as a beta, "5/v5-beta".
  const bool five = version_max_ >= 5 && contains(supported, "PROTOCOL_VERSIONS", "5/v5");
  framing_ = {.version = five ? std::uint8_t{5} : first_version,
              .lz4 = options_.lz4 && contains(supported, "COMPRESSION", "lz4")};
  // Nothing is on the way in either direction: the server waits for STARTUP.
  writer_ = std::make_unique<FrameWriter>(framing_);
  std::map<std::string, std::string> options = {
      {"CQL_VERSION", "3.0.0"}, {"DRIVER_NAME", "Leat"}, {"DRIVER_VERSION", "1"}};
  if (framing_.lz4) options.emplace("COMPRESSION", "lz4");
  put_startup(writer_->begin(Opcode::startup, 0), options);
  writer_->end();
  reader_->use(framing_);
}

Status Connection::refused_handshake(const ServerError& error) {
  if (error.code == ErrorCode::protocol_error && framing_.version > first_version) {
    version_max_ = first_version;
    return begin_connecting();
  }
  return std::unexpected(error_of(error, node()));
}

Status Connection::authenticate(const AuthenticateMessage& message) {
  if (options_.username.empty()) {
    return user_error("cassandra-credentials",
                      "Cassandra at {} asks for a password ({}); set `username` and `password`",
                      node(), message.authenticator);
  }
  if (std::ranges::find(plain_authenticators, message.authenticator) ==
          std::end(plain_authenticators) &&
      on_warning) {
    on_warning(fmt::format("the authenticator {} is not known; trying user name and password",
                           message.authenticator));
  }
  put_plain_token(writer_->begin(Opcode::auth_response, 0), options_.username, options_.password);
  writer_->end();
  return {};
}

void Connection::start_segments() {
  if (framing_.version < 5) return;
  writer_->start_segments();
  reader_->start_segments();
}

void Connection::become_ready() {
  streams_.resize(in_flight_max);
  for (std::size_t i = in_flight_max; i-- > 0;) {
    free_streams_.push_back(static_cast<std::uint16_t>(i));
  }
  state_ = State::ready;
}

}  // namespace leat::connector::cql
