#pragma once

#include <string>

#include "base/ids.h"
#include "format/encoder.h"

namespace leat::runtime {

/// Partition of the topic `dead_letters` that has what sinks in other systems refused. It is not
/// cut back to the last commit: sinks move on their own.
inline constexpr Partition sink_letters_partition{1};

/// A row that a sink's system refuses for good, and where it stands in the log.
struct RefusedBySink {
  const std::string& sink;
  const std::string& from;
  const std::string& topic;
  Partition partition;
  Offset offset;
  std::int64_t weight = 1;
  const std::string& reason;
};

/// Appends a member of a dead letter; and `row`, the row's columns as an object, cut where it is
/// long.
void append_letter_member(std::string_view name, std::string_view text, std::string& out);
void append_letter_row(const format::RowEncoder& encoder, const Chunk& rows, std::size_t row,
                       std::string& out);

/// Its dead letter: docs/formats/dead_letters.md.
std::string refused_row_json(const RefusedBySink& refused, const format::RowEncoder& encoder,
                             const Chunk& rows, std::size_t row);

}  // namespace leat::runtime
