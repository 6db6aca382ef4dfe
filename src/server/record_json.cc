#include "server/record_json.h"

#include <iterator>

#include <openssl/evp.h>
#include <simdjson.h>
#include <nlohmann/json.hpp>

#include "format/encoder.h"
#include "log/record_batch.h"
#include "server/timestamp_text.h"

namespace leat::server {
namespace {

/// A longer value isn't shown, and a deeper one is shown as text: readers of JSON give up on it.
constexpr std::size_t value_bytes_max = 1 << 20;
constexpr int value_depth_max = 256;

bool is_utf8(std::string_view bytes) { return simdjson::validate_utf8(bytes.data(), bytes.size()); }

bool is_shallow(std::string_view json) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > value_depth_max) return false;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return true;
}

bool is_showable_json(std::string_view value) {
  return is_shallow(value) && nlohmann::json::accept(value.begin(), value.end());
}

/// `name` with the bytes as text, or `name_base64`.
void append_bytes(std::string_view name, std::string_view bytes, std::string& out) {
  if (is_utf8(bytes)) {
    fmt::format_to(std::back_inserter(out), R"("{}":)", name);
    format::append_json_string(bytes, out);
  } else {
    fmt::format_to(std::back_inserter(out), R"("{}_base64":"{}")", name, base64_of(bytes));
  }
}

void append_headers(std::string_view encoded, std::string& out) {
  out += '{';
  const auto headers = log::parse_headers(encoded);
  for (std::size_t i = 0; headers && i < headers->size(); ++i) {
    const auto& [name, value] = (*headers)[i];
    if (i > 0) out += ',';
    format::append_json_string(name, out);
    out += ':';
    if (value.data() == nullptr) {
      out += "null";
    } else if (is_utf8(value)) {
      format::append_json_string(value, out);
    } else {
      fmt::format_to(std::back_inserter(out), R"({{"base64":"{}"}})", base64_of(value));
    }
  }
  out += '}';
}

}  // namespace

std::string base64_of(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

void append_record_json(Partition partition, const Record& record, std::string& out) {
  fmt::format_to(std::back_inserter(out), R"({{"partition":{},"offset":{},"timestamp":"{}",)",
                 partition, record.offset, timestamp_text(record.timestamp));
  if (record.has_key) {
    append_bytes("key", record.key, out);
  } else {
    out += R"("key":null)";
  }
  out += R"(,"headers":)";
  append_headers(record.headers, out);
  out += ',';
  if (record.value.data() == nullptr) {
    out += R"("value":null,"tombstone":true)";
  } else if (record.value.size() > value_bytes_max) {
    fmt::format_to(std::back_inserter(out), R"("value_bytes":{})", record.value.size());
  } else if (is_showable_json(record.value)) {
    out += R"("value":)";
    out += record.value;
  } else if (is_utf8(record.value)) {
    out += R"("value_text":)";
    format::append_json_string(record.value, out);
  } else {
    append_bytes("value", record.value, out);
  }
  out += '}';
}

}  // namespace leat::server
