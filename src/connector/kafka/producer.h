#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connector/kafka/client.h"
#include "connector/kafka/message_encoder.h"
#include "connector/kafka/stored_position.h"

namespace leat::connector::kafka {

/// A message that the cluster did not take, by its number.
struct FailedMessage {
  std::size_t number = 0;
  rd_kafka_resp_err_t why = RD_KAFKA_RESP_ERR_NO_ERROR;
  /// It is the message that is at fault, or one that was sent in the same batch, not the cluster.
  bool is_refusal() const;
};

/// Writes messages, in transactions where it has a transactional id. Used by one thread. After an
/// Error nothing is known, and only destroying it helps. Calls end soon after their deadline is
/// over.
class Producer {
 public:
  /// `properties`: the whole configuration, `transactional.id` among it where transactions are
  /// wanted.
  static Result<std::unique_ptr<Producer>> make(const Connection& connection,
                                                const Client::Properties& properties,
                                                Client::OnDelivered on_delivered = {});

  /// Leaves a call that has not come back to a thread of its own, with the client.
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  Client& client() { return *client_; }
  /// A topic to write to, with librdkafka's properties of topics. It lives as long as this does,
  /// and is the same at every call.
  Result<rd_kafka_topic_t*> topic(const std::string& name,
                                  const Client::Properties& properties = {});
  /// Where a message goes.
  struct Target {
    rd_kafka_topic_t* topic = nullptr;
    std::int32_t partition = RD_KAFKA_PARTITION_UA;  ///< as the partitioner says
  };
  /// Ends transactions that an earlier producer with this id left open, and shuts it out.
  Status init(const Deadline& deadline);
  Status begin();
  /// Hands a message over, copied; what becomes of it is known after `flush` or `commit`. Nothing,
  /// or why this message can't be sent at all.
  Result<std::optional<rd_kafka_resp_err_t>> send(const Target& target, const Message& message,
                                                  const RecordHeader* headers, std::size_t number,
                                                  const Deadline& deadline);
  /// Waits until all messages are acknowledged or failed.
  Status flush(const Deadline& deadline);
  /// Stores a position with the transaction. Error `kafka-stuck` (transient): too many of these
  /// calls have not come back.
  Status store(const PositionPlace& place, const StoredPosition& stored, const Deadline& deadline);
  Status commit(const Deadline& deadline);
  Status abort(const Deadline& deadline);
  /// Of the messages since `begin`, or since the last `take_failed`.
  std::vector<FailedMessage> take_failed();
  bool any_failed() const { return !failed_.empty(); }

 private:
  Producer() = default;
  template <class Call>
  Status resume(const Deadline& deadline, std::string_view doing, Call&& call);

  struct TopicDeleter {
    void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  };
  std::vector<FailedMessage> failed_;
  std::unique_ptr<Client> client_;
  std::map<std::string, std::unique_ptr<rd_kafka_topic_t, TopicDeleter>> topics_;
  std::vector<rd_kafka_vu_t> arguments_;
  std::future<rd_kafka_error_t*> storing_;  ///< a call that has not come back
  std::chrono::steady_clock::time_point committed_at_{};
};

}  // namespace leat::connector::kafka
