// Any bytes as what a server sends: whole messages or a reason, the same however they are cut, and
// no more memory than that.
#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "connector/cassandra/response.h"

namespace {

using namespace leat;
using namespace leat::connector::cql;

struct Seen {
  std::vector<std::string> bodies;
  bool failed = false;
  bool operator==(const Seen&) const = default;
};

Seen read(std::string_view bytes, Framing framing, bool segments, std::size_t piece) {
  FrameReader reader(framing);
  if (segments) reader.start_segments();
  Seen seen;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const std::string_view part = bytes.substr(at, piece);
    std::ranges::copy(part, reader.room(part.size()).begin());
    reader.received(part.size());
    while (true) {
      const auto envelope = reader.next();
      seen.failed = !envelope;
      if (seen.failed) return seen;
      if (!*envelope) break;
      seen.bodies.emplace_back((*envelope)->body);
      const auto response = read_response(**envelope);
      if (!response) continue;
      if (const auto* rows = std::get_if<Rows>(&response->message)) {
        for (std::size_t row = 0; row < rows->size(); ++row) {
          for (std::size_t i = 0; i < rows->metadata.column_count; ++i) {
            LEAT_CHECK(rows->text(row, i).size() <= (*envelope)->body.size());
          }
        }
      }
    }
  }
  return seen;
}

/// The bytes as the payload of segments whose checksums are right, so that what lies behind them is
/// reached, too.
std::string in_segments(std::string_view bytes, Framing framing) {
  FrameWriter writer(framing);
  writer.start_segments();
  std::string& out = writer.begin(Opcode::query, 1);
  out.clear();
  out += bytes;
  out.resize(std::max<std::size_t>(out.size(), envelope_header_bytes));
  writer.end();
  return std::string(writer.output());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Framing framing{.version = static_cast<std::uint8_t>((data[0] & 1) != 0 ? 5 : 4),
                        .lz4 = (data[0] & 2) != 0};
  const bool segments = framing.version == 5 && (data[0] & 4) != 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (segments && (data[0] & 8) != 0) bytes = in_segments(bytes, framing);
  const Seen whole = read(bytes, framing, segments, bytes.size());
  LEAT_CHECK(whole == read(bytes, framing, segments, 7));
  return 0;
}
