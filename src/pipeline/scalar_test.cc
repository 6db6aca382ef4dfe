#include "pipeline/scalar.h"

#include <gmock/gmock.h>

#include "pipeline/scalar_position.h"

namespace leat::pipeline {
namespace {

TEST(Scalar, ReadsDurations) {
  EXPECT_EQ(read_duration_ms("250ms"), 250);
  EXPECT_EQ(read_duration_ms("1.5s"), 1500);
  EXPECT_EQ(read_duration_ms("5m"), 300'000);
  EXPECT_EQ(read_duration_ms("1h"), 3'600'000);
  EXPECT_EQ(read_duration_ms("7d"), 604'800'000);
  EXPECT_EQ(read_duration_ms("0"), 0);
  for (const auto* bad :
       {"", "5", "s", "1 s", "-1s", "1S", "1w", "1e3s", "0.5ms", "1s1s", "999999999999d"}) {
    EXPECT_FALSE(read_duration_ms(bad).has_value()) << bad;
  }
}

TEST(Scalar, ReadsSizes) {
  EXPECT_EQ(read_bytes("64KiB"), 65'536);
  EXPECT_EQ(read_bytes("10MB"), 10'000'000);
  EXPECT_EQ(read_bytes("1048576"), 1'048'576);
  EXPECT_EQ(read_bytes("1.5GiB"), 3ll << 29);
  for (const auto* bad : {"", "KiB", "1 KiB", "-1", "1kib", "0.3B", "1e9"}) {
    EXPECT_FALSE(read_bytes(bad).has_value()) << bad;
  }
}

TEST(Scalar, WritesAsItReads) {
  for (const std::int64_t value : {0, 1, 999, 1000, 90'000, 3'600'000, 86'400'000, 123'456'789}) {
    EXPECT_EQ(read_duration_ms(duration_text(value)), value);
    EXPECT_EQ(read_bytes(bytes_text(value)), value);
  }
  EXPECT_EQ(duration_text(90'000), "90s");
  EXPECT_EQ(bytes_text(65'536), "64KiB");
}

TEST(Scalar, ReadsNumbers) {
  EXPECT_EQ(read_integer("-12"), -12);
  EXPECT_EQ(read_integer("+9223372036854775807"), INT64_MAX);
  for (const auto* bad : {"", "1.0", "1e3", "0x10", "9223372036854775808", "1_000", " 1"}) {
    EXPECT_FALSE(read_integer(bad).has_value()) << bad;
  }
  EXPECT_EQ(read_number("0.5"), 0.5);
  for (const auto* bad : {"", "nan", "inf", "1e999", "1,5"})
    EXPECT_FALSE(read_number(bad).has_value()) << bad;
}

/// The text in `source` from where byte `position` of the value stands.
std::string_view rest(std::string_view source, std::size_t begin, std::string_view value,
                      std::string_view of) {
  return source.substr(scalar_source_position(source, begin, value, value.find(of)))
      .substr(0, of.size());
}

TEST(ScalarPosition, FollowsEveryStyle) {
  EXPECT_EQ(rest("k: abc def", 3, "abc def", "def"), "def");
  EXPECT_EQ(rest("k: abc\n   def", 3, "abc def", "def"), "def");
  EXPECT_EQ(rest("k: 'it''s def'", 3, "it's def", "def"), "def");
  EXPECT_EQ(rest("k: \"a\\tb \\\"x\\\" def\"", 3, "a\tb \"x\" def", "def"), "def");
  EXPECT_EQ(rest("k: \"\\u00e9\\x41 def\"", 3, "éA def", "def"), "def");
  EXPECT_EQ(rest("k: |\n  abc\n    def\n", 3, "abc\n  def\n", "def"), "def");
  EXPECT_EQ(rest("k: |2-\n    abc\n  def", 3, "  abc\ndef", "def"), "def");
  EXPECT_EQ(rest("k: >\n  abc\n  def\n\n  ghi\n", 3, "abc def\nghi\n", "ghi"), "ghi");
  EXPECT_EQ(rest("k: |\r\n  abc\r\n  def\r\n", 3, "abc\ndef\n", "def"), "def");
}

TEST(ScalarPosition, EndsAfterTheLastCharacter) {
  EXPECT_EQ(scalar_source_position("k: abc # x", 3, "abc", 3), 6u);
  EXPECT_EQ(scalar_source_position("k: |\n  abc\n\n", 3, "abc\n", 4), 10u);
  EXPECT_EQ(scalar_source_position("k: ''", 3, "", 0), 4u);
}

}  // namespace
}  // namespace leat::pipeline
