#include "connector/mongodb/index_plan.h"

#include <array>

#include <algorithm>

namespace leat::connector::mongodb {
namespace {

constexpr std::array<std::string_view, 4> kinds = {"2dsphere", "2d", "hashed", "text"};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    const std::size_t size = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return words;
}

std::unexpected<Error> bad_index(std::string_view text, std::string_view why) {
  return user_error("bad-index",
                    "`indexes`: \"{}\": {}; write fields with commas between, each with - in front "
                    "to sort downwards or :2dsphere, :2d, :hashed or :text behind it, and `unique` "
                    "or `sparse` at the end, as in \"country, -registered unique\"",
                    text, why);
}

}  // namespace

std::string IndexPlan::name() const {
  std::string name;
  for (const Field& field : fields) {
    if (!name.empty()) name += '_';
    name += field.name;
    name += '_';
    name += field.kind.empty() ? std::to_string(field.direction) : field.kind;
  }
  return name;
}

Result<IndexPlan> read_index_plan(std::string_view text) {
  IndexPlan plan;
  for (std::string_view rest = text;;) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::vector<std::string_view> words = words_of(rest.substr(0, comma));
    const bool last = comma == rest.size();
    for (; words.size() > 1 && last; words.pop_back()) {
      if (words.back() == "unique") {
        plan.unique = true;
      } else if (words.back() == "sparse") {
        plan.sparse = true;
      } else {
        break;
      }
    }
    if (words.size() != 1) return bad_index(text, "a field's name is expected");
    IndexPlan::Field field;
    std::string_view name = words[0];
    if (name.starts_with('-')) {
      field.direction = -1;
      name.remove_prefix(1);
    }
    if (const std::size_t colon = name.rfind(':'); colon != std::string_view::npos) {
      field.kind = name.substr(colon + 1);
      name = name.substr(0, colon);
      if (std::ranges::find(kinds, field.kind) == kinds.end()) {
        return bad_index(text, "there is no such kind of index");
      }
    }
    if (name.empty() || name.starts_with('$')) return bad_index(text, "a field's name is expected");
    field.name = name;
    plan.fields.push_back(std::move(field));
    if (last) return plan;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace leat::connector::mongodb
