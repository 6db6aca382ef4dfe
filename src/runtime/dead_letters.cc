#include "runtime/dead_letters.h"

#include <algorithm>

#include <sodium.h>

#include "format/encoder.h"

namespace leat::runtime {
namespace {

/// A record longer than this is cut in its dead letter; the topic still has it whole.
constexpr std::size_t letter_value_bytes_max = 1u << 20;
/// Letters written in one record batch.
constexpr std::size_t letters_per_batch = 256;

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::decode:
      return "decode";
    case Stage::select:
      return "select";
    case Stage::expect:
      return "expect";
    case Stage::future:
      return "future";
    case Stage::late:
      return "late";
    case Stage::view:
      return "view";
    case Stage::sink:
      return "sink";
  }
  return "";
}

/// Length of the UTF-8 sequence at the text's start; 0 when it is not one.
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const std::size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : byte(0) >= 0xC2 ? 2 : 0;
  if (length == 0 || byte(0) > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xF0 && byte(1) < 0x90);
  const bool beyond = (byte(0) == 0xED && byte(1) > 0x9F) || (byte(0) == 0xF4 && byte(1) > 0x8F);
  return overlong || beyond ? 0 : length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void append_member(std::string_view name, std::string_view text, std::string& out) {
  out += ",\"";
  out += name;
  out += "\":";
  format::append_json_string(text, out);
}

/// Text where it is text, else base64; nothing for a tombstone.
void append_bytes(std::string_view name, std::string_view bytes, std::string& out) {
  if (bytes.data() == nullptr) return;
  if (is_utf8(bytes)) return append_member(name, bytes, out);
  std::string base64(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(base64.data(), base64.size(),
                    reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  base64.resize(base64.size() - 1);  // its terminating NUL
  append_member(fmt::format("{}_base64", name), base64, out);
}

}  // namespace

std::string dead_letter_json(const DeadLetter& letter, const Record& record,
                             const std::string& topic, const std::string& partition) {
  std::string out = fmt::format("{{\"stage\":\"{}\"", name_of(letter.stage));
  append_member("stream", letter.stream, out);
  if (!letter.view.empty()) append_member("view", letter.view, out);
  if (!letter.column.empty()) {
    append_member(letter.stage == Stage::expect ? "expectation" : "column", letter.column, out);
  }
  append_member("reason", letter.reason, out);
  if (letter.windows_closed > 0) {
    out += fmt::format(",\"windows_closed\":{},\"windows_open\":{}", letter.windows_closed,
                       letter.windows_open);
  }
  append_member("topic", topic, out);
  append_member("partition", partition, out);
  out += fmt::format(",\"offset\":{},\"timestamp\":{}", record.offset, record.timestamp);
  if (record.has_key) append_bytes("key", record.key, out);
  append_bytes("value", record.value.substr(0, letter_value_bytes_max), out);
  if (record.value.size() > letter_value_bytes_max) {
    out += fmt::format(",\"value_bytes\":{}", record.value.size());
  }
  out += '}';
  return out;
}

Status append_letters(log::PartitionLog& log, std::span<const std::string> letters) {
  std::vector<log::NewRecord> records;
  for (const std::string& letter : letters) {
    records.push_back({.value = letter});
    if (records.size() < letters_per_batch) continue;
    LEAT_TRY(log.append(records, std::nullopt));
    records.clear();
  }
  if (!records.empty()) LEAT_TRY(log.append(records, std::nullopt));
  return {};
}

Status write_dead_letters(log::PartitionLog& log, const std::vector<DeadLetter>& letters,
                          const Slice& slice, const std::string& topic,
                          const std::string& partition) {
  for (std::size_t begin = 0; begin < letters.size(); begin += letters_per_batch) {
    const std::size_t end = std::min(begin + letters_per_batch, letters.size());
    std::vector<std::string> values;
    for (std::size_t i = begin; i < end; ++i) {
      const Record& record = slice.records[letters[i].record];
      values.push_back(dead_letter_json(letters[i], record, topic, partition));
    }
    LEAT_TRY(append_letters(log, values));
  }
  return {};
}

}  // namespace leat::runtime
