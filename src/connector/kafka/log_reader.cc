#include "connector/kafka/log_reader.h"

#include <algorithm>

namespace leat::connector::kafka {
namespace {

/// What a cursor at the end takes before anybody asks for it.
constexpr std::size_t pull_bytes = 64u << 10;

}  // namespace

struct LogReader::Cursor {
  std::int64_t next = 0;  // what it gives next
  Slice ready;            // pulled, and not asked for yet
  bool busy = false;
  std::uint64_t used = 0;
  std::atomic<bool> rung = false;
  std::unique_ptr<KafkaPartition> reader;  // last: it rings until it is gone
};

LogReader::LogReader(LogLanes& lanes, TopicPartition partition, std::function<void()> ring)
    : lanes_(lanes), partition_(std::move(partition)), ring_(std::move(ring)) {}

LogReader::~LogReader() = default;

void LogReader::stop() {
  stopping_ = true;
  std::lock_guard lock(ring_mutex_);
  rung_.notify_all();
}

Status LogReader::read(std::int64_t from, std::size_t bytes_max, const Ends& known, Slice& slice) {
  slice.records.clear();
  slice.begin = slice.next = Offset(from);
  Cursor& cursor = *LEAT_TRY(lease(from, known));
  const Status status = fill(cursor, bytes_max, slice);
  if (status) {
    cursor.next = slice.next.value();
  } else if (!status.error().retryable) {
    cursor.reader.reset();  // librdkafka may stand anywhere
  }
  give_back(cursor);
  return status;
}

/// The cursor that stands there, else a new one, else the one that was not used for longest.
Result<LogReader::Cursor*> LogReader::lease(std::int64_t from, const Ends& known) {
  std::unique_lock lock(mutex_);
  std::size_t chosen = cursors_.size();
  while (true) {
    chosen = cursors_.size();
    for (std::size_t i = 0; i < cursors_.size(); ++i) {
      const Cursor* const cursor = cursors_[i].get();
      if (cursor != nullptr && cursor->busy) continue;
      const bool stands_there =
          cursor != nullptr && cursor->reader != nullptr && cursor->next == from;
      if (stands_there) {
        chosen = i;
        break;
      }
      const auto rank = [](const Cursor* c) { return c == nullptr ? 0 : c->used; };
      if (chosen == cursors_.size() || rank(cursor) < rank(cursors_[chosen].get())) chosen = i;
    }
    if (chosen != cursors_.size()) break;
    returned_.wait(lock);
  }
  if (!cursors_[chosen]) cursors_[chosen] = std::make_unique<Cursor>();
  Cursor& cursor = *cursors_[chosen];
  cursor.busy = true;
  cursor.used = ++turn_;
  lock.unlock();
  if (cursor.reader != nullptr && cursor.next == from) return &cursor;
  if (const Status placed = place(cursor, chosen, from, known); !placed) {
    give_back(cursor);
    return std::unexpected(placed.error());
  }
  return &cursor;
}

Status LogReader::place(Cursor& cursor, std::size_t lane, std::int64_t from, const Ends& known) {
  cursor.reader.reset();
  cursor.ready.records.clear();
  auto client = LEAT_TRY(lanes_.lane(lane));
  auto state = std::make_shared<PartitionState>();
  state->low = known.low;
  state->high = known.high;
  state->start = from;
  cursor.reader =
      std::make_unique<KafkaPartition>(std::move(client), partition_, std::move(state), false);
  cursor.next = from;
  cursor.reader->tell_when_ready([this, &cursor] {
    {
      std::lock_guard lock(ring_mutex_);
      cursor.rung = true;
      rung_.notify_all();
    }
    ring_();
  });
  return {};
}

void LogReader::give_back(Cursor& cursor) {
  {
    std::lock_guard lock(mutex_);
    cursor.busy = false;
  }
  returned_.notify_all();
  // What came meanwhile has rung in vain.
  if (cursor.rung) ring_();
}

Status LogReader::fill(Cursor& cursor, std::size_t bytes_max, Slice& slice) {
  if (!cursor.ready.records.empty()) {
    std::swap(slice, cursor.ready);
    cursor.ready.records.clear();
    cursor.rung = true;
    return {};
  }
  const auto until = std::chrono::steady_clock::now() + wait_max;
  while (!stopping_) {
    cursor.rung = false;
    const auto outcome = LEAT_TRY(cursor.reader->read(slice, bytes_max));
    if (outcome == PartitionReader::Outcome::records) {
      cursor.rung = true;  // librdkafka rings for the first of many only
      return {};
    }
    if (const Offset end = cursor.reader->end_seen(); end > Offset(cursor.next)) {
      slice.begin = slice.next = end;
      return {};
    }
    if (std::chrono::steady_clock::now() >= until) break;
    wait_for_ring(cursor);
  }
  return transient_error("kafka-unreachable",
                         "kafka {}: partition {} of topic {} gave nothing for {} s, although there "
                         "is more; it is asked again",
                         cursor.reader->brokers(), partition_.second, partition_.first,
                         wait_max.count() / 1000);
}

void LogReader::wait_for_ring(Cursor& cursor) {
  std::unique_lock lock(ring_mutex_);
  rung_.wait_for(lock, std::chrono::milliseconds(20),
                 [&] { return cursor.rung.load() || stopping_.load(); });
}

std::optional<std::int64_t> LogReader::pull(std::int64_t known_end) {
  std::optional<std::int64_t> end;
  for (const auto& cursor : cursors_) {
    {
      std::lock_guard lock(mutex_);
      if (cursor == nullptr || cursor->busy || cursor->reader == nullptr) continue;
      if (!cursor->rung || cursor->next < known_end || !cursor->ready.records.empty()) continue;
      cursor->busy = true;
    }
    cursor->rung = false;
    // An error comes again to whoever reads.
    const auto outcome = cursor->reader->read(cursor->ready, pull_bytes);
    if (outcome && *outcome == PartitionReader::Outcome::records) {
      end = std::max(end.value_or(0), cursor->ready.next.value());
    }
    give_back(*cursor);
  }
  return end;
}

}  // namespace leat::connector::kafka
