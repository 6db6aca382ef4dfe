#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connector/sink.h"
#include "log/topics.h"
#include "runtime/changelog.h"

namespace leat::runtime {

/// Where a sink stands in its input: what it reads next, by partition. Its text is in
/// docs/formats/changelog.md.
struct SinkPosition {
  std::vector<Offset> offsets;

  std::string text(std::string_view identity) const;
  /// Nothing: the text is of another data directory, or of another number of partitions' beginning.
  static std::optional<SinkPosition> parse(std::string_view text, std::string_view identity);
};

/// Reads a sink's input from the log, batch by batch. Used by one thread.
class SinkReader {
 public:
  /// A batch has about as many bytes of the log at most, but at least a row.
  static constexpr std::size_t batch_bytes_max = 1u << 20;

  /// `changelog` is null where the input is a topic. All outlive this.
  SinkReader(const connector::SinkInput& input, log::Topic& topic, const Changelog* changelog);

  /// Where a sink begins that has no position.
  SinkPosition begin() const;
  /// Makes a position fit to be read from: what is gone, or nobody can read, is passed over. Gives
  /// how many records retention took away before they were read.
  std::uint64_t bring_into_range(SinkPosition& position) const;

  /// The next batch from `position` on, and moves that behind it; nothing: all is read. The
  /// partitions come by turns. The batch is valid until the next call; its `position` is not set.
  Result<std::optional<connector::SinkBatch>> next(SinkPosition& position);
  /// Records from `position` on that are there to be read.
  std::uint64_t lag(const SinkPosition& position) const;

 private:
  Offset end_of(std::size_t partition) const;
  Result<connector::SinkBatch> batch_of(Partition partition, Offset end);
  Result<connector::SinkRows> changelog_rows(std::span<const Record> records) const;
  Result<connector::SinkRows> topic_rows(std::span<const Record> records, Partition partition);
  Result<std::string_view> headers_of(const Record& record);

  const connector::SinkInput& input_;
  log::Topic& topic_;
  const Changelog* changelog_;
  std::size_t turn_ = 0;
  Slice slice_;
  std::deque<std::string> own_headers_;  // of the batch: those that are not as in `slice_`
};

}  // namespace leat::runtime
