#include "format/json_pointer.h"

#include <algorithm>
#include <charconv>

namespace leat::format {
namespace {

/// Nothing: a "~" that is no escape.
std::optional<std::string> unescape_token(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~') {
      out += token[i];
      continue;
    }
    ++i;
    if (i == token.size() || (token[i] != '0' && token[i] != '1')) return std::nullopt;
    out += token[i] == '1' ? '/' : '~';
  }
  return out;
}

}  // namespace

Result<std::vector<std::string>> parse_json_pointer(std::string_view pointer) {
  std::vector<std::string> tokens;
  if (!pointer.empty() && pointer.front() != '/') {
    return user_error("json-pointer", "the JSON pointer \"{}\" must begin with \"/\"", pointer);
  }
  for (std::string_view rest = pointer; !rest.empty();) {
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    auto token = unescape_token(rest.substr(0, end));
    if (!token) {
      return user_error("json-pointer",
                        "in the JSON pointer \"{}\" a \"~\" is written ~0, and a \"/\" in a name "
                        "~1",
                        pointer);
    }
    tokens.push_back(std::move(*token));
    rest.remove_prefix(end);
  }
  return tokens;
}

std::optional<std::size_t> array_index(std::string_view token) {
  std::size_t index = 0;
  const char* const end = token.data() + token.size();
  const auto [stop, error] = std::from_chars(token.data(), end, index);
  if (error != std::errc() || stop != end) return std::nullopt;
  if (token.size() > 1 && token.front() == '0') return std::nullopt;
  return index;
}

}  // namespace leat::format
