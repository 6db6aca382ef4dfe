#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/error.h"
#include "connector/source.h"
#include "log/topics.h"
#include "model/slice.h"
#include "operator/operator.h"
#include "runtime/input_bell.h"

namespace leat::runtime {

/// One partition that epochs read from: of the log, or of a source that can be read again.
/// Leased to one worker at a time by the planner; everything but `read` is touched by the epoch's
/// thread only.
class InputPartition {
 public:
  InputPartition(std::string topic, std::string name, Partition number)
      : topic_(std::move(topic)), name_(std::move(name)), number_(number) {}
  virtual ~InputPartition() = default;

  /// Name under which its position is committed, unique in the server: "topic/0" or "topic/path".
  std::string id() const { return topic_ + "/" + name_; }
  const std::string& topic() const { return topic_; }
  const std::string& name() const { return name_; }
  Partition number() const { return number_; }

  /// Where reading goes on; after an epoch, the position to commit.
  Offset position() const { return position_; }
  virtual Status seek(Offset position) = 0;

  using Outcome = connector::PartitionReader::Outcome;
  /// Reads the next records and moves the position past them.
  virtual Result<Outcome> read(Slice& slice, std::size_t bytes_max) = 0;
  /// There may be something to read; false is certain.
  virtual bool may_have_data() const = 0;
  /// Records (or bytes, where records can't be counted) not yet read.
  virtual std::uint64_t lag() const = 0;
  /// There is something that it has not read, or may be, as far as can be told while its system
  /// does not answer: it is not silent.
  virtual bool is_behind() const { return lag() > 0; }
  /// Everything before `position` is part of a durable commit.
  virtual void committed(Offset position) { (void)position; }
  /// What `$topic` and `$partition` say of its records; nothing: its topic and number.
  virtual std::optional<connector::PartitionReader::Origin> origin() const { return std::nullopt; }
  /// Nothing more will ever come from it.
  bool ended() const { return ended_; }
  /// Why it is not read any more, although it has not ended.
  const std::optional<Error>& failure() const { return failure_; }
  /// Records that were removed before they were read, since the start.
  std::uint64_t missed() const { return missed_; }

 protected:
  Offset position_;
  bool ended_ = false;
  std::optional<Error> failure_;
  std::uint64_t missed_ = 0;

 private:
  const std::string topic_;
  const std::string name_;
  const Partition number_;
};

/// A partition of the log. One that is on a cluster which does not answer is asked again, however
/// long that takes.
class LogInput final : public InputPartition {
 public:
  static constexpr std::chrono::milliseconds retry_first{50}, retry_max{2'000};

  LogInput(std::string topic, Partition partition, log::PartitionLog& log);
  Status seek(Offset position) override;
  Result<Outcome> read(Slice& slice, std::size_t bytes_max) override;
  bool may_have_data() const override;
  std::uint64_t lag() const override;

 private:
  void skip_removed();
  Outcome note_failure(const Error& error);

  log::PartitionLog& log_;
  Backoff backoff_{retry_first.count(), retry_max.count()};
  unsigned failures_ = 0;  // in a row
  std::chrono::steady_clock::time_point ask_again_{};
};

/// A partition of a source that is read in place.
class ReaderInput final : public InputPartition {
 public:
  /// How often a reader that had nothing is asked again: one that can't tell when it has, and one
  /// that can.
  static constexpr std::chrono::milliseconds poll_interval{10}, poll_interval_told{100};

  struct Setup {
    std::string source;  ///< for messages
    connector::SourceStatus& status;
    InputBell& bell;  ///< rung from any thread when there is something again
    /// Waits after failures that may pass: doubled each time, shortened by chance.
    std::chrono::milliseconds retry_first{100}, retry_max{30'000};
    /// With `once`, failing for longer ends the partition; nothing: however long an outage is, it
    /// is waited for.
    std::optional<std::chrono::milliseconds> patience = {};
  };
  ReaderInput(std::string topic, Partition number,
              std::unique_ptr<connector::PartitionReader> reader, Setup setup);
  ~ReaderInput() override;
  Status seek(Offset position) override;
  Result<Outcome> read(Slice& slice, std::size_t bytes_max) override;
  bool may_have_data() const override;
  std::uint64_t lag() const override { return reader_->lag(); }
  bool is_behind() const override;
  void committed(Offset position) override { reader_->committed(position); }
  std::optional<connector::PartitionReader::Origin> origin() const override {
    return reader_->origin();
  }

 private:
  Outcome note_failure(Error error);
  void note_success();
  void show(const char* state);

  const Setup setup_;
  std::chrono::steady_clock::time_point ask_again_{};
  bool tells_ = false;
  std::atomic<bool> told_{false};
  Backoff backoff_;
  unsigned failures_ = 0;  // in a row
  bool answered_ = false;
  std::chrono::steady_clock::time_point failing_since_{};
  std::unique_ptr<connector::PartitionReader> reader_;  // last: it may tell us until it is gone
};

}  // namespace leat::runtime
