#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "connector/source.h"
#include "log/topics.h"

namespace leat::runtime {

/// Copies a source that can be read again into a topic of the log, each of its records once, also
/// across restarts: the last record of every batch carries the header `leat.position` =
/// "SOURCE/PARTITION=POSITION". A batch that a cluster did not acknowledge is sent again by the
/// same producer until it does.
class TopicCopier {
 public:
  /// Bytes read and appended at a time.
  static constexpr std::size_t batch_bytes = 1u << 20;
  /// How long a source that had nothing is left alone.
  static constexpr std::chrono::milliseconds poll_interval{20};

  /// Waits between tries while the log takes nothing.
  static constexpr std::chrono::milliseconds retry_first{100}, retry_max{5'000};

  TopicCopier(std::string source, connector::ReplayableSource& from, log::Topic& to,
              connector::SourceStatus& status);
  ~TopicCopier();

  /// Returns when the source has ended or `stop` is asked for. After an error it can be called
  /// again: it goes on behind what was copied.
  Status run(std::stop_token stop);

 private:
  struct Copied;
  Status discover();
  Status go_on_behind_copied(Copied& part) const;
  Result<log::AppendResult> append(Copied& part, std::span<const log::NewRecord> records,
                                   const std::stop_token& stop);
  Result<connector::PartitionReader::Outcome> copy_some(Copied& part, Slice& slice,
                                                        const std::stop_token& stop);
  Result<std::optional<Offset>> committed_position(const Copied& part) const;

  const std::string source_;
  connector::ReplayableSource& from_;
  log::Topic& to_;
  connector::SourceStatus& status_;
  std::vector<Copied> parts_;
  Backoff backoff_;
};

}  // namespace leat::runtime
