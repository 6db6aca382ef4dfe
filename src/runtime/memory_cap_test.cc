#include "runtime/memory_cap.h"

#include <gtest/gtest.h>

namespace leat::runtime {
namespace {

constexpr std::uint64_t mib = 1u << 20;

/// A process that holds `others`, its rows, and what it has freed and not given back.
class MemoryCapTest : public testing::Test {
 protected:
  std::uint64_t resident() const { return others_ + budget_.held() + freed_; }
  /// What rows may have while others hold so much, MiB.
  std::uint64_t left_by(std::uint64_t others) {
    others_ = others * mib;
    cap_.adjust(budget_);
    return budget_.bytes_max() / mib;
  }
  /// As views do: the places of rows that leave are kept for others.
  void use(std::uint64_t bytes) {
    budget_.change({budget_.used(), budget_.held()}, {bytes, std::max(bytes, budget_.held())});
  }

  std::uint64_t others_ = 200 * mib, freed_ = 0;
  int given_back_ = 0;
  op::MemoryBudget budget_{100 * mib, 1};
  MemoryCap cap_{{.bytes_max = 1000 * mib,
                  .resident = [this] { return resident(); },
                  .give_back =
                      [this] {
                        ++given_back_;
                        freed_ = 0;
                      }}};
};

TEST_F(MemoryCapTest, RowsHaveWhatOthersLeave) {
  EXPECT_EQ(cap_.rows_at_first(), 350 * mib);
  use(100 * mib);
  EXPECT_EQ(left_by(200), 700u);
  EXPECT_EQ(left_by(500), 400u);
  EXPECT_EQ(given_back_, 0);
  EXPECT_FALSE(cap_.is_full());
}

TEST_F(MemoryCapTest, NearTheLimitRowsDoNotBecomeMore) {
  use(700 * mib);
  EXPECT_EQ(left_by(250), 700u);
  EXPECT_EQ(given_back_, 1);
  EXPECT_TRUE(cap_.is_full());
}

TEST_F(MemoryCapTest, AboveTheLimitRowsLeaveOnce) {
  use(700 * mib);
  EXPECT_EQ(left_by(400), 600u);
  use(600 * mib);
  EXPECT_EQ(left_by(400), 600u) << "their places are what is left to others";
  EXPECT_EQ(left_by(100), 800u);
}

TEST_F(MemoryCapTest, MemoryThatIsFreeIsGivenBackFirst) {
  use(300 * mib);
  freed_ = 400 * mib;
  EXPECT_EQ(left_by(200), 300u);
  EXPECT_EQ(freed_, 400 * mib) << "nobody needs it yet";
  EXPECT_EQ(left_by(550), 350u);
  EXPECT_EQ(freed_, 0u);
}

TEST_F(MemoryCapTest, SomeRowsStayWhateverOthersTake) {
  use(100 * mib);
  EXPECT_EQ(left_by(2000), MemoryCap::rows_min / mib);
  EXPECT_EQ(cap_.rows_at_first(), MemoryCap::rows_min);
}

}  // namespace
}  // namespace leat::runtime
