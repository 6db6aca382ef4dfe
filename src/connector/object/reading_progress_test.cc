#include "connector/object/reading_progress.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace leat::connector::object {
namespace {

using Fate = ReadingProgress::Fate;

constexpr std::int64_t hour_ms = 3'600'000, now_ms = 1'000 * hour_ms;

Object object(const std::string& key, std::int64_t modified_ms, std::uint64_t bytes = 7) {
  return {key, bytes, modified_ms};
}

/// What a restart makes of it.
ReadingProgress again(const ReadingProgress& progress, std::int64_t window_ms = hour_ms) {
  auto parsed = ReadingProgress::parse(progress.text(), window_ms);
  EXPECT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->text(), progress.text());
  return *parsed;
}

TEST(ReadingProgress, KnowsWhatWasReadAlsoAfterARestart) {
  ReadingProgress progress(hour_ms);
  EXPECT_EQ(progress.fate_of(object("a", 1)), Fate::fresh);
  for (const char* key : {"a", "b/c", "ä"}) progress.finish(object(key, now_ms), now_ms);
  for (const ReadingProgress& one : {progress, again(progress)}) {
    EXPECT_EQ(one.fate_of(object("b/c", now_ms)), Fate::read);
    EXPECT_EQ(one.fate_of(object("b/c", now_ms + 1)), Fate::changed);
    EXPECT_EQ(one.fate_of(object("b", now_ms)), Fate::fresh);
  }
}

TEST(ReadingProgress, ForgetsWhatIsOlderThanTheWindow) {
  ReadingProgress progress(hour_ms);
  progress.finish(object("old", now_ms - 2 * hour_ms), now_ms);
  progress.finish(object("recent", now_ms - hour_ms / 2), now_ms);
  EXPECT_EQ(progress.fate_of(object("old", now_ms - 2 * hour_ms)), Fate::old);
  EXPECT_EQ(progress.fate_of(object("other", now_ms - 2 * hour_ms)), Fate::old);
  EXPECT_EQ(progress.fate_of(object("other", now_ms - hour_ms)), Fate::fresh);
  EXPECT_EQ(again(progress).fate_of(object("recent", now_ms - hour_ms / 2)), Fate::read);
  // What was forgotten may be a name again.
  EXPECT_EQ(progress.fate_of(object("old", now_ms)), Fate::fresh);
}

TEST(ReadingProgress, TheFutureMakesNothingOld) {
  ReadingProgress progress(hour_ms);
  progress.finish(object("future", 10 * now_ms), now_ms);
  progress.finish(object("a", now_ms), now_ms);
  EXPECT_EQ(progress.fate_of(object("b", now_ms - hour_ms / 2)), Fate::fresh);
  EXPECT_EQ(progress.fate_of(object("a", now_ms)), Fate::read);
  EXPECT_EQ(progress.fate_of(object("future", 10 * now_ms)), Fate::read);
}

TEST(ReadingProgress, RemembersSoManyNames) {
  ReadingProgress progress(1000 * hour_ms);
  constexpr std::int64_t count = 10'000;
  for (std::int64_t i = 0; i < count; ++i) {
    progress.finish(object(fmt::format("{}", i), now_ms + i), now_ms);
  }
  constexpr auto kept = static_cast<std::int64_t>(ReadingProgress::names_max);
  EXPECT_EQ(progress.fate_of(object("0", now_ms)), Fate::old);
  EXPECT_EQ(progress.fate_of(object("x", now_ms + count - kept - 1)), Fate::old);
  EXPECT_EQ(progress.fate_of(object("x", now_ms + count - kept)), Fate::fresh);
  EXPECT_LT(progress.text().size(), 150'000u);
  // Those of one millisecond can't be told apart by time: all of them are known.
  ReadingProgress same(hour_ms);
  for (int i = 0; i < count; ++i) same.finish(object(fmt::format("{}", i), now_ms), now_ms);
  EXPECT_EQ(again(same).fate_of(object("17", now_ms)), Fate::read);
}

TEST(ReadingProgress, GoesOnInWhatWasBegun) {
  ReadingProgress progress(hour_ms);
  progress.reached(object("a \"quoted\"", now_ms), 4711);
  const ReadingProgress restarted = again(progress);
  EXPECT_EQ(restarted.begun().at("a \"quoted\"").at, 4711u);
  EXPECT_EQ(restarted.fate_of(object("a \"quoted\"", now_ms)), Fate::fresh);
  EXPECT_EQ(restarted.fate_of(object("a \"quoted\"", now_ms, 8)), Fate::changed);
  progress.finish(object("a \"quoted\"", now_ms), now_ms);
  EXPECT_TRUE(again(progress).begun().empty());
  EXPECT_EQ(progress.fate_of(object("a \"quoted\"", now_ms)), Fate::read);
}

TEST(ReadingProgress, RefusesOthersPositions) {
  for (const char* text : {"", "{}", "0/16B3748", R"({"objects": 2})", R"({"objects": 1})",
                           R"({"objects": 1, "floor": 0, "read": [1], "begun": []})"}) {
    const auto parsed = ReadingProgress::parse(text, hour_ms);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, "position-malformed");
  }
}

}  // namespace
}  // namespace leat::connector::object
