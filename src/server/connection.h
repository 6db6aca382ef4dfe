#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "server/exchange.h"
#include "server/http_metrics.h"
#include "server/io_thread.h"
#include "server/options.h"
#include "server/push_lane.h"
#include "server/request_parser.h"

namespace leat::server {

/// Answers requests, now or later.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;
  virtual void handle(Request request, Exchange exchange) = 0;
};

/// Requests that were taken and not answered yet, streams without an end: what a stopping server
/// waits for. Thread-safe.
class Drain {
 public:
  void enter() { waiting_.fetch_add(1); }
  void leave();
  /// Returns when nothing is left, or `limit` has passed.
  void wait(std::chrono::milliseconds limit);

 private:
  std::atomic<std::size_t> waiting_ = 0;
  std::atomic<bool> waited_for_ = false;
  std::mutex mutex_;
  std::condition_variable empty_;
};

/// What all connections share. Outlives them.
struct ConnectionShared {
  const Limits limits;
  Dispatcher& dispatcher;
  HttpMetrics& metrics;
  BodyBudget budget;
  std::atomic<bool> stopping = false;
  Drain drain;
};

/// One client: reads requests (several at a time where the client doesn't wait for answers), hands
/// them over, and writes the answers in the requests' order. Every wait has a deadline. Lives on
/// its IoThread; only that thread calls it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;
  using TimePoint = IoThread::Clock::time_point;

  Connection(Socket socket, IoThread& io, ConnectionShared& shared);
  ~Connection();

  void start();
  /// The answer to the request in this slot.
  void complete(std::uint64_t slot, Response response);
  void begin_stream(std::uint64_t slot, Response head, std::shared_ptr<ResponseStream> stream,
                    bool live);
  /// Goes on with whatever is possible now: write, take the next request, read.
  void proceed();
  void close();
  void close_if_idle();
  TimePoint deadline() const { return deadline_; }
  /// The deadline has passed.
  void expire();

  IoThread& io() { return io_; }
  ConnectionShared& shared() { return shared_; }
  PushLane& push_lane() { return push_lane_; }

 private:
  /// A request's place in the order of answers.
  struct Slot {
    bool ready = false;
    bool head_only = false;
    bool close = false;  ///< the connection ends after this answer
    bool http_1_1 = true;
    Response response;
    std::shared_ptr<ResponseStream> stream;
    bool live = false;
    bool head_sent = false;
    std::size_t body_bytes = 0;  ///< to be given back to the budget
  };
  struct Segment {
    std::string owned;
    std::string_view view;  ///< taken instead of `owned` when it isn't empty
    ResponseStream::Piece piece;
  };

  void read();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  void take_requests();
  void dispatch();
  void refuse(const Error& error);
  void answer_expectation();
  void on_client_end();

  void write();
  void on_written(const boost::system::error_code& error);
  bool gather(Slot& slot);
  bool gather_stream(Slot& slot);
  std::string& text_segment();
  void end_slot(Slot& slot);
  void linger();
  void set_deadline();
  bool live() const { return !slots_.empty() && slots_.front().live; }

  Socket socket_;
  IoThread& io_;
  ConnectionShared& shared_;
  PushLane push_lane_;

  boost::beast::flat_buffer buffer_;
  std::optional<RequestParser> parser_;
  TimePoint request_begin_;
  bool reading_ = false;
  bool read_ended_ = false;    ///< the client has closed its side
  bool last_request_ = false;  ///< no further request is taken
  bool taking_ = false;        ///< inside take_requests: answers wait for its end
  bool expectation_answered_ = false;
  std::size_t read_size_;

  std::uint64_t first_slot_ = 0;  ///< the number of slots_.front()
  std::deque<Slot> slots_;
  std::vector<Segment> segments_;
  std::vector<boost::asio::const_buffer> buffers_;
  std::string scratch_;
  std::size_t gathered_ = 0;
  bool writing_ = false;
  bool closing_ = false;  ///< the last answer is on its way or was sent
  bool lingering_ = false;
  bool closed_ = false;
  TimePoint write_begin_;
  TimePoint idle_since_;
  TimePoint deadline_;
};

}  // namespace leat::server
