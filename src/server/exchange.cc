#include "server/exchange.h"

#include <map>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include "server/api_error.h"
#include "server/connection.h"
#include "server/http_metrics.h"
#include "server/io_thread.h"

namespace leat::server {

Exchange::Exchange(std::shared_ptr<Connection> connection, std::uint64_t slot, bool head_only)
    : connection_(std::move(connection)),
      slot_(slot),
      begin_(std::chrono::steady_clock::now()),
      head_only_(head_only) {}

Exchange::~Exchange() {
  if (!connection_) return;
  reply(response_of(Error{Domain::internal, "no-answer",
                          "the request was given up without an answer; this is a bug in Leat",
                          true}));
}

void Exchange::observe(unsigned status) {
  connection_->shared().metrics.observe(route_, status, std::chrono::steady_clock::now() - begin_);
}

void Exchange::reply(Response response) {
  observe(response.status);
  const auto connection = std::exchange(connection_, nullptr);
  if (connection->io().is_current()) {
    connection->complete(slot_, std::move(response));
    connection->proceed();
    return;
  }
  auto& context = connection->io().context();
  boost::asio::post(context, [connection, slot = slot_, response = std::move(response)]() mutable {
    connection->complete(slot, std::move(response));
    connection->proceed();
  });
}

std::shared_ptr<ResponseStream> Exchange::stream(Response head, bool live) {
  observe(head.status);
  const auto connection = std::exchange(connection_, nullptr);
  const auto& limits = connection->shared().limits;
  std::weak_ptr<Connection> weak = connection;
  auto stream = std::make_shared<ResponseStream>(
      ResponseStream::Limits{limits.stream_bytes_max, limits.stream_wait_max}, [weak] {
        if (const auto alive = weak.lock()) {
          boost::asio::post(alive->io().context(), [alive] { alive->proceed(); });
        }
      });
  boost::asio::dispatch(connection->io().context(),
                        [connection, slot = slot_, stream, live, head = std::move(head)]() mutable {
                          connection->begin_stream(slot, std::move(head), stream, live);
                          connection->proceed();
                        });
  // Looked at after the above was posted: either that runs, or nobody will ever take anything.
  if (connection->io().is_stopping()) stream->client_left();
  return stream;
}

void Exchange::reply_all(std::vector<std::pair<Exchange, Response>> answers) {
  struct Answer {
    std::shared_ptr<Connection> connection;
    std::uint64_t slot;
    Response response;
  };
  std::map<IoThread*, std::vector<Answer>> by_thread;
  for (auto& [exchange, response] : answers) {
    exchange.observe(response.status);
    IoThread* const io = &exchange.connection_->io();
    by_thread[io].push_back(
        {std::exchange(exchange.connection_, nullptr), exchange.slot_, std::move(response)});
  }
  for (auto& [io, group] : by_thread) {
    boost::asio::post(io->context(), [group = std::move(group)]() mutable {
      for (Answer& answer : group) {
        answer.connection->complete(answer.slot, std::move(answer.response));
      }
      for (Answer& answer : group) answer.connection->proceed();
    });
  }
}

PushLane& Exchange::push_lane() const { return connection_->push_lane(); }

}  // namespace leat::server
