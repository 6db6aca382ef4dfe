#include "connector/random_user/mock_answer.h"

#include <charconv>
#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "connector/random.h"
#include "connector/random_user/nationality.h"
#include "connector/random_user/users.h"
#include "format/encoder.h"

namespace leat::connector {
namespace {

using Parameters = std::map<std::string, std::string, std::less<>>;

std::string decode_percent(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, byte, 16).ptr == &text[i + 1] + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

std::string encode_percent(std::string_view text) {
  std::string encoded;
  for (const char letter : text) {
    const bool plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= '0' && letter <= '9') ||
                       std::string_view("-._~,").find(letter) != std::string_view::npos;
    if (plain) {
      encoded += letter;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return encoded;
}

Parameters parse_query(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query = query.substr(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(part.find('='), part.size());
    if (equals == 0) continue;
    parameters.insert_or_assign(
        decode_percent(part.substr(0, equals)),
        equals < part.size() ? decode_percent(part.substr(equals + 1)) : std::string());
  }
  return parameters;
}

Result<std::uint64_t> whole_number(const Parameters& parameters, std::string_view name,
                                   std::uint64_t otherwise, std::uint64_t max) {
  const auto found = parameters.find(name);
  if (found == parameters.end() || found->second.empty()) return otherwise;
  const std::string& text = found->second;
  std::uint64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value < 1 || value > max) {
    return user_error("bad-parameter", "{} must be a whole number from 1 to {}", name, max);
  }
  return value;
}

/// Calls `each` with the items of a comma-separated list, until it fails.
template <class Each>
Status for_each_item(std::string_view list, Each each) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, end);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    list.remove_prefix(std::min(end + 1, list.size()));
    if (item.empty()) continue;
    if (Status status = each(item); !status) return status;
  }
  return {};
}

Result<std::uint32_t> field_bits(std::string_view list) {
  std::uint32_t bits = 0;
  LEAT_TRY(for_each_item(list, [&](std::string_view name) -> Status {
    const auto bit = user_field_bit(name);
    if (!bit) return user_error("bad-parameter", "there is no field \"{}\"", name);
    bits |= *bit;
    return {};
  }));
  return bits;
}

struct Request {
  UserRecipe recipe;
  std::string seed;
  std::uint64_t results = 1;
  std::uint64_t page = 1;
  std::uint64_t pages = 0;  ///< 0: not paged
};

constexpr std::string_view cursor_prefix = "page-";
constexpr std::uint64_t page_max = 1'000'000'000;

Result<UserRecipe> parse_recipe(const Parameters& parameters) {
  const auto text = [&](std::string_view name) -> std::string_view {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string_view() : found->second;
  };
  UserRecipe recipe;
  LEAT_TRY(for_each_item(text("nat"), [&](std::string_view code) -> Status {
    const auto found = find_nationality(code);
    if (!found) return user_error("bad-parameter", "there is no nationality \"{}\"", code);
    recipe.nationalities.push_back(*found);
    return {};
  }));
  if (const auto gender = text("gender"); gender == "female" || gender == "male") {
    recipe.women = gender == "female";
  } else if (!gender.empty()) {
    return user_error("bad-parameter", "gender must be male or female, not \"{}\"", gender);
  }
  if (!text("inc").empty()) recipe.fields = LEAT_TRY(field_bits(text("inc")));
  recipe.fields &= ~LEAT_TRY(field_bits(text("exc")));
  return recipe;
}

Result<Request> parse_request(const Parameters& parameters, std::string_view fresh_seed) {
  Request request;
  request.recipe = LEAT_TRY(parse_recipe(parameters));
  request.results = LEAT_TRY(whole_number(parameters, "results", 1, mock_results_max));
  request.pages = LEAT_TRY(whole_number(parameters, "pages", 0, page_max));
  request.page = LEAT_TRY(whole_number(parameters, "page", 1, page_max));
  if (const auto cursor = parameters.find("cursor");
      cursor != parameters.end() && !cursor->second.empty()) {
    if (!cursor->second.starts_with(cursor_prefix)) {
      return user_error("bad-parameter", "cursor must be what info.next gave");
    }
    const Parameters inner{{"page", cursor->second.substr(cursor_prefix.size())}};
    request.page = LEAT_TRY(whole_number(inner, "page", 1, page_max));
  }
  const auto seed = parameters.find("seed");
  request.seed =
      seed != parameters.end() && !seed->second.empty() ? seed->second : std::string(fresh_seed);
  request.recipe.seed = seed_of(request.seed);
  return request;
}

/// The address of the next page: this request's parameters with another page.
std::string next_address(std::string_view origin, std::string_view path,
                         const Parameters& parameters, const Request& request) {
  std::string address = fmt::format("{}{}?", origin, path);
  for (const auto& [name, value] : parameters) {
    if (name == "page" || name == "cursor" || name == "seed") continue;
    address += fmt::format("{}={}&", encode_percent(name), encode_percent(value));
  }
  return address + fmt::format("page={}&seed={}", request.page + 1, encode_percent(request.seed));
}

}  // namespace

MockAnswer mock_error(unsigned status, std::string_view message) {
  MockAnswer answer;
  answer.status = status;
  answer.body = R"({"error":)";
  format::append_json_string(message, answer.body);
  answer.body += "}";
  return answer;
}

MockAnswer answer_random_user(std::string_view target, std::string_view fresh_seed,
                              std::string_view origin) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, mark);
  if (path != "/api" && path != "/api/" && path != "/api/1.4" && path != "/api/1.4/") {
    return mock_error(404, "nothing here; ask for /api/?results=10");
  }
  const Parameters parameters =
      parse_query(mark < target.size() ? target.substr(mark + 1) : std::string_view());
  const Result<Request> request = parse_request(parameters, fresh_seed);
  if (!request) return mock_error(400, request.error().message);

  MockAnswer answer;
  const bool past_the_end = request->pages > 0 && request->page > request->pages;
  const std::uint64_t results = past_the_end ? 0 : request->results;
  answer.body.reserve(results * 1400 + 256);
  answer.body = R"({"results":[)";
  for (std::uint64_t i = 0; i < results; ++i) {
    if (i > 0) answer.body += ',';
    append_user(request->recipe, (request->page - 1) * request->results + i, answer.body);
  }
  answer.body += R"(],"info":{"seed":)";
  format::append_json_string(request->seed, answer.body);
  answer.body += fmt::format(R"(,"results":{},"page":{},"version":"1.4")", results, request->page);
  if (request->pages > 0) {
    if (request->page < request->pages) {
      answer.body += fmt::format(R"(,"next":"{}{}")", cursor_prefix, request->page + 1);
      answer.header.emplace_back(
          "Link",
          fmt::format("<{}>; rel=\"next\"", next_address(origin, path, parameters, *request)));
    } else {
      answer.body += R"(,"next":null)";
    }
  }
  answer.body += "}}";
  return answer;
}

}  // namespace leat::connector
