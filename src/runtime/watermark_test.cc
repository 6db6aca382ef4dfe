#include "runtime/watermark.h"

#include <gtest/gtest.h>

namespace leat::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr op::EventTimeUs second = 1'000'000;
const Watermark::Moment start{};

pipeline::EventTime five_seconds_late(std::int64_t idle_ms = 0) {
  return {.column = 0, .delay_ms = 5000, .idle_ms = idle_ms};
}

TEST(Watermark, IsTheSlowestPartitionLessTheDelay) {
  Watermark watermark(five_seconds_late());
  watermark.add_partition("a", start);
  watermark.add_partition("b", start);
  watermark.saw("a", 100 * second, start);
  EXPECT_EQ(watermark.advance(start), op::no_watermark) << "b has said nothing yet";
  watermark.saw("b", 60 * second, start);
  EXPECT_EQ(watermark.advance(start), 55 * second);
  watermark.saw("b", 200 * second, start);
  EXPECT_EQ(watermark.advance(start), 95 * second);
}

TEST(Watermark, NeverGoesBack) {
  Watermark watermark(five_seconds_late());
  watermark.saw("a", 100 * second, start);
  EXPECT_EQ(watermark.advance(start), 95 * second);
  watermark.saw("a", 50 * second, start);
  EXPECT_EQ(watermark.advance(start), 95 * second);
  watermark.add_partition("b", start);
  EXPECT_EQ(watermark.advance(start), 95 * second) << "a new partition can't take it back";
}

TEST(Watermark, LeavesOutIdlePartitionsButNotThoseWithUnreadData) {
  Watermark watermark(five_seconds_late(1000));
  watermark.saw("a", 100 * second, start);
  watermark.add_partition("b", start);
  EXPECT_EQ(watermark.advance(start + milliseconds(500)), op::no_watermark);
  watermark.saw("a", 101 * second, start + milliseconds(1200));
  EXPECT_EQ(watermark.advance(start + milliseconds(1200)), 96 * second) << "b has been silent";
  watermark.set_waiting("b", true);
  watermark.saw("a", 150 * second, start + seconds(3));
  EXPECT_EQ(watermark.advance(start + seconds(3)), 96 * second) << "b is not silent, only not read";
}

TEST(Watermark, LeavesOutEndedPartitionsAndStaysWhenAllHaveEnded) {
  Watermark watermark(five_seconds_late());
  watermark.saw("a", 100 * second, start);
  watermark.saw("b", 20 * second, start);
  EXPECT_EQ(watermark.advance(start), 15 * second);
  watermark.end("b");
  EXPECT_EQ(watermark.advance(start), 95 * second);
  watermark.end("a");
  EXPECT_EQ(watermark.advance(start), 95 * second);
}

TEST(Watermark, HoldsPartitionsBackThatAreAheadOfTheSlowestActiveOne) {
  pipeline::EventTime event_time = five_seconds_late(1000);
  event_time.max_drift_ms = 60'000;
  Watermark watermark(event_time);
  watermark.saw("a", 100 * second, start);
  watermark.add_partition("unread", start);
  watermark.set_waiting("unread", true);
  EXPECT_TRUE(watermark.is_too_far_ahead("a", watermark.slowest(start + seconds(9), true)));
  EXPECT_FALSE(watermark.is_too_far_ahead("unread", watermark.slowest(start, true)));
  watermark.saw("unread", 40 * second, start);
  EXPECT_FALSE(watermark.is_too_far_ahead("a", watermark.slowest(start, true)));
  watermark.saw("a", 101 * second, start);
  EXPECT_TRUE(watermark.is_too_far_ahead("a", watermark.slowest(start, true)));
  watermark.set_waiting("unread", false);
  EXPECT_TRUE(watermark.is_too_far_ahead("a", watermark.slowest(start + milliseconds(999), true)));
  EXPECT_FALSE(watermark.slowest(start, true).waiting);
  EXPECT_FALSE(watermark.is_too_far_ahead("a", watermark.slowest(start + seconds(2), true)))
      << "it is idle";
  EXPECT_FALSE(watermark.is_too_far_ahead("a", watermark.slowest(start, false)))
      << "nothing more can come";
  watermark.end("unread");
  EXPECT_FALSE(watermark.is_too_far_ahead("a", watermark.slowest(start, true)));
}

TEST(Watermark, StandsStillWhereAllAreIdle) {
  Watermark watermark(five_seconds_late(1000));
  watermark.saw("a", 100 * second, start);
  EXPECT_EQ(watermark.advance(start + seconds(3600)), op::no_watermark);
  watermark.saw("a", 101 * second, start + seconds(3600));
  EXPECT_EQ(watermark.advance(start + seconds(3600)), 96 * second);
  EXPECT_EQ(watermark.advance(start + seconds(7200)), 96 * second);
}

TEST(Watermark, GoesOnWithTheClockWhereAllAreIdle) {
  pipeline::EventTime event_time = five_seconds_late(1000);
  event_time.goes_on = true;
  Watermark watermark(event_time);
  watermark.add_partition("never", start);
  watermark.saw("a", 100 * second, start);
  watermark.saw("b", 90 * second, start + milliseconds(500));
  EXPECT_EQ(watermark.advance(start + milliseconds(1200)), 85 * second) << "a is idle, b is not";
  EXPECT_EQ(watermark.advance(start + milliseconds(1600)), 86 * second + 100'000);
  EXPECT_EQ(watermark.advance(start + milliseconds(2400)), 86 * second + 100'000) << "no step yet";
  EXPECT_EQ(watermark.advance(start + milliseconds(2600)), 87 * second + 100'000);
  EXPECT_EQ(watermark.advance(start + milliseconds(80'500)), 165 * second);
  EXPECT_EQ(watermark.advance(start + milliseconds(90'400)), 165 * second)
      << "an eighth of 80 seconds are ten";
  EXPECT_EQ(watermark.advance(start + milliseconds(90'500)), 175 * second);
  watermark.set_waiting("b", true);
  EXPECT_EQ(watermark.advance(start + seconds(200)), 175 * second) << "something is unread";
  watermark.set_waiting("b", false);
  watermark.saw("b", 95 * second, start + seconds(200));
  EXPECT_EQ(watermark.advance(start + seconds(200)), 175 * second) << "it never goes back";
  watermark.end("a");
  watermark.end("b");
  EXPECT_EQ(watermark.advance(start + seconds(400)), 175 * second) << "nobody is left to go on";
}

TEST(Watermark, ComesBackFromItsState) {
  Watermark before(five_seconds_late());
  before.saw("a", 100 * second, start);
  before.saw("b", 90 * second, start);
  before.advance(start);
  Watermark after(five_seconds_late());
  after.restore(before.state(), start);
  EXPECT_EQ(after.current(), 85 * second);
  after.saw("b", 120 * second, start);
  EXPECT_EQ(after.advance(start), 95 * second) << "a's newest event was kept";
}

}  // namespace
}  // namespace leat::runtime
