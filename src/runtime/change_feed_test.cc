#include "runtime/change_feed.h"

#include <gtest/gtest.h>

namespace leat::runtime {
namespace {

using std::chrono::milliseconds;

std::vector<ChangeChunk> one_row(std::int64_t value) {
  const Schema schema({{"n", Type::of(DUCKDB_TYPE_BIGINT)}});
  ChangeChunk changes{.rows = Chunk(schema)};
  static_cast<std::int64_t*>(duckdb_vector_get_data(changes.rows.vector(0)))[0] = value;
  changes.rows.set_size(1);
  std::vector<ChangeChunk> chunks;
  chunks.push_back(std::move(changes));
  return chunks;
}

/// The epoch of the next changes; 0 when none came.
std::uint64_t next_epoch(Subscription& subscription) {
  const auto next = subscription.next(milliseconds(0));
  return next && *next ? (*next)->epoch.value() : 0;
}

TEST(ChangeFeed, KeepsNothingUntilSomebodyFollows) {
  auto feed = std::make_shared<ChangeFeed>(1 << 20);
  EXPECT_FALSE(feed->followed());
  feed->publish(Epoch(1), one_row(1));
  const auto subscription = ChangeFeed::subscribe(feed, std::nullopt, Epoch(1));
  ASSERT_TRUE(subscription);
  EXPECT_TRUE(feed->followed());
  EXPECT_EQ(next_epoch(**subscription), 0u);
  feed->publish(Epoch(2), one_row(2));
  feed->publish(Epoch(3), {});
  feed->publish(Epoch(4), one_row(4));
  EXPECT_EQ(next_epoch(**subscription), 2u);
  EXPECT_EQ(next_epoch(**subscription), 4u);
  EXPECT_EQ(next_epoch(**subscription), 0u);
}

TEST(ChangeFeed, LetsAClientThatComesBackGoOnWhereItWas) {
  auto feed = std::make_shared<ChangeFeed>(1 << 20);
  ChangeFeed::subscribe(feed, std::nullopt, Epoch(1)).value().reset();
  EXPECT_TRUE(feed->followed()) << "it may come back";
  feed->publish(Epoch(2), one_row(2));
  feed->publish(Epoch(3), one_row(3));
  const auto back = ChangeFeed::subscribe(feed, Epoch(2), Epoch(3));
  ASSERT_TRUE(back);
  EXPECT_EQ(next_epoch(**back), 3u);
  const auto too_old = ChangeFeed::subscribe(feed, Epoch(0), Epoch(3));
  ASSERT_FALSE(too_old);
  EXPECT_EQ(too_old.error().code, "changes-gone");
  const auto of_the_future = ChangeFeed::subscribe(feed, Epoch(9), Epoch(3));
  ASSERT_FALSE(of_the_future);
  EXPECT_EQ(of_the_future.error().code, "changes-gone");
}

TEST(ChangeFeed, IsBoundedAndTellsThoseWhoFallBehind) {
  auto feed = std::make_shared<ChangeFeed>(200);  // some eight of these changes
  const auto slow = ChangeFeed::subscribe(feed, std::nullopt, Epoch(0));
  ASSERT_TRUE(slow);
  for (std::uint64_t epoch = 1; epoch <= 100; ++epoch) feed->publish(Epoch(epoch), one_row(1));
  const auto next = (*slow)->next(milliseconds(0));
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, "fell-behind");
}

TEST(ChangeFeed, EndsForEverybodyWhenTheEngineStops) {
  auto feed = std::make_shared<ChangeFeed>(1 << 20);
  const auto subscription = ChangeFeed::subscribe(feed, std::nullopt, Epoch(0));
  ASSERT_TRUE(subscription);
  feed->close();
  const auto next = (*subscription)->next(std::chrono::hours(1));
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, "stopping");
}

}  // namespace
}  // namespace leat::runtime
