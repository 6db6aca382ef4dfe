#include "connector/random_user/users.h"
#include "connector/random.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "connector/random_user/nationality.h"
#include "connector/random_user/transliterate.h"

namespace leat::connector {
namespace {

using testing::ElementsAre;
using testing::MatchesRegex;

std::string user(const UserRecipe& recipe, std::uint64_t number) {
  std::string text;
  append_user(recipe, number, text);
  return text;
}

std::string text_at(std::string_view document, const char* pointer) {
  static simdjson::dom::parser parser;
  simdjson::padded_string padded(document);
  auto value = parser.parse(padded).at_pointer(pointer);
  if (value.error()) return std::string("error: ") + simdjson::error_message(value.error());
  if (value.is_string()) return std::string(value.get_string().value());
  return simdjson::to_string(value.value());
}

TEST(Users, AreTheSameForTheSameSeedAndNumber) {
  const UserRecipe recipe{.seed = seed_of("demo")};
  EXPECT_EQ(user(recipe, 7), user(recipe, 7));
  EXPECT_NE(user(recipe, 7), user(recipe, 8));
  EXPECT_NE(user(recipe, 7), user({.seed = seed_of("other")}, 7));
}

TEST(Users, HaveEveryFieldOfThePublicApiInItsShape) {
  const UserRecipe recipe{.seed = 1};
  for (std::uint64_t i = 0; i < 500; ++i) {
    const std::string one = user(recipe, i);
    ASSERT_LE(one.size(), user_bytes_max);
    const auto at = [&](const char* pointer) { return text_at(one, pointer); };
    ASSERT_THAT(at("/gender"), MatchesRegex("(fe)?male"));
    ASSERT_THAT(at("/name/title"), MatchesRegex("M[a-z]+"));
    ASSERT_THAT(at("/location/street/number"), MatchesRegex("[1-9][0-9]{0,3}"));
    ASSERT_THAT(at("/location/coordinates/latitude"), MatchesRegex("-?[0-9]{1,2}\\.[0-9]{4}"));
    ASSERT_THAT(at("/location/coordinates/longitude"), MatchesRegex("-?[0-9]{1,3}\\.[0-9]{4}"));
    ASSERT_THAT(at("/location/timezone/offset"), MatchesRegex("[-+]?[0-9]{1,2}:[0-9]{2}"));
    ASSERT_THAT(at("/email"), MatchesRegex("[a-z]{2,}\\.[a-z]{2,}@[a-z]+\\.(com|net|org|example)"));
    ASSERT_THAT(at("/login/uuid"),
                MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                             "[0-9a-f]{12}"));
    ASSERT_THAT(at("/login/md5"), MatchesRegex("[0-9a-f]{32}"));
    ASSERT_THAT(at("/login/sha1"), MatchesRegex("[0-9a-f]{40}"));
    ASSERT_THAT(at("/login/sha256"), MatchesRegex("[0-9a-f]{64}"));
    ASSERT_THAT(at("/login/salt"), MatchesRegex("[0-9A-Za-z]{8}"));
    const std::string date =
        "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\."
        "[0-9]{3}Z";
    ASSERT_THAT(at("/dob/date"), MatchesRegex(date));
    ASSERT_THAT(at("/registered/date"), MatchesRegex(date));
    for (const char* path :
         {"/name/first", "/name/last", "/location/street/name", "/location/city", "/location/state",
          "/location/country", "/location/postcode", "/location/timezone/description",
          "/login/username", "/login/password", "/phone", "/cell", "/id/name", "/id/value"}) {
      ASSERT_THAT(at(path), testing::Not(testing::StartsWith("error"))) << path;
    }
    ASSERT_THAT(at("/picture/medium"),
                MatchesRegex("https://randomuser\\.me/api/portraits/med/(wo)?men/[0-9]+\\.jpg"));
    ASSERT_TRUE(find_nationality(at("/nat")).has_value());
  }
}

/// Whole years from an ISO date to the first of January 2026.
int years_since(const std::string& date) {
  return 2026 - std::stoi(date.substr(0, 4)) - (date.substr(5, 5) == "01-01" ? 0 : 1);
}

TEST(Users, AgesAgreeWithDates) {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::string one = user({.seed = 3}, i);
    const std::string born = text_at(one, "/dob/date");
    const std::string registered = text_at(one, "/registered/date");
    ASSERT_EQ(text_at(one, "/dob/age"), std::to_string(years_since(born)));
    ASSERT_EQ(text_at(one, "/registered/age"), std::to_string(years_since(registered)));
    ASSERT_GE(years_since(born), 20);
    ASSERT_LT(registered, "2026");
    ASSERT_GE(std::stoi(registered.substr(0, 4)) - std::stoi(born.substr(0, 4)), 17);
  }
}

