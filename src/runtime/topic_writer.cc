#include "runtime/topic_writer.h"

#include <charconv>
#include <mutex>

#include "log/record_batch.h"

namespace leat::runtime {
namespace {

/// How often a source that waits for room on the disk looks again.
constexpr std::chrono::milliseconds look_again{100};
/// The position is also kept beside the topic, for when retention has removed every record. It may
/// be this old: retention takes longer.
constexpr std::chrono::seconds note_every{5};
constexpr std::size_t read_bytes = 1u << 20;

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

}  // namespace

Status TopicWriter::append(std::span<const Entry> entries) {
  if (entries.empty()) return {};
  const Partition partition(turn_++ % setup_.topic.partition_count());
  return append_to(setup_.topic.partition(partition), new_records(entries));
}

Status TopicWriter::append(std::span<const Entry> entries, std::string_view position) {
  if (entries.empty()) return note(position);
  std::vector<log::NewRecord> records = new_records(entries);
  records.back().headers = {{position_header, position}};
  LEAT_TRY(append_to(setup_.topic.partition(Partition(0)), records));
  if (std::chrono::steady_clock::now() - last_noted_ < note_every) return {};
  return note(position);
}

Status TopicWriter::append_to(log::PartitionLog& log, std::span<const log::NewRecord> records) {
  while (true) {
    LEAT_TRY(wait_while_paused());
    const Result<log::AppendResult> appended = log.append(records, std::nullopt);
    if (appended) return log.sync(appended->last);
    if (appended.error().code != "disk-full") return std::unexpected(appended.error());
    setup_.status.set_error(appended.error().message);
    wait(look_again);
  }
}

Result<std::optional<std::string>> TopicWriter::position() {
  std::optional<Note> newest = LEAT_TRY(noted());
  const log::PartitionLog& log = setup_.topic.partition(Partition(0));
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
  const Offset end = setup_.topic.partition(Partition(0)).durable_offset();
  const auto batch = setup_.store.new_batch();
  batch->put(setup_.cursors, note_key(), fmt::format("{} {}", end, position));
  return setup_.store.commit(*batch);
}

Status TopicWriter::wait_while_paused() {
  while (setup_.paused && !setup_.stop.stop_requested()) wait(look_again);
  if (setup_.stop.stop_requested()) return transient_error("stopping", "the server is stopping");
  return {};
}

void TopicWriter::wait(std::chrono::milliseconds time) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  never_.wait_for(lock, setup_.stop, time, [] { return false; });
}

}  // namespace leat::runtime
