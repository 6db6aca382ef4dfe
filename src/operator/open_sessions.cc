#include "operator/open_sessions.h"

#include <algorithm>

#include "base/check.h"
#include "operator/window_clock.h"

namespace leat::op {

EventTimeUs OpenSessions::end_of(EventTimeUs last, std::int64_t gap_us) {
  EventTimeUs end;
  return __builtin_add_overflow(last, gap_us, &end) ? end_of_time : end;
}

OpenSessions::Key& OpenSessions::key(std::string_view bytes) {
  const auto found = keys_.find(bytes);
  if (found != keys_.end()) return found->second;
  const auto made = keys_.try_emplace(std::string(bytes)).first;
  made->second.bytes = made->first;
  return made->second;
}

OpenSessions::Key* OpenSessions::find(std::string_view bytes) {
  const auto found = keys_.find(bytes);
  return found == keys_.end() ? nullptr : &found->second;
}

void OpenSessions::add(Key& key, EventTimeUs time, std::vector<Merged>& merged) {
  auto& sessions = key.sessions;
  const auto next =
      std::ranges::upper_bound(sessions, time, {}, [](const OpenSession& s) { return s.start; });
  const auto before = next == sessions.begin() ? sessions.end() : std::prev(next);
  const bool joins_before = before != sessions.end() && time < end_of(*before);
  const bool joins_next = next != sessions.end() && next->start < end_of(time);
  if (joins_before && joins_next) {
    before->last = next->last;
    before->changed = true;
    before->shrunk |= next->shrunk;
    merged.push_back({&key, *next, before->id});
    sessions.erase(next);
  } else if (joins_before) {
    before->last = std::max(before->last, time);
    before->changed = true;
  } else if (joins_next) {
    next->start = time;
    next->changed = true;
  } else {
    sessions.insert(next, OpenSession{.id = time, .start = time, .last = time});
  }
  schedule(key);
}

OpenSession* OpenSessions::at(Key& key, EventTimeUs time) {
  const auto next = std::ranges::upper_bound(key.sessions, time, {},
                                             [](const OpenSession& s) { return s.start; });
  if (next == key.sessions.begin() || std::prev(next)->last < time) return nullptr;
  return &*std::prev(next);
}

void OpenSessions::restore(Key& key, const OpenSession& session) {
  const auto place = std::ranges::upper_bound(key.sessions, session.start, {},
                                              [](const OpenSession& s) { return s.start; });
  key.sessions.insert(place, session);
  schedule(key);
}

/// When the first session has been kept for long enough, or the first that was not given out ends:
/// sessions end in their order, and are given out when they end.
EventTimeUs OpenSessions::next_due(const Key& key) const {
  const EventTimeUs first = add_saturated(end_of(key.sessions.front()), keep_us_);
  if (!gives_) return first;
  const auto waiting = std::ranges::partition_point(key.sessions, &OpenSession::given);
  return waiting == key.sessions.end() ? first : std::min(first, end_of(*waiting));
}

void OpenSessions::schedule(Key& key) {
  if (!key.sessions.empty()) schedule(key, next_due(key));
}

void OpenSessions::schedule_first_to_give(Key& key) {
  const auto waiting = std::ranges::find(key.sessions, false, &OpenSession::given);
  if (waiting != key.sessions.end()) schedule(key, end_of(*waiting));
}

void OpenSessions::schedule(Key& key, EventTimeUs due) {
  if (due >= key.scheduled) return;  // looked at again when that time comes
  key.scheduled = due;
  ++key.queued;
  queue_.push({due, &key});
}

std::vector<OpenSessions::Key*> OpenSessions::take_due(EventTimeUs time) {
  std::vector<Key*> due;
  while (!queue_.empty() && queue_.top().time <= time) {
    const Due next = queue_.top();
    queue_.pop();
    Key& key = *next.key;
    --key.queued;
    if (key.scheduled == next.time) {
      key.scheduled = end_of_time;
      if (!key.sessions.empty() && (gives_ || next_due(key) <= time)) {
        due.push_back(&key);
        continue;
      }
      schedule(key);
    }
    // What is due is let go of by close().
    if (key.sessions.empty()) let_go(key);
  }
  return due;
}

void OpenSessions::close(Key& key, EventTimeUs time) {
  const auto open = std::ranges::find_if(
      key.sessions, [&](const OpenSession& session) { return end_of(session) > time; });
  key.sessions.erase(key.sessions.begin(), open);
  schedule(key);
  if (key.sessions.empty()) let_go(key);
}

void OpenSessions::let_go(Key& key) {
  if (key.queued > 0) return;  // when the queue has come to it
  keys_.erase(keys_.find(key.bytes));
}

std::uint64_t OpenSessions::memory_bytes() const {
  // Most keys have one session open. Their outputs' entries are counted where they lie.
  constexpr std::size_t key_bytes = sizeof(std::string) + sizeof(Key) + 6 * sizeof(void*);
  return keys_.size() * (key_bytes + sizeof(OpenSession)) + queue_.size() * sizeof(Due);
}

EventTimeUs OpenSessions::last_end() const {
  EventTimeUs last = no_watermark;
  for (const auto& [bytes, key] : keys_) {
    if (!key.sessions.empty()) last = std::max(last, end_of(key.sessions.back()));
  }
  return last;
}

}  // namespace leat::op
