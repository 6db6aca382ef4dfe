#include "pipeline/environment.h"

#include <gmock/gmock.h>

namespace leat::pipeline {
namespace {

Environment environment() {
  return {[](const std::string& name) -> std::optional<std::string> {
            if (name == "A") return "alpha";
            if (name == "EMPTY") return "";
            return std::nullopt;
          },
          [](const std::string& path) -> Result<std::string> {
            if (path == "/f") return std::string("line\nlast\n");
            return user_error("file-reference", "no such file");
          }};
}

std::string text_of(std::string_view text) {
  const auto out = expand(text, environment());
  return out ? out->text : out.error().code;
}

TEST(Expand, ReplacesReferences) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"${A}", "alpha"},
      {"a${A}b${A}", "aalphabalpha"},
      {"${B:-beta}", "beta"},
      {"${EMPTY:-beta}", "beta"},
      {"${EMPTY}", ""},
      {"${A:-beta}", "alpha"},
      {"${B:-}", ""},
      {"${B:-http://h:1/?a=b}", "http://h:1/?a=b"},
      {"${B:-${A}!}", "alpha!"},
      {"${B:-${C:-x}}", "x"},
      {"${file:/f}", "line\nlast"},
      {"$$", "$"},
      {"$${A}", "${A}"},
      {"$$$$", "$$"},
      {"^a$", "^a$"},
      {"$key", "$key"},
      {"${B}", "unset-variable"},
      {"${", "expansion-syntax"},
      {"${A", "expansion-syntax"},
      {"${}", "expansion-syntax"},
      {"${1A}", "expansion-syntax"},
      {"${A-B}", "expansion-syntax"},
      {"${file:/none}", "file-reference"},
      {"${B:-${C}}", "unset-variable"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(text_of(text), expected) << text;
}

TEST(Expand, KnowsWhereThingsStood) {
  const auto out = expand("x ${A} y $$ z", environment());
  ASSERT_TRUE(out.has_value());
  ASSERT_EQ(out->text, "x alpha y $ z");
  EXPECT_EQ(raw_position(out->insertions, 0), 0u);
  EXPECT_EQ(raw_position(out->insertions, 2), 2u);    // alpha
  EXPECT_EQ(raw_position(out->insertions, 5), 2u);    // within it
  EXPECT_EQ(raw_position(out->insertions, 8), 7u);    // y
  EXPECT_EQ(raw_position(out->insertions, 12), 12u);  // z
}

}  // namespace
}  // namespace leat::pipeline
