#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace leat::runtime {

/// A row on its way to a changelog: the hash of its key, its weight, and the record's value with no
/// version yet.
struct ChangelogFrame {
  std::uint64_t key_hash = 0;
  std::string_view value;

  bool taken_back() const { return value.front() != '\x01'; }

  /// Bytes of a record's value before the row: weight and version.
  static constexpr std::size_t value_header_bytes = 1 + 8;
  /// Bytes of a frame beside the row.
  static constexpr std::size_t bytes_beside = 4 + 8 + value_header_bytes;

  static void append(std::uint64_t key_hash, std::int64_t weight, std::string_view row,
                     std::string& out);
  /// All frames, which point into `encoded`.
  static void parse(std::string_view encoded, std::vector<ChangelogFrame>& out);
};

/// Brings the rows of an epoch into the order in which sinks want them: what a key was right before
/// what it is now. Used by one thread; keeps its memory from epoch to epoch.
class ChangePairing {
 public:
  /// Frames of one key (of one hash, which does no harm) stand side by side, those taken back
  /// before those put in; keys come in the order of their first frames. Valid until the next call.
  const std::vector<std::uint32_t>& order(const std::vector<ChangelogFrame>& frames);

 private:
  struct Slot {
    std::uint64_t key_hash;
    std::uint32_t group;
  };
  std::uint32_t group_of(std::uint64_t key_hash);

  std::vector<Slot> slots_;            // a hash table with open addressing
  std::vector<std::uint32_t> groups_;  // of each frame: twice its key's number, one more: put in
  std::vector<std::uint32_t> begins_;  // of each group in `order_`
  std::vector<std::uint32_t> order_;   // indices of frames
};

}  // namespace leat::runtime
