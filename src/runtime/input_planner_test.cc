#include "runtime/input_planner.h"

#include <atomic>
#include <map>
#include <thread>

#include <gtest/gtest.h>

namespace leat::runtime {
namespace {

/// A partition that always has as much as is asked for.
class Plenty final : public InputPartition {
 public:
  explicit Plenty(std::string name) : InputPartition("topic", std::move(name), Partition(0)) {}
  Status seek(Offset) override { return {}; }
  Result<Outcome> read(Slice&, std::size_t) override { return Outcome::records; }
  bool may_have_data() const override { return has_data; }
  std::uint64_t lag() const override { return 1; }
  bool has_data = true;
};

/// Deals slices of `bytes` until the epoch is full; how many each partition got.
std::map<std::string, int> deal(InputPlanner& planner, std::size_t bytes) {
  std::map<std::string, int> dealt;
  for (auto lease = planner.lease(); lease.partition != nullptr; lease = planner.lease()) {
    ++dealt[lease.partition->name()];
    planner.give_back(lease.partition, bytes, true);
  }
  return dealt;
}

InputPlanner::Progress unknown(const InputPartition&) { return {}; }

TEST(InputPlanner, StopsAtTheEpochsSize) {
  Plenty a("a");
  InputPlanner planner;
  planner.begin_epoch({&a}, 1000, unknown);
  EXPECT_EQ(deal(planner, 300)["a"], 4);
}

TEST(InputPlanner, TakesTurnsWhereEventTimeIsNotKnown) {
  Plenty a("a"), b("b"), c("c");
  InputPlanner planner;
  planner.begin_epoch({&a, &b, &c}, 600, unknown);
  const auto dealt = deal(planner, 100);
  EXPECT_EQ(dealt.at("a"), 2);
  EXPECT_EQ(dealt.at("b"), 2);
  EXPECT_EQ(dealt.at("c"), 2);
}

TEST(InputPlanner, KeepsPartitionsTogetherInEventTime) {
  Plenty behind("behind"), ahead("ahead");
  InputPlanner planner;
  planner.begin_epoch({&ahead, &behind}, 600, [](const InputPartition& input) {
    return InputPlanner::Progress{.reached = input.name() == "ahead" ? 1000 : 0, .per_slice = 100};
  });
  EXPECT_EQ(deal(planner, 100)["behind"], 6) << "it takes ten slices to catch up";
}

TEST(InputPlanner, AsksPartitionsOfUnknownEventTimeOnceBeforeAllOthers) {
  Plenty known("known"), fresh("fresh");
  InputPlanner planner;
  planner.begin_epoch({&known, &fresh}, 400, [](const InputPartition& input) {
    if (input.name() == "fresh") return InputPlanner::Progress{};
    return InputPlanner::Progress{.reached = 500, .per_slice = 1};
  });
  const auto dealt = deal(planner, 100);
  EXPECT_EQ(dealt.at("fresh"), 1);
  EXPECT_EQ(dealt.at("known"), 3);
}

TEST(InputPlanner, WaitsRatherThanToLetAPartitionDrift) {
  Plenty slow("slow"), fast("fast");
  InputPlanner planner;
  planner.begin_epoch({&slow, &fast}, 2000, [](const InputPartition& input) {
    return InputPlanner::Progress{
        .reached = input.name() == "fast" ? 950 : 0, .per_slice = 100, .drift_max = 500};
  });
  const auto slow_lease = planner.lease();
  EXPECT_EQ(slow_lease.partition, &slow);
  std::atomic<bool> dealt = false;
  std::thread other([&] {
    EXPECT_EQ(planner.lease().partition, &slow) << "fast is still 850 ahead";
    dealt = true;
  });
  EXPECT_FALSE(dealt);
  planner.give_back(&slow, 100, true);
  other.join();
  planner.give_back(&slow, 100, true);
  EXPECT_EQ(deal(planner, 100).size(), 2u) << "in the end both are read";
}

TEST(InputPlanner, KeepsEachGroupInStepForItself) {
  Plenty slow("slow"), fast("fast"), other("other");
  InputPlanner planner;
  planner.begin_epoch({&slow, &fast, &other}, 2000, [](const InputPartition& input) {
    return InputPlanner::Progress{.reached = input.name() == "fast" ? 950 : 0,
                                  .per_slice = 100,
                                  .drift_max = 500,
                                  .group = input.name() == "slow" ? 1u : 0u};
  });
  EXPECT_EQ(planner.lease().partition, &slow);
  EXPECT_EQ(planner.lease().partition, &other);
  planner.give_back(&other, 100, false);
  EXPECT_EQ(planner.lease().partition, &fast) << "those that are far behind are of another group";
}

TEST(InputPlanner, LeavesOutWhatHasNothing) {
  Plenty a("a"), empty("empty");
  empty.has_data = false;
  InputPlanner planner;
  planner.begin_epoch({&a, &empty}, 200, unknown);
  const auto first = planner.lease();
  EXPECT_EQ(first.partition, &a);
  planner.give_back(&a, 100, false);
  EXPECT_EQ(planner.lease().partition, nullptr) << "a has nothing more, although there is room";
}

}  // namespace
}  // namespace leat::runtime
