#include "connector/kafka/record_headers.h"

namespace leat::connector::kafka {
namespace {

void append_varint(std::int64_t value, std::string& out) {
  auto bits = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
  while (bits >= 0x80) {
    out += static_cast<char>(bits | 0x80);
    bits >>= 7;
  }
  out += static_cast<char>(bits);
}

std::optional<std::int64_t> take_varint(std::string_view& bytes) {
  std::uint64_t bits = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    bits |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) {
      return static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
    }
  }
  return std::nullopt;
}

std::optional<std::string_view> take_text(std::string_view& bytes, std::int64_t length) {
  if (length < 0 || static_cast<std::uint64_t>(length) > bytes.size()) return std::nullopt;
  const std::string_view text = bytes.substr(0, static_cast<std::size_t>(length));
  bytes.remove_prefix(text.size());
  return text;
}

}  // namespace

void append_headers(const std::vector<RecordHeader>& headers, std::string& out) {
  if (headers.empty()) return;
  append_varint(static_cast<std::int64_t>(headers.size()), out);
  for (const RecordHeader& header : headers) {
    append_varint(static_cast<std::int64_t>(header.name.size()), out);
    out += header.name;
    append_varint(header.value ? static_cast<std::int64_t>(header.value->size()) : -1, out);
    if (header.value) out += *header.value;
  }
}

bool parse_headers(std::string_view encoded, std::vector<RecordHeader>& out) {
  out.clear();
  if (encoded.empty()) return true;
  const auto count = take_varint(encoded);
  if (!count || *count < 0) return false;
  for (std::int64_t i = 0; i < *count; ++i) {
    const auto name_length = take_varint(encoded);
    const auto name = name_length ? take_text(encoded, *name_length) : std::nullopt;
    const auto value_length = name ? take_varint(encoded) : std::nullopt;
    if (!value_length) return false;
    RecordHeader header{*name, std::nullopt};
    if (*value_length != -1) {
      header.value = take_text(encoded, *value_length);
      if (!header.value) return false;
    }
    out.push_back(header);
  }
  return encoded.empty();
}

}  // namespace leat::connector::kafka
