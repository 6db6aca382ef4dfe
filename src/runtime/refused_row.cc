#include "runtime/refused_row.h"

namespace leat::runtime {
namespace {

/// A row that is longer, as JSON, is cut in its letter.
constexpr std::size_t row_bytes_max = 1u << 20;

}  // namespace

void append_letter_member(std::string_view name, std::string_view text, std::string& out) {
  out += fmt::format(",\"{}\":", name);
  format::append_json_string(text, out);
}

void append_letter_row(const format::RowEncoder& encoder, const Chunk& rows, std::size_t row,
                       std::string& out) {
  out += ",\"row\":";
  const std::size_t begin = out.size();
  encoder.append_json_object(rows, row, out);
  const std::size_t bytes = out.size() - begin;
  if (bytes <= row_bytes_max) return;
  // A letter must fit into a record; what the row was made of is still whole.
  std::string text = out.substr(begin, row_bytes_max);
  while (!text.empty() && (text.back() & 0xC0) == 0x80) text.pop_back();
  if (!text.empty() && (text.back() & 0x80) != 0) text.pop_back();
  out.resize(begin);
  out += "null";
  append_letter_member("row_text", text, out);
  out += fmt::format(",\"row_bytes\":{}", bytes);
}

std::string refused_row_json(const RefusedBySink& refused, const format::RowEncoder& encoder,
                             const Chunk& rows, std::size_t row) {
  std::string out = R"({"stage":"sink")";
  append_letter_member("sink", refused.sink, out);
  append_letter_member("from", refused.from, out);
  append_letter_member("reason", refused.reason, out);
  append_letter_member("topic", refused.topic, out);
  out += fmt::format(",\"partition\":\"{}\",\"offset\":{},\"weight\":{}", refused.partition,
                     refused.offset, refused.weight);
  append_letter_row(encoder, rows, row, out);
  out += '}';
  return out;
}

}  // namespace leat::runtime
