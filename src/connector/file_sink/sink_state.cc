#include "connector/file_sink/sink_state.h"

#include <bit>
#include <cstring>

namespace leat::connector {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr char version = 1;
constexpr char inline_kind = 'i', staged_kind = 's', part_kind = 'p';

void put(std::string& out, std::uint64_t number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}

std::uint64_t number_at(std::string_view bytes, std::size_t index) {
  std::uint64_t number;
  std::memcpy(&number, bytes.data() + 2 + index * sizeof number, sizeof number);
  return number;
}

}  // namespace

std::string encode_sink_state(const SinkState& state) {
  std::string out(1, version);
  if (const auto* kept = std::get_if<InlineState>(&state)) {
    out += inline_kind;
    put(out, kept->length);
    out += kept->pending;
  } else if (const auto* staged = std::get_if<StagedState>(&state)) {
    out += staged_kind;
    put(out, staged->length);
    put(out, staged->staged);
  } else {
    const auto& part = std::get<PartState>(state);
    out += part_kind;
    put(out, part.first_row);
    put(out, part.rows);
    put(out, part.length);
    put(out, static_cast<std::uint64_t>(part.opened_ms));
    put(out, part.sealed ? 1 : 0);
  }
  return out;
}

Result<SinkState> decode_sink_state(std::string_view bytes) {
  const std::size_t numbers = bytes.size() < 2 ? 0 : (bytes.size() - 2) / sizeof(std::uint64_t);
  if (bytes.size() >= 2 && bytes[0] == version) {
    if (bytes[1] == inline_kind && numbers >= 1) {
      return InlineState{number_at(bytes, 0), std::string(bytes.substr(10))};
    }
    if (bytes[1] == staged_kind && numbers == 2) {
      return StagedState{number_at(bytes, 0), number_at(bytes, 1)};
    }
    if (bytes[1] == part_kind && numbers == 5) {
      return PartState{number_at(bytes, 0), number_at(bytes, 1), number_at(bytes, 2),
                       static_cast<std::int64_t>(number_at(bytes, 3)), number_at(bytes, 4) != 0};
    }
  }
  return internal_error("damaged-sink-state",
                        "the state of a file sink in the data directory ({} bytes) can't be read; "
                        "it may have been written by a newer version of Leat",
                        bytes.size());
}

}  // namespace leat::connector