TEST(Users, PostcodesAreNumbersOrTextByCountry) {
  const auto postcode = [](const char* code) {
    const std::string one = user({.seed = 5, .nationalities = {*find_nationality(code)}}, 1);
    const std::size_t begin = one.find("\"postcode\":") + 11;
    return one.substr(begin, one.find(",\"coordinates\"") - begin);
  };
  EXPECT_THAT(postcode("US"), MatchesRegex("[1-9][0-9]{4}"));
  EXPECT_THAT(postcode("AU"), MatchesRegex("[1-9][0-9]{3}"));
  EXPECT_THAT(postcode("CA"), MatchesRegex("\"[A-Z][0-9][A-Z] [0-9][A-Z][0-9]\""));
  EXPECT_THAT(postcode("NL"), MatchesRegex("\"[1-9][0-9]{3} [A-Z]{2}\""));
  EXPECT_THAT(postcode("NO"), MatchesRegex("\"0[0-9]{3}\""));
}

TEST(Users, NationalNumberIsNullWhereThereIsNone) {
  const std::string one = user({.seed = 5, .nationalities = {*find_nationality("ir")}}, 1);
  EXPECT_THAT(one, testing::HasSubstr(R"("id":{"name":"","value":null})"));
}

TEST(Users, FiltersHoldAndFieldsCanBeLeftOut) {
  UserRecipe recipe{.seed = 9,
                    .nationalities = {*find_nationality("DE"), *find_nationality("UA")},
                    .women = true};
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const std::string one = user(recipe, i);
    seen.insert(text_at(one, "/nat"));
    ASSERT_EQ(text_at(one, "/gender"), "female");
  }
  EXPECT_THAT(seen, ElementsAre("DE", "UA"));
  const std::string whole = user(recipe, 4);
  recipe.fields = *user_field_bit("email") | *user_field_bit("dob");
  const std::string part = user(recipe, 4);
  EXPECT_EQ(text_at(part, "/email"), text_at(whole, "/email"));
  EXPECT_EQ(text_at(part, "/dob/date"), text_at(whole, "/dob/date"));
  EXPECT_THAT(text_at(part, "/nat"), testing::StartsWith("error"));
  recipe.fields = 0;
  EXPECT_EQ(user(recipe, 4), "{}");
}

TEST(Users, RarelyShareAnIdentity) {
  std::set<std::string> ids;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    std::string one;
    append_user({.seed = 0, .fields = *user_field_bit("login")}, i, one);
    ids.insert(one.substr(18, 36));
  }
  EXPECT_EQ(ids.size(), 20'000u);
}

TEST(Nationalities, AreTwentyOneWithEnoughToDrawFrom) {
  std::set<std::string_view> codes;
  for (const Nationality& one : nationalities()) {
    codes.insert(one.text.code);
    EXPECT_GE(one.men.size(), 12u) << one.text.code;
    EXPECT_GE(one.women.size(), 12u) << one.text.code;
    EXPECT_GE(one.last_names.size(), 14u) << one.text.code;
    EXPECT_GE(one.cities.size(), 10u) << one.text.code;
    EXPECT_GE(one.states.size(), 6u) << one.text.code;
    EXPECT_GE(one.streets.size(), 8u) << one.text.code;
    for (const auto* names : {&one.men, &one.women, &one.last_names}) {
      for (const Name& name : *names) {
        EXPECT_EQ(name.text.find_first_of("\"\\\n"), std::string_view::npos) << name.text;
        EXPECT_GE(name.ascii.size(), 2u) << name.text;
      }
    }
  }
  EXPECT_THAT(codes, ElementsAre("AU", "BR", "CA", "CH", "DE", "DK", "ES", "FI", "FR", "GB", "IE",
                                 "IN", "IR", "MX", "NL", "NO", "NZ", "RS", "TR", "UA", "US"));
}

TEST(Transliteration, KnowsTheScripts) {
  EXPECT_EQ(to_ascii_letters("Çağrı İrem"), "cagriirem");
  EXPECT_EQ(to_ascii_letters("Ђорђевић"), "djordjevic");
  EXPECT_EQ(to_ascii_letters("Юлія"), "yuliya");
  EXPECT_EQ(to_ascii_letters("محمد"), "mhmd");
  EXPECT_EQ(to_ascii_letters("O'Neill Groß"), "oneillgross");
  EXPECT_EQ(to_ascii_letters("\xC3"), "");
}

}  // namespace
}  // namespace leat::connector
