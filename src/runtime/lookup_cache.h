#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace leat::runtime {

/// What a table has for one key. Shared, never modified.
struct LookedUp {
  std::vector<std::string> rows;  ///< as RowCodec has them; empty: the key has none
  std::string refusal;            ///< why rows that are there can't be taken; empty: they can
};

/// Answers of a table by key, bounded in number, bytes and age; the longest unused goes first. Used
/// by one thread at a time.
class LookupCache {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Bounds {
    std::size_t rows_max = 100'000;  ///< a key without a row counts as one
    std::size_t bytes_max = 64u << 20;
    std::chrono::milliseconds found_for{300'000};
    std::chrono::milliseconds missing_for{30'000};  ///< and of refused ones
  };

  explicit LookupCache(Bounds bounds) : bounds_(bounds) {}

  /// Null where there is no answer, or one that is too old.
  std::shared_ptr<const LookedUp> find(std::string_view key, Time now);
  void put(const std::string& key, std::shared_ptr<const LookedUp> answer, Time now);

  std::size_t rows() const { return rows_; }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const LookedUp> answer;
    Time until;
    std::size_t rows = 0, bytes = 0;
  };
  void remove(std::list<Entry>::iterator entry);

  const Bounds bounds_;
  std::list<Entry> entries_;  ///< the newest used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
  std::size_t rows_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace leat::runtime
