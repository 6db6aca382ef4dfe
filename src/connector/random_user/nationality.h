#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace leat::connector {

/// What users of one nationality are made from, as it is written in this folder: lists are
/// separated by commas. In patterns `#` is a digit, `@` a digit other than 0, `?` a capital letter.
struct NationalityText {
  std::string_view code;     ///< ISO 3166-1, two letters
  std::string_view country;  ///< in English, as the public API has it
  std::string_view postcode;
  bool postcode_is_number;
  std::string_view phone;
  std::string_view cell;
  std::string_view id_name;   ///< of the national number; empty where the API has none
  std::string_view id_value;  ///< pattern
  std::string_view men;
  std::string_view women;
  std::string_view last_names;
  std::string_view streets;
  std::string_view cities;
  std::string_view states;
};

/// A name and what it becomes in an e-mail address: lower case ASCII letters.
struct Name {
  std::string_view text;
  std::string ascii;
};

/// A nationality, ready to draw from. Lives as long as the process.
struct Nationality {
  NationalityText text;
  std::vector<Name> men;
  std::vector<Name> women;
  std::vector<Name> last_names;
  std::vector<std::string_view> streets;
  std::vector<std::string_view> cities;
  std::vector<std::string_view> states;
};

/// All of them, by code. Made at the first call; thread-safe.
std::span<const Nationality> nationalities();
/// Index of the nationality with this code, in either case.
std::optional<std::size_t> find_nationality(std::string_view code);

std::span<const NationalityText> american_nationalities();
std::span<const NationalityText> asian_and_pacific_nationalities();
std::span<const NationalityText> northern_european_nationalities();
std::span<const NationalityText> western_european_nationalities();
std::span<const NationalityText> eastern_european_nationalities();

}  // namespace leat::connector
