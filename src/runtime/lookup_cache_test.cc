#include "runtime/lookup_cache.h"

#include <gtest/gtest.h>

namespace leat::runtime {
namespace {

using namespace std::chrono_literals;

class LookupCacheTest : public testing::Test {
 protected:
  static std::shared_ptr<const LookedUp> Answer(std::vector<std::string> rows) {
    return std::make_shared<const LookedUp>(LookedUp{std::move(rows), ""});
  }
  bool Knows(LookupCache& cache, const std::string& key) const {
    return cache.find(key, now_) != nullptr;
  }

  LookupCache::Time now_{};
};

TEST_F(LookupCacheTest, AnswersAreForgottenWhenTheyAreTooOld) {
  LookupCache cache({.found_for = 10s, .missing_for = 2s});
  cache.put("found", Answer({"row"}), now_);
  cache.put("missing", Answer({}), now_);
  now_ += 1999ms;
  EXPECT_TRUE(Knows(cache, "missing"));
  now_ += 1ms;
  EXPECT_FALSE(Knows(cache, "missing"));
  now_ += 7999ms;
  ASSERT_TRUE(Knows(cache, "found"));
  EXPECT_EQ(cache.find("found", now_)->rows, std::vector<std::string>{"row"});
  now_ += 1ms;
  EXPECT_FALSE(Knows(cache, "found"));
  EXPECT_EQ(cache.rows(), 0u);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST_F(LookupCacheTest, TheLongestUnusedGoesFirst) {
  LookupCache cache({.rows_max = 2});
  cache.put("a", Answer({"1"}), now_);
  cache.put("b", Answer({}), now_);
  EXPECT_TRUE(Knows(cache, "a"));
  cache.put("c", Answer({"3"}), now_);
  EXPECT_TRUE(Knows(cache, "a"));
  EXPECT_FALSE(Knows(cache, "b"));
  EXPECT_TRUE(Knows(cache, "c"));
  cache.put("d", Answer({"1", "2"}), now_);
  EXPECT_TRUE(Knows(cache, "d"));
  EXPECT_FALSE(Knows(cache, "a"));
  EXPECT_EQ(cache.rows(), 2u);
}

TEST_F(LookupCacheTest, BytesAreBoundedAndAnAnswerTakesTheOldOnesPlace) {
  LookupCache cache({.bytes_max = 10'000});
  for (int i = 0; i < 100; ++i) {
    cache.put(std::to_string(i % 50), Answer({std::string(1000, 'x')}), now_);
    EXPECT_LE(cache.bytes(), 10'000u);
  }
  EXPECT_TRUE(Knows(cache, "49"));
  EXPECT_LE(cache.rows(), 9u);
  const std::size_t rows = cache.rows();
  cache.put("49", Answer({"y"}), now_);
  EXPECT_EQ(cache.rows(), rows);
  EXPECT_EQ(cache.find("49", now_)->rows.front(), "y");
  cache.put("huge", Answer({std::string(20'000, 'x')}), now_);
  EXPECT_FALSE(Knows(cache, "huge"));
}

TEST_F(LookupCacheTest, NothingIsKeptForNoTimeAtAll) {
  LookupCache cache({.found_for = 0s, .missing_for = 0s});
  cache.put("a", Answer({"1"}), now_);
  EXPECT_FALSE(Knows(cache, "a"));
}

}  // namespace
}  // namespace leat::runtime
