#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/engine.h"

namespace leat::runtime {

/// The recent changes of one stream or view, for those who follow it. Nothing is kept until
/// somebody subscribes; after the last one has left, changes are kept for `linger` longer, so that
/// a client that lost its connection can go on where it was. Any thread.
class ChangeFeed {
 public:
  static constexpr std::chrono::seconds linger{60};

  explicit ChangeFeed(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Somebody follows, or did so a moment ago: changes are wanted.
  bool followed() const;
  /// `changes` own their texts. `visible`: an epoch that is visible from now on. Called by the
  /// epoch's thread only.
  void publish(Epoch visible, std::vector<ChangeChunk> changes);
  /// The engine ends: everybody waiting gets `stopping`.
  void close();

  /// Between epochs only, so that no epoch is half followed.
  static Result<std::unique_ptr<Subscription>> subscribe(std::shared_ptr<ChangeFeed> feed,
                                                         std::optional<Epoch> after, Epoch visible);

 private:
  class Follower;
  struct Entry {
    PublishedChanges changes;
    std::size_t bytes;
  };

  mutable std::mutex mutex_;
  std::condition_variable published_;
  std::deque<Entry> entries_;
  std::size_t bytes_ = 0;
  const std::size_t bytes_max_;
  std::uint64_t first_ = 0;  // sequence number of entries_.front()
  bool complete_ = false;    // entries hold everything after `complete_after_`
  Epoch complete_after_;
  unsigned followers_ = 0;
  std::chrono::steady_clock::time_point last_left_{};
  bool closed_ = false;
};

}  // namespace leat::runtime
