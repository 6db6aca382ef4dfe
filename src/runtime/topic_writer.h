#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "connector/source.h"
#include "log/topics.h"
#include "state/store.h"

namespace leat::runtime {

/// Writes what a live source received to its topic: each call's records into one partition, the
/// partitions by turns; those with a position into one and the same, the position in a header of
/// the last record. It is a producer of its own, so that a batch which a cluster took without
/// saying so counts once when it is sent again. Used by the source's thread.
class TopicWriter final : public connector::RecordWriter {
 public:
  struct Setup {
    std::string source;
    log::Topic& topic;
    state::Store& store;
    state::Family& cursors;
    const std::atomic<bool>& paused;  ///< the disk has no room
    std::stop_token stop;
    connector::SourceStatus& status;
    Partition partition = Partition(0);  ///< of records with a position
  };
  explicit TopicWriter(Setup setup);

  Status append(std::span<const Entry> records) override;
  Status append(std::span<const Entry> records, std::string_view position) override;
  Result<std::optional<std::string>> position() override;

 private:
  Status append_to(Partition partition, std::span<const log::NewRecord> records);
  Status wait_for_another_try(const Error& error);
  Result<std::optional<std::string>> look_for_position();
  Status wait_while_paused();
  void wait(std::chrono::milliseconds time);
  /// The position as it is kept beside the topic.
  struct Note {
    Offset end;  ///< of the topic's records that it counts
    std::string position;
  };
  Status note(std::string_view position);
  Result<std::optional<Note>> noted() const;
  std::string note_key() const { return "source/" + setup_.source; }

  Setup setup_;
  const std::int64_t producer_id_;
  std::vector<std::int32_t> sequences_;  // the next one, by partition
  Backoff backoff_;
  unsigned failures_ = 0;  // in a row
  std::condition_variable_any never_;
  std::int32_t turn_ = 0;
  std::chrono::steady_clock::time_point last_noted_{};
};

}  // namespace leat::runtime
