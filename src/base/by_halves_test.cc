#include "base/by_halves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace leat {
namespace {

using testing::ElementsAre;

/// What becomes of rows 10, 11, … when some of them fail.
struct Halves {
  Status run(std::size_t count) {
    return by_halves(
        10, count,
        [&](std::size_t begin, std::size_t size) -> Status {
          ++runs;
          for (std::size_t row = begin; row < begin + size; ++row) {
            if (row == broken) return internal_error("broken", "the disk");
            if (failing.contains(row)) return user_error("row-failed", "row {}", row);
          }
          for (std::size_t row = begin; row < begin + size; ++row) passed.push_back(row);
          return {};
        },
        [&](std::size_t row, const Error& reason) -> Status {
          EXPECT_EQ(reason.message, fmt::format("row {}", row));
          refused.push_back(row);
          return {};
        });
  }

  std::set<std::size_t> failing;
  std::size_t broken = 0;
  std::size_t runs = 0;
  std::vector<std::size_t> passed, refused;
};

TEST(ByHalves, RunsOnceWhereNoRowFails) {
  Halves halves;
  EXPECT_TRUE(halves.run(4));
  EXPECT_THAT(halves.passed, ElementsAre(10, 11, 12, 13));
  EXPECT_EQ(halves.runs, 1u);
}

TEST(ByHalves, RefusesTheRowsThatFailAndNoOthers) {
  Halves halves{.failing = {10, 14}};
  EXPECT_TRUE(halves.run(5));
  EXPECT_THAT(halves.passed, ElementsAre(11, 12, 13));
  EXPECT_THAT(halves.refused, ElementsAre(10, 14));
}

TEST(ByHalves, EndsWhereTheFailureIsNoRows) {
  Halves halves{.failing = {10}, .broken = 12};
  const Status done = halves.run(4);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "broken");
  EXPECT_THAT(halves.passed, ElementsAre(11));
}

TEST(ByHalves, EndsWhereARefusalFails) {
  const auto fail = [](std::size_t, std::size_t) -> Status { return user_error("row-failed", ""); };
  std::vector<std::size_t> refused;
  const Status done = by_halves(0, 3, fail, [&](std::size_t row, const Error&) -> Status {
    refused.push_back(row);
    return internal_error("full", "no room");
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "full");
  EXPECT_THAT(refused, ElementsAre(0));
}

}  // namespace
}  // namespace leat
