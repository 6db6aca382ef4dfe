#include "trial/pairing.h"

#include <random>

#include <gmock/gmock.h>

namespace leat::trial {
namespace {

using ::testing::ElementsAre;
using Fits = std::vector<std::vector<bool>>;

std::vector<std::optional<std::size_t>> pairs_of(const Fits& fits, std::size_t there) {
  return pair_up(fits.size(), there, [&](std::size_t a, std::size_t b) { return fits[a][b]; });
}

TEST(Pairing, MovesAsideWhoCanTakeSomethingElse) {
  EXPECT_THAT(pairs_of({{true, true, true}, {true, true, false}, {true, false, false}}, 3),
              ElementsAre(2, 1, 0));
}

TEST(Pairing, LeavesOutWhatFitsNothing) {
  EXPECT_THAT(pairs_of({{false}, {true}, {true}}, 1), ElementsAre(std::nullopt, 0, std::nullopt));
  EXPECT_THAT(pairs_of({}, 2), ElementsAre());
  EXPECT_THAT(pairs_of({{}, {}}, 0), ElementsAre(std::nullopt, std::nullopt));
}

/// The most that can be paired, by trying all ways.
std::size_t most_pairs(const Fits& fits, std::size_t from, std::vector<bool>& taken) {
  if (from == fits.size()) return 0;
  std::size_t most = most_pairs(fits, from + 1, taken);
  for (std::size_t b = 0; b < taken.size(); ++b) {
    if (taken[b] || !fits[from][b]) continue;
    taken[b] = true;
    most = std::max(most, 1 + most_pairs(fits, from + 1, taken));
    taken[b] = false;
  }
  return most;
}

TEST(Pairing, PairsAsManyAsCanBe) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const std::size_t there = random() % 6;
    Fits fits(random() % 6, std::vector<bool>(there));
    for (auto& row : fits) {
      for (std::size_t b = 0; b < there; ++b) row[b] = random() % 3 == 0;
    }
    const auto pairs = pairs_of(fits, there);
    std::vector<bool> taken(there);
    std::size_t count = 0;
    for (std::size_t a = 0; a < pairs.size(); ++a) {
      if (!pairs[a]) continue;
      ASSERT_TRUE(fits[a][*pairs[a]]);
      ASSERT_FALSE(taken[*pairs[a]]);
      taken[*pairs[a]] = true;
      ++count;
    }
    std::vector<bool> none(there);
    EXPECT_EQ(count, most_pairs(fits, 0, none));
  }
}

}  // namespace
}  // namespace leat::trial
