#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "log/topics.h"
#include "model/slice.h"

namespace leat::runtime {

/// Name of the topic that everything refused goes to.
inline constexpr const char* dead_letters_topic = "dead_letters";

/// Where on its way a record or row was refused.
enum class Stage { decode, select, expect, future, late, view, sink };

/// One refused record, with why. `record` indexes the slice it came with.
struct DeadLetter {
  std::uint32_t record = 0;
  Stage stage = Stage::decode;
  std::string stream;
  std::string view;    ///< for `late` and `view`
  std::string column;  ///< for `decode`, where one is to blame; the expectation's name for `expect`
  std::string reason;
  std::uint32_t windows_closed = 0;  ///< for `late`: windows of the row that had closed
  std::uint32_t windows_open = 0;    ///< and those that it counts in
};

/// The refused record as JSON (docs/formats/dead_letters.md): what was refused, why, where it came
/// from, and its own bytes.
std::string dead_letter_json(const DeadLetter& letter, const Record& record,
                             const std::string& topic, const std::string& partition);

/// Appends letters to the topic, unsynced.
Status append_letters(log::PartitionLog& log, std::span<const std::string> letters);

/// Appends the letters of one slice to the topic, unsynced: the commit makes them durable together
/// with everything else.
Status write_dead_letters(log::PartitionLog& log, const std::vector<DeadLetter>& letters,
                          const Slice& slice, const std::string& topic,
                          const std::string& partition);

}  // namespace leat::runtime
