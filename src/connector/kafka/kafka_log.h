#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "connector/kafka/log_note.h"
#include "connector/kafka/log_reader.h"
#include "connector/kafka/topic_admin.h"
#include "log/producers.h"
#include "log/topics.h"

namespace leat::connector::kafka {

class LogWriter;

/// One partition of the log: of a topic on the cluster. Thread-safe; what only the writer's thread
/// calls says so.
class KafkaLog final : public log::PartitionLog {
 public:
  struct Setup {
    TopicPartition place;
    std::string compression;  ///< librdkafka's name of it
    std::size_t record_bytes_max = 0;
    bool compacted = false;
    LogLanes& lanes;
    LogWriter& writer;
    std::function<void()> ring;  ///< `pull` may find something: see LogReader
  };
  explicit KafkaLog(Setup setup);

  Result<log::AppendResult> append(std::span<const log::NewRecord> records,
                                   const std::optional<log::Producer>& producer) override;
  /// What `append` returned is durable already.
  Status sync(Offset offset) override;
  Offset first_offset() const override { return Offset(first_); }
  Offset next_offset() const override { return Offset(end_); }
  Offset durable_offset() const override { return Offset(end_); }
  /// A cluster does not say: 0.
  std::uint64_t bytes() const override { return 0; }
  /// Offsets, of which the marks that end transactions have some.
  std::uint64_t records() const override;
  Status read(Offset from, std::size_t bytes_max, Slice& slice) const override;
  Result<Offset> offset_at(TimestampMs time) const override;
  /// Error `log-not-cut` (user): what is on a cluster was read by others.
  Status truncate_to(Offset offset) override;
  /// The cluster's retention does that.
  Status remove_before(Offset) override { return {}; }

  const TopicPartition& place() const { return setup_.place; }
  const std::string& compression() const { return setup_.compression; }

  /// Before anything else, once the writer has shut others out: finds the ends, makes sure that
  /// the records are those of the note, and learns from the last ones what producers have sent.
  /// Errors: `log-topic-lost` (user), Client's.
  Status open(const std::optional<LogNote>& note, const Deadline& deadline);
  /// Asks the cluster for the ends. True: there is more than was known.
  Result<bool> look(const Deadline& deadline);
  /// Takes notice of records that came. True: there is more than was known.
  bool pull();
  /// Nothing: nothing to note yet.
  LogNote note() const;
  /// Lets `read` return at once.
  void stop() { reader_->stop(); }
  /// Why it can never be read or written again, as long as this process runs.
  std::optional<Error> lost() const;

  // By the writer's thread.
  Result<std::optional<log::AppendResult>> known(const log::Producer& producer,
                                                 std::int32_t count) const;
  /// A batch is committed.
  void written(const log::AppendResult& at, const std::optional<log::Producer>& producer,
               std::int32_t count, TimestampMs now, const Fingerprint& last);
  /// Whether a committed record stands at the offset, when no transaction of ours is open.
  Result<bool> holds(std::int64_t offset, const Deadline& deadline);

 private:
  /// `end_before`: where it has ended already; 0: not known.
  Result<Ends> first_look(std::int64_t end_before, const Deadline& deadline);
  Status read_raw(std::int64_t from, std::size_t bytes_max, Slice& slice) const;
  Status compare_with(const LogNote& note, const Slice& slice) const;
  Status learn(std::int64_t from);
  void take(const Slice& slice);
  bool end_at_least(std::int64_t end) const;
  std::unexpected<Error> lose(std::string_view what) const;
  Ends known_ends() const { return {first_, end_}; }

  const Setup setup_;
  const std::unique_ptr<LogReader> reader_;
  mutable std::atomic<std::int64_t> first_ = 0, end_ = 0;
  int absent_for_ = 0;  ///< looks in a row at which the topic was not there
  /// Since when every look found less than there was.
  std::optional<std::chrono::steady_clock::time_point> shorter_since_;

  mutable std::mutex mutex_;
  log::Producers producers_;
  mutable std::optional<LogNote::Last> last_;  ///< the newest record that was seen
  mutable std::optional<Error> lost_;
};

}  // namespace leat::connector::kafka
