#include "server/connection.h"

#include <iterator>
#include <span>

#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>

#include "base/check.h"
#include "server/api_error.h"

namespace leat::server {
namespace asio = boost::asio;
namespace {

/// Read at first, and at most, in one go.
constexpr std::size_t read_size_min = 4 << 10;
constexpr std::size_t read_size_max = 64 << 10;
/// Gathered into one write, about.
constexpr std::size_t write_size_max = 256 << 10;
/// A body up to here is copied behind its head; a longer one is written from where it is.
constexpr std::size_t copied_body_max = 16 << 10;

/// Kept of a write's memory for the next one.
constexpr std::size_t kept_scratch_max = 16 << 10;

constexpr auto never = Connection::TimePoint::max();

}  // namespace

void Drain::leave() {
  if (waiting_.fetch_sub(1) != 1 || !waited_for_) return;
  std::lock_guard lock(mutex_);
  empty_.notify_all();
}

void Drain::wait(std::chrono::milliseconds limit) {
  waited_for_ = true;
  std::unique_lock lock(mutex_);
  empty_.wait_for(lock, limit, [&] { return waiting_ == 0; });
}

Connection::Connection(Socket socket, IoThread& io, ConnectionShared& shared)
    : socket_(std::move(socket)),
      io_(io),
      shared_(shared),
      read_size_(read_size_min),
      deadline_(never) {
  shared_.metrics.connections.fetch_add(1, std::memory_order_relaxed);
}

Connection::~Connection() { LEAT_CHECK(slots_.empty()); }

void Connection::start() {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  idle_since_ = io_.coarse_now();
  io_.add(shared_from_this());
  proceed();
}

void Connection::proceed() {
  if (taking_ || closed_) return;
  take_requests();
  write();
  read();
  set_deadline();
}

// ---- Reading ----

void Connection::read() {
  if (reading_ || read_ended_ || closed_) return;
  const bool wants_requests = !last_request_ && slots_.size() < shared_.limits.pipelined_max;
  if (!wants_requests && !lingering_ && !live()) return;
  reading_ = true;
  socket_.async_read_some(
      buffer_.prepare(read_size_),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t bytes) {
        self->on_read(error, bytes);
      });
}

void Connection::on_read(const boost::system::error_code& error, std::size_t bytes) {
  reading_ = false;
  if (closed_) return;
  if (error) return on_client_end();
  buffer_.commit(bytes);
  if (bytes == read_size_) read_size_ = std::min(read_size_ * 4, read_size_max);
  if (last_request_) buffer_.clear();
  proceed();
}

void Connection::on_client_end() {
  read_ended_ = true;
  if (live()) return close();
  // A client may close its side and still read the answers to what it has sent.
  proceed();
}

void Connection::take_requests() {
  taking_ = true;
  while (!last_request_ && !live() && slots_.size() < shared_.limits.pipelined_max) {
    if (!parser_) {
      if (buffer_.size() == 0) break;
      parser_.emplace(
          RequestParser::Limits{shared_.limits.header_bytes_max, shared_.limits.body_bytes_max},
          shared_.budget);
      request_begin_ = io_.coarse_now();
      expectation_answered_ = false;
    }
    const auto bytes = buffer_.data();
    const Result<std::size_t> taken =
        parser_->parse({static_cast<const char*>(bytes.data()), bytes.size()});
    if (!taken) {
      refuse(taken.error());
      break;
    }
    buffer_.consume(*taken);
    if (!parser_->complete()) {
      answer_expectation();
      break;
    }
    dispatch();
  }
  taking_ = false;
}

void Connection::dispatch() {
  Request request = std::move(parser_->request());
  Slot& slot = slots_.emplace_back();
  slot.body_bytes = parser_->release_budget();
  slot.head_only = request.method == Method::head;
  slot.http_1_1 = request.http_1_1;
  slot.close = !request.keep_alive;
  if (slot.close || shared_.stopping.load(std::memory_order_relaxed)) {
    slot.close = true;
    last_request_ = true;
  }
  shared_.drain.enter();
  parser_.reset();
  const std::uint64_t number = first_slot_ + slots_.size() - 1;
  shared_.dispatcher.handle(std::move(request),
                            Exchange(shared_from_this(), number, slot.head_only));
}

