#include "runtime/topic_writer.h"

#include <charconv>
#include <mutex>

#include "log/record_batch.h"
#include "runtime/producer_id.h"

namespace leat::runtime {
namespace {

/// How often a source that waits for room on the disk looks again.
constexpr std::chrono::milliseconds look_again{100};
/// The position is also kept beside the topic, for when retention has removed every record. It may
/// be this old: retention takes longer.
constexpr std::chrono::seconds note_every{5};
constexpr std::size_t read_bytes = 1u << 20;
/// Waits between tries while a cluster is away.
constexpr std::int64_t retry_first_ms = 100, retry_max_ms = 5'000;

std::vector<log::NewRecord> new_records(std::span<const connector::RecordWriter::Entry> entries) {
  std::vector<log::NewRecord> records;
  records.reserve(entries.size());
  for (const auto& entry : entries) {
    records.push_back({.key = entry.key,
                       .value = entry.value,
                       .has_key = entry.has_key,
                       .tombstone = entry.tombstone,
                       .headers = {}});
  }
  return records;
}

Result<std::optional<std::string>> position_in(std::string_view headers) {
  if (headers.empty()) return std::optional<std::string>();
  for (const auto& [name, value] : LEAT_TRY(log::parse_headers(headers))) {
    if (name == position_header) return std::optional(std::string(value));
  }
  return std::optional<std::string>();
}

Status stopping() { return transient_error("stopping", "the server is stopping"); }

}  // namespace

TopicWriter::TopicWriter(Setup setup)
    : setup_(std::move(setup)),
      producer_id_(new_producer_id()),
      sequences_(static_cast<std::size_t>(setup_.topic.partition_count())),
      backoff_(retry_first_ms, retry_max_ms) {}

Status TopicWriter::append(std::span<const Entry> entries) {
  if (entries.empty()) return {};
  return append_to(Partition(turn_++ % setup_.topic.partition_count()), new_records(entries));
}

Status TopicWriter::append(std::span<const Entry> entries, std::string_view position) {
  if (entries.empty()) return note(position);
  std::vector<log::NewRecord> records = new_records(entries);
  records.back().headers = {{position_header, position}};
  LEAT_TRY(append_to(setup_.partition, records));
  if (std::chrono::steady_clock::now() - last_noted_ < note_every) return {};
  return note(position);
}

Status TopicWriter::append_to(Partition partition, std::span<const log::NewRecord> records) {
  log::PartitionLog& log = setup_.topic.partition(partition);
  std::int32_t& sequence = sequences_[static_cast<std::size_t>(partition.value())];
  while (true) {
    LEAT_TRY(wait_while_paused());
    const log::Producer producer{.id = producer_id_, .epoch = 0, .sequence = sequence};
    const Result<log::AppendResult> appended = log.append(records, producer);
    if (appended) {
      sequence = log::add_to_sequence(sequence, static_cast<std::int32_t>(records.size()));
      if (std::exchange(failures_, 0) > 0) setup_.status.set_error("");
      return log.sync(appended->last);
    }
    if (!appended.error().retryable) return std::unexpected(appended.error());
    LEAT_TRY(wait_for_another_try(appended.error()));
  }
}

Status TopicWriter::wait_for_another_try(const Error& error) {
  setup_.status.set_error(error.message);
  ++setup_.status.retries;
  wait(std::chrono::milliseconds(backoff_.wait_ms(failures_++)));
  return setup_.stop.stop_requested() ? stopping() : Status();
}

/// What another attempt would find is not known before the cluster answers.
Result<std::optional<std::string>> TopicWriter::position() {
  while (true) {
    auto found = look_for_position();
    if (found || !found.error().retryable) return found;
    LEAT_TRY(wait_for_another_try(found.error()));
  }
}

Result<std::optional<std::string>> TopicWriter::look_for_position() {
  std::optional<Note> newest = LEAT_TRY(noted());
  const log::PartitionLog& log = setup_.topic.partition(setup_.partition);
  const Offset end = log.durable_offset();
  // What is in the topic before the note is older.
  Offset at = std::max(log.first_offset(), newest ? newest->end : Offset(0));
  Slice slice;
  while (at < end) {
    LEAT_TRY(log.read(at, read_bytes, slice));
    for (const Record& record : slice.records) {
      if (auto position = LEAT_TRY(position_in(record.headers))) {
        newest = Note{record.offset + 1, std::move(*position)};
      }
    }
    if (slice.next <= at) break;
    at = slice.next;
  }
  if (!newest) return std::optional<std::string>();
  return std::move(newest->position);
}

Result<std::optional<TopicWriter::Note>> TopicWriter::noted() const {
  const auto text = LEAT_TRY(setup_.store.get(setup_.cursors, note_key()));
  if (!text) return std::optional<Note>();
  std::int64_t end = 0;
  const char* const last = text->data() + text->size();
  const auto [digits_end, error] = std::from_chars(text->data(), last, end);
  if (error != std::errc() || digits_end == last || *digits_end != ' ') {
    return external_error("store-damaged",
                          "the store does not say where source {} stands, but: {}; restore the "
                          "data directory from a backup",
                          setup_.source, *text);
  }
  return std::optional(Note{Offset(end), std::string(digits_end + 1, last)});
}

Status TopicWriter::note(std::string_view position) {
  last_noted_ = std::chrono::steady_clock::now();
  // Everything of ours is on disk; what others are appending now may yet be lost.
  const Offset end = setup_.topic.partition(setup_.partition).durable_offset();
  const auto batch = setup_.store.new_batch();
  batch->put(setup_.cursors, note_key(), fmt::format("{} {}", end, position));
  return setup_.store.commit(*batch);
}

Status TopicWriter::wait_while_paused() {
  while (setup_.paused && !setup_.stop.stop_requested()) wait(look_again);
  return setup_.stop.stop_requested() ? stopping() : Status();
}

void TopicWriter::wait(std::chrono::milliseconds time) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  never_.wait_for(lock, setup_.stop, time, [] { return false; });
}

}  // namespace leat::runtime
