#include "connector/object/merge_choice.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace leat::connector::object {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr MergePlan plan{.below_bytes = 1000, .after_ms = 60};

std::vector<std::string> keys_of(const std::vector<Object>& files) {
  std::vector<std::string> keys;
  for (const Object& file : files) keys.push_back(file.key);
  return keys;
}

TEST(MergeChoice, TakesSmallFilesOfOneFolder) {
  const std::vector<Object> files = {{"year=1/b", 500, 0}, {"year=1/a", 400, 0},
                                     {"year=1/c", 900, 0}, {"year=2/a", 100, 0},
                                     {"year=2/b", 100, 0}, {"year=1/large", 1000, 0}};
  EXPECT_THAT(keys_of(choose_merge(files, plan, 100)),
              ElementsAre("year=1/a", "year=1/b", "year=1/c"));
}

TEST(MergeChoice, LeavesAloneWhatIsNewOrAlone) {
  EXPECT_THAT(choose_merge({}, plan, 100), IsEmpty());
  EXPECT_THAT(choose_merge({{"a", 1, 0}}, plan, 100), IsEmpty());
  EXPECT_THAT(choose_merge({{"a", 1, 0}, {"b", 1, 41}}, plan, 100), IsEmpty());
  EXPECT_THAT(choose_merge({{"x/a", 1, 0}, {"y/b", 1, 0}}, plan, 100), IsEmpty());
  EXPECT_THAT(choose_merge({{"a", 1, 0}, {"b", 1, 40}}, plan, 100), SizeIs(2));
}

TEST(MergeChoice, DoesNotWriteALargeFileAnewForASmallOne) {
  EXPECT_THAT(choose_merge({{"a", 900, 0}, {"b", 5, 0}}, plan, 100), IsEmpty());
  EXPECT_THAT(
      keys_of(choose_merge({{"a", 900, 0}, {"b", 5, 0}, {"c", 4, 0}, {"d", 3, 0}}, plan, 100)),
      ElementsAre("b", "c", "d"));
}

/// A file of 10 bytes comes 10,000 times; each byte is written anew about log2 of that.
TEST(MergeChoice, WritesLittleAnew) {
  constexpr MergePlan all{.below_bytes = 1u << 30, .after_ms = 0};
  std::vector<Object> files;
  std::uint64_t written = 0;
  constexpr std::size_t count = 4096;
  for (std::size_t i = 0; i < count; ++i) {
    files.push_back({fmt::format("{:08}", i), 10, 0});
    while (true) {
      const auto chosen = choose_merge(files, all, 0);
      if (chosen.empty()) break;
      Object merged{chosen.front().key, 0, 0};
      for (const Object& one : chosen) {
        merged.bytes += one.bytes;
        std::erase(files, one);
      }
      written += merged.bytes;
      files.push_back(merged);
    }
  }
  EXPECT_LT(files.size(), 20u);
  EXPECT_LT(written, count * 10 * 14);
}

}  // namespace
}  // namespace leat::connector::object
