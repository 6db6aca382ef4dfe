#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "operator/operator.h"
#include "state/entry.h"
#include "state/hash.h"

namespace leat::op {

/// A run of rows of one key, each less than a gap behind the one before.
struct OpenSession {
  EventTimeUs id = 0;  ///< lies within start … last, so that no two sessions of a key share it
  EventTimeUs start = 0;
  EventTimeUs last = 0;
  state::Entry* entry = nullptr;  ///< its output, pinned; null until it has one
  bool changed = true;            ///< since the caller last cleared it
  bool shrunk = false;            ///< rows were taken back, so that its bounds may be too wide
  bool given = false;             ///< the caller has given it out, and keeps it for late rows
};

/// The sessions of one shard's keys that take rows, in memory, with the time that each key is due
/// at next: when a session ends, and when it has been kept for late rows. Used by the shard's merge
/// only.
class OpenSessions {
 public:
  struct Key {
    std::string_view bytes;
    std::vector<OpenSession> sessions;  ///< by time
    bool touched = false;               ///< the caller's

   private:
    friend class OpenSessions;
    EventTimeUs scheduled = end_of_time;  // the earliest time in the queue
    unsigned queued = 0;
  };
  /// Two sessions have become one: what `from` holds goes to the session `into`.
  struct Merged {
    Key* key;
    OpenSession from;
    EventTimeUs into;
  };

  /// When sessions are looked at: for `keep_us` after their end they take rows.
  struct Times {
    std::int64_t gap_us = 0;
    std::int64_t keep_us = 0;
    bool gives = false;  ///< they are due when they end, too, where they have not been `given`
  };
  explicit OpenSessions(const Times& times)
      : gap_us_(times.gap_us), keep_us_(times.keep_us), gives_(times.gives && times.keep_us > 0) {}

  /// The time from which on a session is over.
  EventTimeUs end_of(const OpenSession& session) const { return end_of(session.last, gap_us_); }
  /// The same of one whose last row has this time; end_of_time where it could never close.
  static EventTimeUs end_of(EventTimeUs last, std::int64_t gap_us);

  /// Made where it is missing; stays until it has no sessions and take_due or close let go of it.
  Key& key(std::string_view bytes);
  Key* find(std::string_view bytes);
  /// Puts a row's time in, appending what it brings together.
  void add(Key& key, EventTimeUs time, std::vector<Merged>& merged);
  /// The session that has this time between its rows, or null.
  static OpenSession* at(Key& key, EventTimeUs time);
  /// Puts a session in that was there before.
  void restore(Key& key, const OpenSession& session);
  /// Says that the sessions of a key may end earlier than before.
  void schedule(Key& key);

  /// The same where rows have changed which of the key's sessions have been `given`, in any order.
  void schedule_first_to_give(Key& key);

  /// The keys with sessions that are due at or before `time`, and where they may be given some that
  /// could be. Each must be given to close().
  std::vector<Key*> take_due(EventTimeUs time);
  /// Lets go of the key's sessions that end at or before `time`, which are its first. Those that
  /// have ended and stay have been `given`.
  void close(Key& key, EventTimeUs time);
  /// The end of the last session; no_watermark when there is none.
  EventTimeUs last_end() const;
  /// Bytes of memory, about.
  std::uint64_t memory_bytes() const;

 private:
  struct Due {
    EventTimeUs time;
    Key* key;
    bool operator>(const Due& other) const { return time > other.time; }
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view bytes) const { return state::hash_bytes(bytes); }
  };

  EventTimeUs end_of(EventTimeUs last) const { return end_of(last, gap_us_); }
  EventTimeUs next_due(const Key& key) const;
  void schedule(Key& key, EventTimeUs due);
  void let_go(Key& key);

  const std::int64_t gap_us_;
  const std::int64_t keep_us_;
  const bool gives_;
  std::unordered_map<std::string, Key, Hash, std::equal_to<>> keys_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> queue_;
};

}  // namespace leat::op
