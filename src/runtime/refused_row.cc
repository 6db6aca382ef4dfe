#include "runtime/refused_row.h"

namespace leat::runtime {

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
  encoder.append_json_object(rows, row, out);
  out += '}';
  return out;
}

}  // namespace leat::runtime
