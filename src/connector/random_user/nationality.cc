#include "connector/random_user/nationality.h"

#include <algorithm>

#include "connector/random_user/transliterate.h"

namespace leat::connector {
namespace {

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> items;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    items.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

std::vector<Name> split_names(std::string_view list) {
  std::vector<Name> names;
  for (const std::string_view text : split(list)) names.push_back({text, to_ascii_letters(text)});
  return names;
}

std::vector<Nationality> make_nationalities() {
  std::vector<Nationality> all;
  for (const auto region : {american_nationalities(), asian_and_pacific_nationalities(),
                            northern_european_nationalities(), western_european_nationalities(),
                            eastern_european_nationalities()}) {
    for (const NationalityText& text : region) {
      all.push_back({text, split_names(text.men), split_names(text.women),
                     split_names(text.last_names), split(text.streets), split(text.cities),
                     split(text.states)});
    }
  }
  std::ranges::sort(all, {}, [](const Nationality& one) { return one.text.code; });
  return all;
}

}  // namespace

std::span<const Nationality> nationalities() {
  static const std::vector<Nationality> all = make_nationalities();
  return all;
}

std::optional<std::size_t> find_nationality(std::string_view code) {
  const auto upper = [](char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
  };
  const auto all = nationalities();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::ranges::equal(code, all[i].text.code, {}, upper)) return i;
  }
  return std::nullopt;
}

}  // namespace leat::connector
