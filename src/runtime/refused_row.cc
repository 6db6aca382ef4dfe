#include "runtime/refused_row.h"

namespace leat::runtime {
namespace {

/// A row that is longer, as JSON, is cut in its letter.
constexpr std::size_t row_bytes_max = 1u << 20;

}  // namespace

std::string refused_row_json(const RefusedBySink& refused, const format::RowEncoder& encoder,
                             const Chunk& rows, std::size_t row) {
  std::string out = R"({"stage":"sink")";
  const auto member = [&](std::string_view name, std::string_view text) {
    out += fmt::format(",\"{}\":", name);
    format::append_json_string(text, out);
  };
  member("sink", refused.sink);
  member("from", refused.from);
  member("reason", refused.reason);
  member("topic", refused.topic);
  out +=
      fmt::format(",\"partition\":\"{}\",\"offset\":{},\"weight\":{},\"row\":", refused.partition,
                  refused.offset, refused.weight);
  const std::size_t begin = out.size();
  encoder.append_json_object(rows, row, out);
  if (const std::size_t bytes = out.size() - begin; bytes > row_bytes_max) {
    // A letter must fit into a record; the changelog or topic still has the row whole.
    std::string text = out.substr(begin, row_bytes_max);
    while (!text.empty() && (text.back() & 0xC0) == 0x80) text.pop_back();
    if (!text.empty() && (text.back() & 0x80) != 0) text.pop_back();
    out.resize(begin);
    out += "null";
    member("row_text", text);
    out += fmt::format(",\"row_bytes\":{}", bytes);
  }
  out += '}';
  return out;
}

}  // namespace leat::runtime
