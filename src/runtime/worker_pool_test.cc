#include "runtime/worker_pool.h"

#include <atomic>
#include <set>

#include <gtest/gtest.h>

namespace leat::runtime {
namespace {

TEST(WorkerPool, RunsOnceOnEachWorkerAskedFor) {
  WorkerPool pool(3);
  for (unsigned asked = 1; asked <= 4; ++asked) {
    std::mutex mutex;
    std::multiset<unsigned> ran;
    ASSERT_TRUE(pool.run(asked, [&](unsigned worker) -> Status {
      std::lock_guard lock(mutex);
      ran.insert(worker);
      return {};
    }));
    std::multiset<unsigned> expected;
    for (unsigned worker = 0; worker < std::min(asked, 3u); ++worker) expected.insert(worker);
    EXPECT_EQ(ran, expected);
  }
}

TEST(WorkerPool, DoesEveryTaskOnce) {
  WorkerPool pool(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::atomic<int>> done(37);
    ASSERT_TRUE(pool.each(4, done.size(), [&](unsigned, std::size_t i) -> Status {
      ++done[i];
      return {};
    }));
    for (const auto& count : done) ASSERT_EQ(count, 1);
  }
}

TEST(WorkerPool, GivesTheFirstErrorAndStopsDealing) {
  WorkerPool pool(2);
  std::atomic<int> done{0};
  const Status status = pool.each(2, 1000, [&](unsigned, std::size_t i) -> Status {
    if (i == 5) return user_error("five", "task five");
    ++done;
    return {};
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, "five");
  EXPECT_LT(done, 1000);
  EXPECT_TRUE(pool.run(2, [](unsigned) -> Status { return {}; })) << "the next run starts clean";
}

}  // namespace
}  // namespace leat::runtime
