#include "connector/random_user/generator.h"

#include <gtest/gtest.h>

#include "connector/default_settings_test.h"
#include "connector/random.h"
#include "connector/random_user/spec.h"
#include "connector/random_user/users.h"

namespace leat::connector {
namespace {

using Outcome = PartitionReader::Outcome;

class HandClock final : public Clock {
 public:
  TimestampMs now_ms() const override { return 1'000'000 + passed.count(); }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(passed);
  }
  std::chrono::milliseconds passed{0};
};

class GeneratorTest : public testing::Test {
 protected:
  std::vector<std::unique_ptr<PartitionReader>> make() {
    source_ = *make_random_user_source(settings_, {.clock = clock_});
    return *source_->discover();
  }
  std::vector<std::string> read(PartitionReader& reader, std::size_t bytes = 1 << 20) {
    Slice slice;
    std::vector<std::string> values;
    const auto outcome = reader.read(slice, bytes);
    EXPECT_TRUE(outcome.has_value());
    last_outcome_ = *outcome;
    if (*outcome == Outcome::records) next_ = slice.next;
    for (const Record& record : slice.records) {
      values.emplace_back(record.value);
      timestamps_.push_back(record.timestamp);
    }
    return values;
  }

  HandClock clock_;
  Settings settings_ = default_settings(random_user_spec());
  std::unique_ptr<ReplayableSource> source_;
  Outcome last_outcome_ = Outcome::nothing;
  Offset next_;
  std::vector<TimestampMs> timestamps_;
};

TEST_F(GeneratorTest, GivesTheUsersOfItsSeedAndEnds) {
  settings_.set("count", std::int64_t{5});
  settings_.set("rate", 0.0);
  const auto readers = make();
  ASSERT_EQ(readers.size(), 1u);
  const auto values = read(*readers[0]);
  ASSERT_EQ(values.size(), 5u);
  std::string expected;
  append_user({.seed = seed_of("leat")}, 3, expected);
  EXPECT_EQ(values[3], expected);
  read(*readers[0]);
  EXPECT_EQ(last_outcome_, Outcome::ended);
  EXPECT_TRUE(source_->discover()->empty());
}

TEST_F(GeneratorTest, PartitionsShareTheUsersOut) {
  settings_.set("count", std::int64_t{10});
  settings_.set("rate", 0.0);
  const auto whole = read(*make()[0]);
  settings_.set("partitions", std::int64_t{3});
  const auto readers = make();
  ASSERT_EQ(readers.size(), 3u);
  EXPECT_EQ(readers[2]->name(), "2");
  std::size_t total = 0;
  for (std::size_t p = 0; p < 3; ++p) {
    const auto part = read(*readers[p]);
    total += part.size();
    for (std::size_t i = 0; i < part.size(); ++i) EXPECT_EQ(part[i], whole[p + 3 * i]);
  }
  EXPECT_EQ(total, 10u);
}

TEST_F(GeneratorTest, GoesOnAtAPosition) {
  settings_.set("rate", 0.0);
  const auto first = make();
  read(*first[0], 5000);
  const Offset position = next_;
  const auto expected = read(*first[0], 5000);
  const auto second = make();
  ASSERT_TRUE(second[0]->seek(position));
  EXPECT_EQ(read(*second[0], 5000), expected);
  EXPECT_FALSE(second[0]->seek(Offset(-1)));
}

TEST_F(GeneratorTest, KeepsToItsRateAndMakesUpForDelays) {
  settings_.set("rate", 10.0);
  const auto readers = make();
  EXPECT_EQ(read(*readers[0]).size(), 1u);
  EXPECT_EQ(read(*readers[0]).size(), 0u);
  EXPECT_EQ(last_outcome_, Outcome::nothing);
  clock_.passed = std::chrono::milliseconds(350);
  EXPECT_EQ(readers[0]->lag(), 3u);
  EXPECT_EQ(read(*readers[0]).size(), 3u);
  EXPECT_EQ(timestamps_, (std::vector<TimestampMs>{1'000'000, 1'000'100, 1'000'200, 1'000'300}));
}

TEST_F(GeneratorTest, RefusesAnUnknownNationality) {
  settings_.set("nationalities", std::vector<std::string>{"DE", "XX"});
  const auto source = make_random_user_source(settings_, {.clock = clock_});
  ASSERT_FALSE(source.has_value());
  EXPECT_EQ(source.error().code, "unknown-nationality");
}

}  // namespace
}  // namespace leat::connector
