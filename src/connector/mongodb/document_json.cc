#include "connector/mongodb/document_json.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "format/encoder.h"

namespace leat::connector::mongodb {
namespace {

using format::append_json_string;

template <class Number>
void append_number(Number value, std::string& out) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value);
  out.append(text, end.ptr);
}

void append_date(std::int64_t ms, std::string& out) {
  using namespace std::chrono;
  // Years of four digits: beyond them no ISO 8601 is agreed on, and the number says more.
  constexpr std::int64_t first_ms = -62'167'219'200'000, end_ms = 253'402'300'800'000;
  if (ms < first_ms || ms >= end_ms) return append_number(ms, out);
  const sys_time<milliseconds> time{milliseconds(ms)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  fmt::format_to(std::back_inserter(out), "\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z\"",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                 clock.seconds().count(), clock.subseconds().count());
}

void append_binary(const bson_iter_t& value, std::string& out) {
  bson_subtype_t subtype = BSON_SUBTYPE_BINARY;
  std::uint32_t size = 0;
  const std::uint8_t* data = nullptr;
  bson_iter_binary(&value, &subtype, &size, &data);
  out += '"';
  if (subtype == BSON_SUBTYPE_UUID && size == 16) {
    for (std::uint32_t i = 0; i < size; ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
      fmt::format_to(std::back_inserter(out), "{:02x}", data[i]);
    }
  } else {
    format::append_base64({reinterpret_cast<const char*>(data), size}, out);
  }
  out += '"';
}

void append_decimal(const bson_iter_t& value, std::string& out) {
  bson_decimal128_t decimal;
  bson_iter_decimal128(&value, &decimal);
  char text[BSON_DECIMAL128_STRING];
  bson_decimal128_to_string(&decimal, text);
  const bool finite = std::string_view(text).find_first_of("Nn") == std::string_view::npos;
  out += finite ? text : "null";
}

/// What lies between the brackets; consumes the iterator.
void append_members(bson_iter_t& at, bool named, std::string& out) {
  for (bool first = true; bson_iter_next(&at); first = false) {
    if (!first) out += ',';
    if (named) {
      append_json_string(bson_iter_key(&at), out);
      out += ':';
    }
    append_plain_json(at, out);
  }
}

void append_nested(const bson_iter_t& value, bool named, std::string& out) {
  bson_iter_t inside;
  out += named ? '{' : '[';
  if (bson_iter_recurse(&value, &inside)) append_members(inside, named, out);
  out += named ? '}' : ']';
}

/// Types that JSON has no word for, as text.
void append_rare(const bson_iter_t& value, std::string& out) {
  std::uint32_t size = 0;
  switch (bson_iter_type(&value)) {
    case BSON_TYPE_REGEX: {
      const char* options = nullptr;
      const std::string pattern = bson_iter_regex(&value, &options);
      return append_json_string(fmt::format("/{}/{}", pattern, options), out);
    }
    case BSON_TYPE_CODE: {
      const char* code = bson_iter_code(&value, &size);
      return append_json_string({code, size}, out);
    }
    case BSON_TYPE_SYMBOL: {
      const char* symbol = bson_iter_symbol(&value, &size);
      return append_json_string({symbol, size}, out);
    }
    case BSON_TYPE_CODEWSCOPE: {
      std::uint32_t scope_size = 0;
      const std::uint8_t* scope = nullptr;
      const char* code = bson_iter_codewscope(&value, &size, &scope_size, &scope);
      return append_json_string({code, size}, out);
    }
    case BSON_TYPE_MINKEY:
      return append_json_string("$minKey", out);
    case BSON_TYPE_MAXKEY:
      return append_json_string("$maxKey", out);
    default:
      out += "null";
  }
}

}  // namespace

void append_plain_json(const bson_iter_t& value, std::string& out) {
  switch (bson_iter_type(&value)) {
    case BSON_TYPE_DOUBLE: {
      const double number = bson_iter_double(&value);
      return std::isfinite(number) ? append_number(number, out) : void(out += "null");
    }
    case BSON_TYPE_UTF8: {
      std::uint32_t size = 0;
      const char* text = bson_iter_utf8(&value, &size);
      return append_json_string({text, size}, out);
    }
    case BSON_TYPE_DOCUMENT:
      return append_nested(value, true, out);
    case BSON_TYPE_ARRAY:
      return append_nested(value, false, out);
    case BSON_TYPE_BINARY:
      return append_binary(value, out);
    case BSON_TYPE_OID:
    case BSON_TYPE_DBPOINTER: {
      char text[25];
      const bson_oid_t* id = bson_iter_oid(&value);
      if (id == nullptr) return void(out += "null");
      bson_oid_to_string(id, text);
      return append_json_string(text, out);
    }
    case BSON_TYPE_BOOL:
      out += bson_iter_bool(&value) ? "true" : "false";
      return;
    case BSON_TYPE_DATE_TIME:
      return append_date(bson_iter_date_time(&value), out);
    case BSON_TYPE_INT32:
      return append_number(bson_iter_int32(&value), out);
    case BSON_TYPE_INT64:
      return append_number(bson_iter_int64(&value), out);
    case BSON_TYPE_TIMESTAMP: {
      std::uint32_t seconds = 0, count = 0;
      bson_iter_timestamp(&value, &seconds, &count);
      fmt::format_to(std::back_inserter(out), "{{\"t\":{},\"i\":{}}}", seconds, count);
      return;
    }
    case BSON_TYPE_DECIMAL128:
      return append_decimal(value, out);
    default:
      append_rare(value, out);
  }
}

void append_plain_json(const bson_t& document, std::string& out) {
  bson_iter_t at;
  out += '{';
  if (bson_iter_init(&at, &document)) append_members(at, true, out);
  out += '}';
}

void append_extended_json(const bson_t& document, std::string& out) {
  char* json = bson_as_relaxed_extended_json(&document, nullptr);
  out += json == nullptr ? "null" : json;
  bson_free(json);
}

}  // namespace leat::connector::mongodb
