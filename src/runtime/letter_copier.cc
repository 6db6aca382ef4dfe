#include "runtime/letter_copier.h"

#include <charconv>
#include <deque>
#include <optional>

#include <spdlog/spdlog.h>

#include "runtime/dead_letters.h"
#include "runtime/refused_row.h"

namespace leat::runtime {
namespace {

constexpr std::size_t batch_bytes = 256u << 10;
constexpr std::chrono::milliseconds look_again{1000};
/// Between tries where only somebody's hand can help.
constexpr std::chrono::milliseconds mended_by_hand{15'000};

}  // namespace

/// One partition.
struct LetterCopier::Part {
  Part(Partition number, log::PartitionLog& from, TopicWriter::Setup setup)
      : partition(number), log(from), writer(std::move(setup)) {}
  Partition partition;
  log::PartitionLog& log;
  TopicWriter writer;
  Offset next;
  Slice slice;
};

void LetterCopier::start() {
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

void LetterCopier::wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void LetterCopier::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const Status status = copy_until_it_fails(stop);
    if (status || stop.stop_requested()) return;
    spdlog::error("dead letters: {}", status.error().message);
    status_.set_error(status.error().message);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, mended_by_hand, [] { return false; });
  }
}

Status LetterCopier::copy_until_it_fails(const std::stop_token& stop) {
  std::deque<Part> parts;
  for (const Partition partition : {Partition(0), sink_letters_partition}) {
    Part& part = parts.emplace_back(
        partition, setup_.from.partition(partition),
        TopicWriter::Setup{.source = fmt::format("{}/{}", dead_letters_topic, partition),
                           .topic = setup_.to,
                           .store = setup_.store,
                           .cursors = setup_.cursors,
                           .paused = never_paused_,
                           .stop = stop,
                           .status = status_,
                           .partition = partition});
    part.next = LEAT_TRY(position(part));
  }
  while (!stop.stop_requested()) {
    bool any = false;
    for (Part& part : parts) any |= LEAT_TRY(copy_some(part));
    if (any) continue;
    status_.set_error("");
    std::unique_lock lock(mutex_);
    changed_.notify_all();
    changed_.wait_for(lock, stop, look_again, [&] { return woken_; });
    woken_ = false;
  }
  return {};
}

/// Where it goes on: what the topic itself says, where that is of this data directory.
Result<Offset> LetterCopier::position(Part& part) {
  const auto known = LEAT_TRY(part.writer.position());
  Offset next = part.log.first_offset();
  if (known && known->starts_with(setup_.identity + " ")) {
    std::int64_t offset = 0;
    const char* const digits = known->data() + setup_.identity.size() + 1;
    std::from_chars(digits, known->data() + known->size(), offset);
    next = std::max(next, Offset(offset));
  }
  copied_[part.partition.value()] = next.value();
  return next;
}

Result<bool> LetterCopier::copy_some(Part& part) {
  const Offset end = end_of(part.partition);
  if (part.next >= end) return false;
  LEAT_TRY(part.log.read(part.next, batch_bytes, part.slice));
  std::vector<connector::RecordWriter::Entry> letters;
  for (const Record& record : part.slice.records) {
    if (record.offset >= end) break;
    letters.push_back({.value = record.value, .key = record.key, .has_key = record.has_key});
  }
  const Offset next = std::min(part.slice.next, end);
  if (!letters.empty()) {
    LEAT_TRY(part.writer.append(letters, fmt::format("{} {}", setup_.identity, next)));
  }
  part.next = next;
  copied_[part.partition.value()] = next.value();
  LEAT_TRY(part.log.remove_before(next));
  return true;
}

Offset LetterCopier::end_of(Partition partition) const {
  const Offset durable = setup_.from.partition(partition).durable_offset();
  return partition == sink_letters_partition ? durable : std::min(durable, setup_.committed());
}

bool LetterCopier::all_copied() const {
  for (const Partition partition : {Partition(0), sink_letters_partition}) {
    if (Offset(copied_[partition.value()]) < end_of(partition)) return false;
  }
  return true;
}

bool LetterCopier::drain(const std::stop_token& stop, std::chrono::milliseconds limit) {
  wake();
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, stop, limit, [&] { return all_copied(); });
}

}  // namespace leat::runtime