void Connection::refuse(const Error& error) {
  last_request_ = true;
  const bool counts_as_started = parser_.has_value();
  parser_.reset();
  buffer_.clear();
  Slot& slot = slots_.emplace_back();
  slot.ready = true;
  slot.close = true;
  slot.response = response_of(error);
  shared_.drain.enter();
  const auto took = counts_as_started ? io_.coarse_now() - request_begin_ : std::chrono::seconds(0);
  shared_.metrics.observe(0, slot.response.status, took);
}

/// A client that asked whether its body is welcome waits for a word before it sends it.
void Connection::answer_expectation() {
  if (expectation_answered_ || !parser_->header_complete()) return;
  expectation_answered_ = true;
  const Request& request = parser_->request();
  if (!request.has(Header::expect)) return;
  const std::string_view expectation = request.header(Header::expect);
  if (!boost::beast::iequals({expectation.data(), expectation.size()}, "100-continue")) {
    return refuse(Error{Domain::user, "expectation-failed",
                        "the only expectation that can be met is `Expect: 100-continue`", false});
  }
  Slot& slot = slots_.emplace_back();
  slot.ready = true;
  slot.response.status = 100;
  shared_.drain.enter();
}

// ---- Answers ----

void Connection::complete(std::uint64_t number, Response response) {
  if (closed_ || number < first_slot_) return;
  Slot& slot = slots_[number - first_slot_];
  slot.response = std::move(response);
  slot.ready = true;
  slot.close = slot.close || slot.response.close;
  if (slot.close) last_request_ = true;
}

void Connection::begin_stream(std::uint64_t number, Response head,
                              std::shared_ptr<ResponseStream> stream, bool is_live) {
  if (closed_ || number < first_slot_) return stream->client_left();
  Slot& slot = slots_[number - first_slot_];
  slot.response = std::move(head);
  slot.stream = std::move(stream);
  slot.live = is_live;
  slot.ready = true;
  if (is_live) {
    slot.close = true;
    last_request_ = true;
    if (read_ended_) return close();
  }
  if (!slot.http_1_1) slot.close = true;
}

std::string& Connection::text_segment() {
  if (segments_.empty()) {
    scratch_.clear();
    segments_.push_back({std::move(scratch_), {}, nullptr});
  } else if (!segments_.back().view.empty()) {
    segments_.emplace_back();
  }
  return segments_.back().owned;
}

bool Connection::gather(Slot& slot) {
  std::string& text = text_segment();
  const std::size_t before = text.size();
  Response& response = slot.response;
  if (response.status == 100) {
    text += "HTTP/1.1 100 Continue\r\n\r\n";
    gathered_ += text.size() - before;
    return true;
  }
  append_head(response, BodyFraming::length, slot.close, io_.date(), text);
  gathered_ += text.size() - before;
  if (slot.head_only || response.status == 304) return true;
  gathered_ += response.body_size();
  if (!response.static_body.empty()) {
    segments_.push_back({{}, response.static_body, nullptr});
  } else if (response.body.size() <= copied_body_max) {
    text += response.body;
  } else {
    auto piece = std::make_shared<const std::string>(std::move(response.body));
    const std::string_view view = *piece;
    segments_.push_back({{}, view, std::move(piece)});
  }
  return true;
}

