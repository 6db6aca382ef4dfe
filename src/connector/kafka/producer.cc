#include "connector/kafka/producer.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

namespace leat::connector::kafka {
namespace {

/// Waits of a millisecond before longer ones.
constexpr int short_flushes = 50;
/// A commit is answered before its markers are in the partitions. The next transaction that comes
/// before they are is refused, and librdkafka asks again only after 20 ms.
constexpr std::chrono::milliseconds markers_written_after{5};

/// Clients of this process that were given up during a call that has not come back.
std::atomic<int> stuck_clients = 0;
constexpr int stuck_clients_max = 8;

/// Stores a position in a thread of its own: librdkafka's call stays until the group's coordinator
/// answers, whatever its time-out (librdkafka's issue 5456).
std::future<rd_kafka_error_t*> store_apart(rd_kafka_t* handle, const PositionPlace& place,
                                           const StoredPosition& stored) {
  using Group = std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                                decltype(&rd_kafka_consumer_group_metadata_destroy)>;
  std::packaged_task<rd_kafka_error_t*()> call(
      [handle, offsets = offset_with(place, stored),
       group = Group(rd_kafka_consumer_group_metadata_new(place.group.c_str()),
                     rd_kafka_consumer_group_metadata_destroy)] {
        return rd_kafka_send_offsets_to_transaction(handle, offsets.get(), group.get(),
                                                    4 * slice_ms);
      });
  auto storing = call.get_future();
  std::thread(std::move(call)).detach();
  return storing;
}

}  // namespace

bool FailedMessage::is_refusal() const {
  switch (why) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
      return true;
    default:
      return false;
  }
}

Result<std::unique_ptr<Producer>> Producer::make(const Connection& connection,
                                                 const Client::Properties& properties,
                                                 Client::OnDelivered on_delivered) {
  std::unique_ptr<Producer> out(new Producer());
  const auto on_failed = [self = out.get()](std::uintptr_t number, rd_kafka_resp_err_t why) {
    self->failed_.push_back({number, why});
  };
  out->client_ = LEAT_TRY(
      Client::make(RD_KAFKA_PRODUCER, connection, properties, on_failed, std::move(on_delivered)));
  return out;
}

Producer::~Producer() {
  if (!storing_.valid()) return;
  // Callbacks run in `serve` alone, which nobody calls any more.
  topics_.clear();
  ++stuck_clients;
  std::thread([client = std::move(client_), storing = std::move(storing_)]() mutable {
    if (rd_kafka_error_t* error = storing.get()) rd_kafka_error_destroy(error);
    client.reset();
    --stuck_clients;
  }).detach();
}

Result<rd_kafka_topic_t*> Producer::topic(const std::string& name,
                                          const Client::Properties& properties) {
  auto& topic = topics_[name];
  if (topic) return topic.get();
  rd_kafka_topic_conf_t* conf = rd_kafka_default_topic_conf_dup(client_->handle());
  char text[512] = {};
  for (const auto& [property, value] : properties) {
    if (rd_kafka_topic_conf_set(conf, property.c_str(), value.c_str(), text, sizeof text) ==
        RD_KAFKA_CONF_OK) {
      continue;
    }
    rd_kafka_topic_conf_destroy(conf);
    return user_error("kafka-setting", "topic {}: {}", name, text);
  }
  topic.reset(rd_kafka_topic_new(client_->handle(), name.c_str(), conf));  // which takes conf
  if (topic) return topic.get();
  return user_error("kafka-topic-missing", "kafka {}: \"{}\" can't be a topic's name: {}",
                    client_->connection().brokers, name, rd_kafka_err2str(rd_kafka_last_error()));
}

/// Goes on with a call that ran into its time-out; librdkafka works on it meanwhile.
template <class Call>
Status Producer::resume(const Deadline& deadline, std::string_view doing, Call&& call) {
  const Client::Time begun = std::chrono::steady_clock::now();
  while (true) {
    rd_kafka_error_t* error = call(slice_ms);
    client_->serve(0);
    if (error == nullptr) {
      client_->was_reached();
      return {};
    }
    const bool timed_out = rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT;
    const bool may_pass = (timed_out || rd_kafka_error_is_retriable(error) != 0) &&
                          rd_kafka_error_txn_requires_abort(error) == 0;
    const bool again = may_pass && !deadline.over() && !client_->is_in_vain(begun);
    if (!again) return std::unexpected(client_->error(error, doing));
    rd_kafka_error_destroy(error);
    // An error that comes at once would come at once again.
    if (!timed_out) client_->serve(20);
  }
}

Status Producer::init(const Deadline& deadline) {
  return resume(deadline, "can't begin with transactions", [&](int timeout_ms) {
    return rd_kafka_init_transactions(client_->handle(), timeout_ms);
  });
}

