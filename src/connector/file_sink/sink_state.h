#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"

namespace leat::connector {

/// A single file: `length` bytes are right, then comes `pending`.
struct InlineState {
  std::uint64_t length = 0;
  std::string pending;
};

/// A single file: `length` bytes are right, then come the `staged` bytes of the staging file.
struct StagedState {
  std::uint64_t length = 0;
  std::uint64_t staged = 0;
};

/// A directory: its open part, or the one that this commit finished.
struct PartState {
  std::uint64_t first_row = 0;  ///< position of the part's first row, in its name
  std::uint64_t rows = 0;
  std::uint64_t length = 0;    ///< bytes; 0: there is no open part, the next begins at `first_row`
  std::int64_t opened_ms = 0;  ///< wall clock
  bool sealed = false;         ///< it is finished and gets its final name
};

/// What a commit holds of a file sink; its bytes are in docs/formats/file_sink.md.
using SinkState = std::variant<InlineState, StagedState, PartState>;

std::string encode_sink_state(const SinkState& state);
/// Error `damaged-sink-state` (internal).
Result<SinkState> decode_sink_state(std::string_view bytes);

}  // namespace leat::connector
