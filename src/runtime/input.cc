#include "runtime/input.h"

#include <spdlog/spdlog.h>

namespace leat::runtime {

LogInput::LogInput(std::string topic, Partition partition, log::PartitionLog& log)
    : InputPartition(std::move(topic), fmt::format("{}", partition), partition), log_(log) {
  position_ = log.first_offset();
}

Status LogInput::seek(Offset position) {
  if (position > log_.next_offset()) {
    return external_error(
        "log-behind-commit",
        "partition {} ends at offset {}, but offset {} was already processed: segment files are "
        "missing; restore them, or start with an empty data directory",
        id(), log_.next_offset(), position);
  }
  position_ = position;
  skip_removed();
  return {};
}

/// Retention may have overtaken a reader that lags: what is gone is gone, reading goes on behind.
void LogInput::skip_removed() {
  const Offset first = log_.first_offset();
  if (position_ >= first) return;
  const auto removed = static_cast<std::uint64_t>(first - position_);
  missed_ += removed;
  spdlog::warn(
      "topic {}: retention removed {} records of partition {} (offsets {} to {}) before they were "
      "read, so streams and views are without them; raise the topic's `retention` to more than its "
      "readers ever lag behind",
      topic(), removed, number(), position_, first + -1);
  position_ = first;
}

Result<InputPartition::Outcome> LogInput::read(Slice& slice, std::size_t bytes_max) {
  skip_removed();
  Status done = log_.read(position_, bytes_max, slice);
  if (!done && position_ < log_.first_offset()) {  // removed in this very moment
    skip_removed();
    done = log_.read(position_, bytes_max, slice);
  }
  if (!done) return std::unexpected(done.error());
  position_ = std::max(position_, slice.next);
  return slice.records.empty() ? Outcome::nothing : Outcome::records;
}

bool LogInput::may_have_data() const { return position_ < log_.durable_offset(); }

std::uint64_t LogInput::lag() const {
  const Offset end = log_.next_offset();
  return end > position_ ? static_cast<std::uint64_t>(end - position_) : 0;
}

ReaderInput::ReaderInput(std::string topic, Partition number,
                         std::unique_ptr<connector::PartitionReader> reader,
                         connector::SourceStatus& status)
    : InputPartition(std::move(topic), reader->name(), number),
      reader_(std::move(reader)),
      status_(status) {
  position_ = reader_->start();
}

Status ReaderInput::seek(Offset position) {
  LEAT_TRY(reader_->seek(position));
  position_ = position;
  return {};
}

Result<InputPartition::Outcome> ReaderInput::read(Slice& slice, std::size_t bytes_max) {
  const Result<Outcome> outcome = reader_->read(slice, bytes_max);
  if (!outcome) return note_failure(outcome.error());
  failures_ = 0;
  status_.set_error("");
  switch (*outcome) {
    case Outcome::records:
      position_ = slice.next;
      status_.set_state("reading");
      status_.records += slice.records.size();
      status_.bytes += slice.bytes.size() - std::min(slice.bytes.size(), slice_padding);
      break;
    case Outcome::nothing:
      ask_again_ = std::chrono::steady_clock::now() + poll_interval;
      status_.set_state("waiting");
      break;
    case Outcome::ended:
      ended_ = true;
      status_.set_state("ended");
      break;
  }
  return *outcome;
}

/// One partition that can't be read does not stop the others: it is asked again for a while, then
/// given up, visibly.
InputPartition::Outcome ReaderInput::note_failure(Error error) {
  ++status_.failures;
  status_.set_error(error.message);
  if (error.retryable && ++failures_ < attempts_max) {
    ++status_.retries;
    status_.set_state("retrying");
    ask_again_ = std::chrono::steady_clock::now() + first_pause * (1 << failures_);
  } else {
    status_.set_state("failed");
    failure_ = std::move(error);
  }
  return Outcome::nothing;
}

bool ReaderInput::may_have_data() const {
  return !ended_ && !failure_ && std::chrono::steady_clock::now() >= ask_again_;
}

}  // namespace leat::runtime
