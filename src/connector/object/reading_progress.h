#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/object/object_store.h"

namespace leat::connector::object {

/// Which objects a source has read, and how far it is in those that it has begun: what goes to the
/// topic as its position, docs/formats/objects_source.md. Copied freely; used by one thread.
class ReadingProgress {
 public:
  /// Names that are remembered at most, but for those modified in the newest millisecond.
  static constexpr std::size_t names_max = 4096;
  /// Objects that are begun, or could not be, and stand in nobody else's way, at most.
  static constexpr std::size_t begun_max = 100;

  explicit ReadingProgress(std::int64_t window_ms) : window_ms_(window_ms) {}

  enum class Fate {
    fresh,    ///< to be read
    read,     ///< read already
    changed,  ///< read or begun, but modified since
    old,      ///< modified before all that is remembered: it counts as read
  };
  Fate fate_of(const Object& object) const;

  /// How far reading of an object has come; what the number counts is its reader's choice.
  struct Begun {
    std::int64_t modified_ms = 0;
    std::uint64_t bytes = 0;
    std::uint64_t at = 0;
  };
  /// By their keys.
  const std::map<std::string, Begun>& begun() const { return begun_; }
  void reached(const Object& object, std::uint64_t at);
  /// The object is never looked at again.
  void finish(const Object& object, std::int64_t now_ms);

  std::string text() const;
  /// Error `position-malformed` (user): the text is none of an objects source.
  static Result<ReadingProgress> parse(std::string_view text, std::int64_t window_ms);

 private:
  std::int64_t window_ms_;
  std::int64_t floor_ms_ = 0;  ///< names modified before it are forgotten
  std::map<std::int64_t, std::vector<std::uint64_t>> names_;  ///< hashes of keys, by last-modified
  std::map<std::uint64_t, std::int64_t> modified_;            ///< the same, the other way round
  std::map<std::string, Begun> begun_;
};

/// A key as it is remembered.
std::uint64_t name_hash(std::string_view key);

}  // namespace leat::connector::object