Status Producer::begin() {
  failed_.clear();
  std::this_thread::sleep_until(committed_at_ + markers_written_after);
  if (rd_kafka_error_t* error = rd_kafka_begin_transaction(client_->handle())) {
    return std::unexpected(client_->error(error, "can't begin a transaction"));
  }
  return {};
}

Result<std::optional<rd_kafka_resp_err_t>> Producer::send(const Target& target,
                                                          const Message& message,
                                                          const RecordHeader* headers,
                                                          std::size_t number,
                                                          const Deadline& deadline) {
  const auto argument = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    arguments_.push_back({.vtype = type, .u = {}});
    return arguments_.back();
  };
  const auto bytes = [&](rd_kafka_vtype_t type, std::string_view text) {
    rd_kafka_vu_t& out = argument(type);
    out.u.mem.ptr = const_cast<char*>(text.data());
    out.u.mem.size = text.size();
  };
  arguments_.clear();
  argument(RD_KAFKA_VTYPE_RKT).u.rkt = target.topic;
  argument(RD_KAFKA_VTYPE_PARTITION).u.i32 = target.partition;
  argument(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  argument(RD_KAFKA_VTYPE_OPAQUE).u.ptr = reinterpret_cast<void*>(number);
  bytes(RD_KAFKA_VTYPE_VALUE, message.value);
  bytes(RD_KAFKA_VTYPE_KEY, message.key);
  if (message.timestamp_ms != Message::no_timestamp) {
    argument(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = message.timestamp_ms;
  }
  std::vector<std::string> names;  // librdkafka wants them with a zero at the end
  names.reserve(message.header_count);
  for (std::uint32_t i = 0; i < message.header_count; ++i) {
    names.emplace_back(headers[i].name);
    rd_kafka_vu_t& out = argument(RD_KAFKA_VTYPE_HEADER);
    out.u.header.name = names.back().c_str();
    out.u.header.val = headers[i].value ? headers[i].value->data() : nullptr;
    out.u.header.size = headers[i].value ? static_cast<ssize_t>(headers[i].value->size()) : 0;
  }
  while (true) {
    rd_kafka_error_t* error =
        rd_kafka_produceva(client_->handle(), arguments_.data(), arguments_.size());
    if (error == nullptr) return std::nullopt;
    const auto code = rd_kafka_error_code(error);
    if (FailedMessage{number, code}.is_refusal()) {
      rd_kafka_error_destroy(error);
      return code;
    }
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || deadline.over()) {
      return std::unexpected(client_->error(error, "can't send a message"));
    }
    rd_kafka_error_destroy(error);
    client_->serve(10);
  }
}

/// librdkafka notices an acknowledgement without a report only when its wait is over, so the waits
/// are short at first.
Status Producer::flush(const Deadline& deadline) {
  int calls = 0;
  return client_->wait(deadline, "messages are not acknowledged", [&](int timeout_ms) {
    return rd_kafka_flush(client_->handle(), ++calls > short_flushes ? timeout_ms : 1);
  });
}

Status Producer::store(const PositionPlace& place, const StoredPosition& stored,
                       const Deadline& deadline) {
  if (stuck_clients >= stuck_clients_max) {
    return transient_error("kafka-stuck",
                           "kafka {}: can't store the position: {} earlier calls have not come "
                           "back; look whether the group's coordinator is up",
                           client_->connection().brokers, stuck_clients_max);
  }
  return resume(deadline, "can't store the position", [&](int timeout_ms) {
    if (!storing_.valid()) storing_ = store_apart(client_->handle(), place, stored);
    if (storing_.wait_for(std::chrono::milliseconds(timeout_ms)) == std::future_status::ready) {
      return storing_.get();
    }
    return rd_kafka_error_new(RD_KAFKA_RESP_ERR__TIMED_OUT, "the group's coordinator is silent");
  });
}

Status Producer::commit(const Deadline& deadline) {
  LEAT_TRY(resume(deadline, "can't commit a transaction", [&](int timeout_ms) {
    return rd_kafka_commit_transaction(client_->handle(), timeout_ms);
  }));
  committed_at_ = std::chrono::steady_clock::now();
  return {};
}

Status Producer::abort(const Deadline& deadline) {
  if (storing_.valid()) {
    return std::unexpected(
        client_->error(RD_KAFKA_RESP_ERR__IN_PROGRESS, "can't abort a transaction"));
  }
  return resume(deadline, "can't abort a transaction", [&](int timeout_ms) {
    return rd_kafka_abort_transaction(client_->handle(), timeout_ms);
  });
}

std::vector<FailedMessage> Producer::take_failed() {
  client_->serve(0);
  std::erase_if(failed_, [](const FailedMessage& failed) {
    return failed.why == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
           failed.why == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
  });
  return std::exchange(failed_, {});
}

}  // namespace leat::connector::kafka
