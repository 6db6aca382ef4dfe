#include "format/json_body.h"

#include <algorithm>

#include "format/json_pointer.h"

namespace leat::format {
namespace {

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

Status JsonBody::check(std::string_view body) {
  if (is_blank(body)) {
    return user_error("body-empty",
                      "the body is empty; send a JSON value, an array of them, or one "
                      "a line");
  }
  std::size_t at = 0;
  if (!text_.index(body) || !text_.check(at) || !text_.check_end(at)) {
    return user_error("body-malformed", "{}", text_.fault());
  }
  return {};
}

Status JsonBody::records(std::string_view body, Form form, std::vector<std::string_view>& records) {
  if (form == Form::ndjson) return lines(body, records);
  LEAT_TRY(check(body));
  elements(0, records);
  return {};
}

Status JsonBody::lines(std::string_view body, std::vector<std::string_view>& records) {
  const std::size_t before = records.size();
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < body.size();) {
    const std::size_t end = std::min(body.find('\n', begin), body.size());
    const std::string_view record = body.substr(begin, end - begin);
    ++line;
    if (!is_blank(record)) {
      std::size_t at = 0;
      if (!text_.index(record) || !text_.check(at) || !text_.check_end(at)) {
        return user_error("body-malformed", "line {}: {}", line, text_.fault());
      }
      records.push_back(text_.raw(0, at));
    }
    begin = end + 1;
  }
  if (records.size() == before) return check({});
  return {};
}

void JsonBody::elements(std::size_t at, std::vector<std::string_view>& records) {
  std::size_t begin = at;
  if (text_.byte(at) != '[') {
    text_.skip(at);
    records.push_back(text_.raw(begin, at));
    return;
  }
  ++at;
  while (text_.byte(at) != ']') {
    if (text_.byte(at) == ',') ++at;
    begin = at;
    text_.skip(at);
    records.push_back(text_.raw(begin, at));
  }
}

std::optional<std::size_t> JsonBody::step(std::size_t at, const std::string& token) {
  std::optional<std::size_t> found;
  const char open = text_.byte(at);
  if (open == '[') {
    const auto wanted = array_index(token);
    if (!wanted) return found;
    ++at;
    for (std::size_t i = 0; text_.byte(at) != ']'; ++i) {
      if (text_.byte(at) == ',') ++at;
      if (i == *wanted) return at;
      text_.skip(at);
    }
  } else if (open == '{') {
    ++at;
    while (text_.byte(at) != '}') {
      if (text_.byte(at) == ',') ++at;
      const std::string_view raw = text_.string(at);
      std::string name(raw.size(), '\0');
      std::size_t written = 0;
      if (unescape_json(raw, name.data(), written) == nullptr) name.resize(written);
      at += 2;
      // Of a name that comes twice the last one counts, as in decoding.
      if (name == token) found = at;
      text_.skip(at);
    }
  }
  return found;
}

Result<std::optional<std::size_t>> JsonBody::find(std::string_view pointer) {
  std::optional<std::size_t> at = 0;
  for (const std::string& token : LEAT_TRY(parse_json_pointer(pointer))) {
    if (at) at = step(*at, token);
  }
  return at;
}

Status JsonBody::extract_records(std::string_view body, std::string_view pointer,
                                 std::vector<std::string_view>& records) {
  LEAT_TRY(check(body));
  const std::optional<std::size_t> at = LEAT_TRY(find(pointer));
  if (!at) {
    return user_error("pointer-missing",
                      "the answer has nothing at {}; set the JSON pointer to where its records are",
                      pointer);
  }
  elements(*at, records);
  return {};
}

Result<std::optional<std::string>> JsonBody::text_at(std::string_view body,
                                                     std::string_view pointer) {
  LEAT_TRY(check(body));
  const std::optional<std::size_t> at = LEAT_TRY(find(pointer));
  if (!at || text_.is_null(*at)) return std::nullopt;
  if (text_.byte(*at) == '"') {
    const std::string_view raw = text_.string(*at);
    std::string text(raw.size(), '\0');
    std::size_t written = 0;
    if (unescape_json(raw, text.data(), written) == nullptr) text.resize(written);
    return text;
  }
  std::size_t next = *at;
  text_.skip(next);
  return std::string(text_.raw(*at, next));
}

Result<std::optional<std::string_view>> JsonBody::raw_at(std::string_view body,
                                                         std::string_view pointer) {
  LEAT_TRY(check(body));
  const std::optional<std::size_t> at = LEAT_TRY(find(pointer));
  if (!at) return std::nullopt;
  std::size_t next = *at;
  text_.skip(next);
  return text_.raw(*at, next);
}

}  // namespace leat::format
