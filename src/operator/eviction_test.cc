#include "operator/eviction.h"

#include <gtest/gtest.h>

#include "operator/law_bench.h"

namespace leat::op {
namespace {

constexpr std::size_t share = 16u << 10;

/// Two views of one input: a row for each id, and one for each of few keys.
class Evictions : public testing::Test {
 protected:
  void run(
      MemoryBudget& budget, const std::function<void(int)>& before_epoch = [](int) {}) {
    static const std::unique_ptr<sql::Database> database = sql::Database::open().value();
    input_ = std::make_unique<RandomInput>(1, false);
    bench_.emplace(*database, Setting{.budget = &budget});
    for (const char* key : {"id", "g"}) {
      const LatestView view{{RandomInput::schema().find(key).value()}, {}, {}};
      bench_->add(key, [view](const std::string& name, const Resources& resources) {
        return make_latest_view(name, view, RandomInput::schema(), resources);
      });
    }
    bench_->start();
    std::mt19937_64 random(1);
    for (int epoch = 0; epoch < 60; ++epoch) {
      before_epoch(epoch);
      bench_->run_epoch(input_->next_epoch(), no_watermark, random);
      bench_->commit();
    }
    expect_same_rows(
        bench_->scan("id"),
        comparable(RandomInput::schema(), input_->judge().chunks("SELECT * FROM input")),
        "the row of each id");
  }
  std::uint64_t memory(const char* view) { return bench_->view(view).memory_bytes(); }

  std::unique_ptr<RandomInput> input_;
  std::optional<ViewBench> bench_;
};

TEST_F(Evictions, AViewMayHaveWhatTheOthersLeave) {
  MemoryBudget budget(std::size_t{1} << 30, 2);
  run(budget);
  EXPECT_GT(memory("id"), 2 * share);
  EXPECT_GE(budget.used(), memory("id") / 2) << "and says so";
}

TEST_F(Evictions, AllTogetherStayUnderTheBudget) {
  MemoryBudget roomy(std::size_t{1} << 30, 2), scarce(2 * share, 2);
  run(roomy);
  const std::uint64_t unbounded = memory("id");
  run(scarce);
  EXPECT_LT(memory("id"), unbounded / 2);
  EXPECT_LE(scarce.used(), scarce.bytes_max() + share) << "an epoch's rows may be too many";
}

TEST_F(Evictions, ABudgetThatBecomesSmallerIsKept) {
  MemoryBudget budget(std::size_t{1} << 30, 2);
  run(budget, [&](int epoch) {
    if (epoch != 40) return;
    EXPECT_GT(budget.used(), 4 * share);
    budget.set_bytes_max(2 * share);
  });
  EXPECT_LE(budget.used(), budget.bytes_max() + share);
}

}  // namespace
}  // namespace leat::op
