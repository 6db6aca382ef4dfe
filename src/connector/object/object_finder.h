#pragma once

#include <cstdint>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/object/object_store.h"
#include "connector/object/reading_progress.h"

namespace leat::connector::object {

/// Looks for objects that are to be read. Used by one thread.
class ObjectFinder {
 public:
  /// Of those that are to be read, so many are given at once, the oldest.
  static constexpr std::size_t fresh_max = 10'000;
  /// Of all objects, so many are remembered from look to look, to notice late ones.
  static constexpr std::size_t seen_max = 1'000'000;

  /// `match`: a pattern with `*`, `?` and `[…]` for the key's last part, or for the whole key where
  /// it has a `/`; empty: all. Objects younger than `age_min_ms` wait,
  /// and those from a future that is as near.
  ObjectFinder(std::string match, std::int64_t age_min_ms)
      : match_(std::move(match)), age_min_ms_(age_min_ms) {}

  struct Found {
    std::vector<Object> fresh;    ///< by last-modified, then by key
    std::vector<Object> changed;  ///< read or begun, and modified since; each told once
    std::vector<Object> late;     ///< new, but modified before what is remembered; told once
    std::vector<Object> gone;     ///< begun, and not there any more
    bool is_more = false;         ///< there are more to be read
    bool is_waiting = false;      ///< some are too young
  };
  Result<Found> find(ObjectStore& store, const ReadingProgress& progress, std::int64_t now_ms,
                     const std::stop_token& stop);

  /// Whether the key is one that is read at all: no part of it begins with `_` or `.`.
  bool is_wanted(const std::string& key) const;

 private:
  struct Look;
  void sort_in(const Object& object, const ReadingProgress& progress, std::int64_t now_ms,
               Look& look);

  const std::string match_;
  const std::int64_t age_min_ms_;
  std::vector<std::uint64_t> seen_;  ///< hashes of keys at the last look, sorted
  bool has_seen_ = false;            ///< `seen_` holds them all
  std::set<std::pair<std::uint64_t, std::int64_t>> told_;  ///< changed ones: key, last-modified
};

}  // namespace leat::connector::object
