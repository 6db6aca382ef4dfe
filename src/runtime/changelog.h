#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "connector/sink.h"
#include "log/topics.h"
#include "model/row_codec.h"
#include "runtime/changelog_frames.h"

namespace leat::runtime {

/// The rows of a stream or view for one sink in another system, in a topic:
/// docs/formats/changelog.md. To the engine it is a sink that commits with the epoch; the sink
/// itself reads it up to `end`.
class Changelog final : public connector::EpochSink {
 public:
  static std::string topic_of(const std::string& sink) { return "changes." + sink; }

  /// `input`: of the sink. `target`: a text that differs where the sink writes to another table,
  /// topic or the like; it matters where rows can be written anew. `log` outlives this.
  Changelog(log::PartitionLog& log, const connector::SinkInput& input, const std::string& target,
            const Clock& clock);

  // As the engine writes it.
  /// The largest row, encoded, that a record has room for: others are refused.
  static constexpr std::size_t row_bytes_max = (16u << 20) - 1024;

  Status encode(const ChangeChunk& changes, std::string& out) const override;
  Status encode_or_refuse(const ChangeChunk& changes, std::string& out,
                          std::vector<connector::RefusedRow>& refused) const override;
  Status write(std::string_view encoded, std::uint64_t rows) override;
  Result<std::string> prepare() override;
  Status committed() override;
  Status recover(const std::optional<std::string>& prepared) override;
  void finish() override {}
  bool wants_commit() const override { return log_.next_offset() > Offset(end_.load()); }

  /// After `recover`: rows that the input has already are not in here.
  bool incomplete() const { return incomplete_; }
  /// After `recover`: nothing was ever written to it.
  bool is_new() const { return is_new_; }
  /// A row of the input that was there before: for `incomplete` ones, before anything else.
  Status add_present_rows(const Chunk& rows);

  // As the sink reads it. Any thread.
  log::PartitionLog& log() const { return log_; }
  /// Rows with the columns of today begin here.
  Offset begin() const { return begin_; }
  /// Everything before is committed.
  Offset end() const { return Offset(end_.load()); }
  /// Called by the committer's thread when `end` has moved. Set before the engine starts.
  void on_committed(std::function<void()> notify) { notify_ = std::move(notify); }

  /// A committed record's value, taken apart.
  struct Entry {
    std::int64_t weight = 0;
    std::int64_t version_us = 0;
    std::string_view row;
  };
  /// Error `log-damaged` (external).
  static Result<Entry> entry_of(std::string_view value);
  const RowCodec& codec() const { return codec_; }

  /// What the commit of a run without this sink says of it.
  static std::string gone(const std::string& prepared);

 private:
  void append(const ChangelogFrame& frame);
  bool batch_is_full() const;
  Status flush();
  Status encode_rows(const Chunk& rows, const ChangeChunk* weights, std::string& out,
                     std::vector<connector::RefusedRow>& refused) const;

  log::PartitionLog& log_;
  const std::string input_;
  const std::string target_;  ///< a digest; empty: does not matter
  const RowCodec codec_;
  const std::vector<std::size_t> key_;  // by which rows are paired; none: there is one row in all
  const KeyCodec key_codec_;
  const bool paired_;  // rows are taken back, too
  const Clock& clock_;
  std::function<void()> notify_;
  Offset begin_;
  Offset prepared_;
  std::atomic<std::int64_t> end_{0};
  bool incomplete_ = false;
  bool is_new_ = false;
  std::int64_t last_version_us_ = 0;

  // Of the epoch that is being written.
  std::vector<ChangelogFrame> frames_;
  ChangePairing pairing_;
  std::string values_;             // of the records of the next batch
  std::vector<std::size_t> ends_;  // of each value
  std::size_t flushed_ = 0;        // rows of it that are in the log
  std::vector<log::NewRecord> records_;
};

}  // namespace leat::runtime