/// True when the stream has come to its end.
bool Connection::gather_stream(Slot& slot) {
  const bool chunked = slot.http_1_1;
  if (!slot.head_sent) {
    slot.head_sent = true;
    append_head(slot.response, chunked ? BodyFraming::chunked : BodyFraming::until_close,
                slot.close, io_.date(), text_segment());
    ++gathered_;
    if (slot.head_only) return true;
  }
  ResponseStream::Batch batch = slot.stream->take(write_size_max);
  if (batch.bytes > 0) {
    if (chunked) fmt::format_to(std::back_inserter(text_segment()), "{:x}\r\n", batch.bytes);
    for (auto& piece : batch.pieces) {
      const std::string_view view = *piece;
      segments_.push_back({{}, view, std::move(piece)});
    }
    if (chunked) text_segment() += "\r\n";
    gathered_ += batch.bytes;
  }
  if (batch.aborted) {
    slot.close = true;
    return true;
  }
  if (!batch.finished) return false;
  if (chunked) {
    std::string& text = text_segment();
    text += "0\r\n";
    text += batch.trailer;
    text += "\r\n";
  }
  return true;
}

void Connection::end_slot(Slot& slot) {
  if (slot.stream) slot.stream->client_left();
  shared_.budget.give_back(slot.body_bytes);
  shared_.drain.leave();
}

void Connection::write() {
  if (writing_ || closed_ || lingering_) return;
  gathered_ = 0;
  while (!closing_ && !slots_.empty() && gathered_ < write_size_max) {
    Slot& slot = slots_.front();
    if (!slot.ready) break;
    const bool ended = slot.stream ? gather_stream(slot) : gather(slot);
    if (!ended) break;
    closing_ = slot.close;
    end_slot(slot);
    slots_.pop_front();
    ++first_slot_;
  }
  if (slots_.empty()) idle_since_ = io_.coarse_now();
  if (segments_.empty()) {
    if (closing_ || (slots_.empty() && read_ended_)) linger();
    return;
  }
  buffers_.clear();
  for (const Segment& segment : segments_) {
    const std::string_view bytes =
        segment.view.empty() ? std::string_view(segment.owned) : segment.view;
    buffers_.emplace_back(bytes.data(), bytes.size());
  }
  writing_ = true;
  write_begin_ = io_.coarse_now();
  auto written = [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
    self->on_written(error);
  };
  if (buffers_.size() == 1) {
    asio::async_write(socket_, buffers_.front(), std::move(written));
  } else {
    asio::async_write(socket_, std::span<const asio::const_buffer>(buffers_), std::move(written));
  }
}

void Connection::on_written(const boost::system::error_code& error) {
  writing_ = false;
  scratch_ = std::move(segments_.front().owned);
  if (scratch_.capacity() > kept_scratch_max) scratch_ = {};
  segments_.clear();
  if (closed_) return;
  if (error) return close();
  proceed();
}

// ---- Ending ----

/// Closes our side and waits a little for the client to close its own: closing at once while it
/// still sends would take the last answer away from it.
void Connection::linger() {
  if (read_ended_) return close();
  lingering_ = true;
  last_request_ = true;
  write_begin_ = io_.coarse_now();
  buffer_.clear();
  boost::system::error_code error;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error) close();
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  for (Slot& slot : slots_) end_slot(slot);
  first_slot_ += slots_.size();
  slots_.clear();
  parser_.reset();
  shared_.metrics.connections.fetch_sub(1, std::memory_order_relaxed);
  io_.remove(*this);
}

void Connection::close_if_idle() {
  if (slots_.empty() && !writing_) close();
}

void Connection::set_deadline() {
  if (closed_) return;
  const Limits& limits = shared_.limits;
  deadline_ = never;
  if (lingering_) {
    deadline_ = write_begin_ + limits.linger_time_max;
  } else if (writing_) {
    deadline_ = write_begin_ + limits.write_time_max;
  } else if (parser_ && slots_.empty()) {
    deadline_ = request_begin_ +
                (parser_->header_complete() ? limits.request_time_max : limits.header_time_max);
  } else if (slots_.empty()) {
    deadline_ = idle_since_ + limits.idle_time_max;
  }
}

void Connection::expire() {
  if (closed_) return;
  const auto self = shared_from_this();
  if (writing_ || lingering_ || !parser_) return close();
  refuse(Error{Domain::user, "request-timeout",
               "the request did not arrive in time; send it again, faster or in smaller pieces",
               false});
  proceed();
}

}  // namespace leat::server
