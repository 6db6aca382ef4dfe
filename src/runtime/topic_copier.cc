#include "runtime/topic_copier.h"

#include <charconv>
#include <condition_variable>
#include <mutex>

#include "log/record_batch.h"
#include "runtime/producer_id.h"

namespace leat::runtime {
namespace {

void wait(std::stop_token stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace

/// One partition on its way into the topic.
struct TopicCopier::Copied {
  std::unique_ptr<connector::PartitionReader> reader;
  std::string tag;  // "SOURCE/PARTITION="
  log::PartitionLog* log = nullptr;
  log::Producer producer = {};
  bool ended = false;
};

TopicCopier::TopicCopier(std::string source, connector::ReplayableSource& from, log::Topic& to,
                         connector::SourceStatus& status)
    : source_(std::move(source)),
      from_(from),
      to_(to),
      status_(status),
      backoff_(retry_first.count(), retry_max.count()) {}

TopicCopier::~TopicCopier() = default;

Status TopicCopier::run(std::stop_token stop) {
  for (Copied& part : parts_) LEAT_TRY(go_on_behind_copied(part));
  Slice slice;
  while (!stop.stop_requested()) {
    if (parts_.empty() || from_.keeps_discovering()) LEAT_TRY(discover());
    bool any_records = false;
    bool all_ended = !from_.keeps_discovering();
    for (Copied& part : parts_) {
      if (part.ended || stop.stop_requested()) continue;
      const auto outcome = LEAT_TRY(copy_some(part, slice, stop));
      part.ended = outcome == connector::PartitionReader::Outcome::ended;
      any_records |= outcome == connector::PartitionReader::Outcome::records;
      all_ended &= part.ended;
    }
    status_.set_state(any_records ? "reading" : "waiting");
    if (all_ended) break;
    if (!any_records) wait(stop, poll_interval);
  }
  return {};
}

Status TopicCopier::go_on_behind_copied(Copied& part) const {
  // What was to be written next may be other records now.
  part.producer = {.id = new_producer_id()};
  const auto position = LEAT_TRY(committed_position(part));
  return part.reader->seek(position.value_or(part.reader->start()));
}

Status TopicCopier::discover() {
  for (auto& reader : LEAT_TRY(from_.discover())) {
    Copied part{.reader = std::move(reader), .tag = {}};
    part.producer.id = new_producer_id();
    part.tag = source_ + "/" + part.reader->name() + "=";
    const auto count = static_cast<std::size_t>(to_.partition_count());
    const auto chosen = static_cast<std::int32_t>(parts_.size() % count);
    part.log = &to_.partition(Partition(chosen));
    parts_.push_back(std::move(part));
    if (const auto position = LEAT_TRY(committed_position(parts_.back()))) {
      LEAT_TRY(parts_.back().reader->seek(*position));
    }
  }
  return {};
}

Result<connector::PartitionReader::Outcome> TopicCopier::copy_some(Copied& part, Slice& slice,
                                                                   const std::stop_token& stop) {
  const auto outcome = LEAT_TRY(part.reader->read(slice, batch_bytes));
  if (outcome != connector::PartitionReader::Outcome::records) return outcome;
  std::vector<log::NewRecord> records;
  records.reserve(slice.records.size());
  for (const Record& record : slice.records) {
    records.push_back({.key = record.key,
                       .value = record.value,
                       .has_key = record.has_key,
                       .tombstone = record.value.data() == nullptr,
                       .timestamp = record.timestamp});
    if (record.headers.empty()) continue;
    for (const auto& header : LEAT_TRY(log::parse_headers(record.headers))) {
      if (header.first != position_header) records.back().headers.push_back(header);
    }
  }
  const std::string position = fmt::format("{}{}", part.tag, slice.next);
  records.back().headers.emplace_back(position_header, position);
  const log::AppendResult appended = LEAT_TRY(append(part, records, stop));
  LEAT_TRY(part.log->sync(appended.last));
  part.reader->committed(slice.next);
  status_.records += records.size();
  return outcome;
}

Result<log::AppendResult> TopicCopier::append(Copied& part, std::span<const log::NewRecord> records,
                                              const std::stop_token& stop) {
  for (unsigned failures = 0;; ++failures) {
    const auto appended = part.log->append(records, part.producer);
    if (appended) {
      part.producer.sequence =
          log::add_to_sequence(part.producer.sequence, static_cast<std::int32_t>(records.size()));
      if (failures > 0) status_.set_error("");
      return appended;
    }
    if (!appended.error().retryable || stop.stop_requested()) return appended;
    ++status_.retries;
    status_.set_state("retrying");
    status_.set_error(appended.error().message);
    wait(stop, std::chrono::milliseconds(backoff_.wait_ms(failures)));
  }
}

/// Where the last copied batch ended: looked up in the topic itself, so that it can't disagree with
/// it.
Result<std::optional<Offset>> TopicCopier::committed_position(const Copied& part) const {
  std::optional<Offset> position;
  Slice slice;
  for (Offset next = part.log->first_offset(); next < part.log->durable_offset();
       next = slice.next) {
    LEAT_TRY(part.log->read(next, batch_bytes, slice));
    for (const Record& record : slice.records) {
      if (record.headers.empty()) continue;
      for (const auto& [name, value] : LEAT_TRY(log::parse_headers(record.headers))) {
        if (name != position_header || !value.starts_with(part.tag)) continue;
        const std::string_view digits = value.substr(part.tag.size());
        std::int64_t number = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
        position = Offset(number);
      }
    }
  }
  return position;
}

}  // namespace leat::runtime
