#include "server/topic_follower.h"

#include <charconv>
#include <iterator>

#include "server/api_error.h"
#include "server/event_text.h"
#include "server/record_json.h"

namespace leat::server {
namespace {

/// Read from a partition in one turn, about.
constexpr std::size_t bytes_per_turn = 128 << 10;

}  // namespace

std::string text_of(const std::vector<TopicPosition>& positions) {
  std::string text;
  for (const TopicPosition& position : positions) {
    fmt::format_to(std::back_inserter(text), "{}{}:{}", text.empty() ? "" : ",", position.partition,
                   position.next);
  }
  return text;
}

Result<std::vector<TopicPosition>> parse_positions(std::string_view text) {
  std::vector<TopicPosition> positions;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    const auto first = std::from_chars(at, end, partition);
    const bool colon = first.ec == std::errc() && first.ptr != end && *first.ptr == ':';
    const auto second = colon ? std::from_chars(first.ptr + 1, end, offset) : first;
    if (!colon || second.ec != std::errc() || partition < 0 || offset < 0) break;
    positions.push_back({Partition(partition), Offset(offset)});
    if (second.ptr == end) return positions;
    if (*second.ptr != ',') break;
    at = second.ptr + 1;
  }
  return user_error("bad-parameter",
                    "Last-Event-ID must be positions like `0:42,1:7`, as an event of this stream "
                    "had it, not `{}`",
                    text.substr(0, 64));
}

TopicFollower::TopicFollower(log::Topic& topic, std::vector<TopicPosition> positions)
    : topic_(topic), positions_(std::move(positions)) {}

Status TopicFollower::read(TopicPosition& position) {
  log::PartitionLog& log = topic_.partition(position.partition);
  if (log.durable_offset() <= position.next) return {};
  LEAT_TRY(log.read(position.next, bytes_per_turn, slice_));
  std::string events;
  std::string json;
  for (const Record& record : slice_.records) {
    json.clear();
    append_record_json(position.partition, record, json);
    position.next = record.offset + 1;
    append_event(text_of(positions_), "record", json, events);
  }
  position.next = slice_.next;
  if (!events.empty()) held_ = std::make_shared<const std::string>(std::move(events));
  return {};
}

Follower::State TopicFollower::poll(ResponseStream& stream, bool) {
  State state = State::quiet;
  for (TopicPosition& position : positions_) {
    if (held_ == nullptr) {
      const Status status = read(position);
      if (!status) {
        std::string event;
        append_event({}, "error", json_of({status.error()}), event);
        stream.write_last(std::move(event));
        return State::ended;
      }
    }
    if (held_ == nullptr) continue;
    if (!stream.try_write(held_)) return state;
    held_ = nullptr;
    state = State::wrote;
  }
  return state;
}

}  // namespace leat::server
