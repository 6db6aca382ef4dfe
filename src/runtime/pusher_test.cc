#include "runtime/pusher.h"

#include <gtest/gtest.h>

#include "io/simulated_file_system.h"

namespace leat::runtime {
namespace {

TEST(Pusher, ChoosesPartitionsAsKafkaDoes) {
  // Kafka's Utils.murmur2, from the tests of Apache Kafka: the hashes of these keys are known.
  EXPECT_EQ(partition_of_key("21", 1 << 30).value(), (-973932308 & 0x7fffffff) % (1 << 30));
  EXPECT_EQ(partition_of_key("foobar", 1 << 30).value(), (-790332482 & 0x7fffffff) % (1 << 30));
  EXPECT_EQ(partition_of_key("a-little-bit-long-string", 1 << 30).value(),
            (-985981536 & 0x7fffffff) % (1 << 30));
}

TEST(Pusher, TellsIdentitiesApart) {
  const auto id = [](std::string name, std::int64_t sequence) {
    return producer_of({.id = std::move(name), .sequence = sequence}).id;
  };
  EXPECT_EQ(id("a", 1), id("a", 1));
  EXPECT_NE(id("a", 1), id("a", 2));
  EXPECT_NE(id("a", 1), id("a1", -1));
  EXPECT_GE(id("a", 1), 0);
}

/// A server's topics, pushed to by requests whose answers may be lost, on a machine that loses
/// power.
class PowerLoss : public testing::Test {
 protected:
  PowerLoss() {
    EXPECT_TRUE(files_.create_directories("/data"));
    open();
  }
  void open() {
    topics_.reset();
    topics_ = log::open_embedded_topics(files_, "/data/topics", {}).value();
    EXPECT_TRUE(topics_->open("orders", {}));
    pusher_ = std::make_unique<Pusher>(*topics_);
  }
  Appended push(std::int64_t number) {
    const std::string value = std::to_string(number);
    const PushRecord record{.value = value, .key = {}, .has_key = false};
    return pusher_->push("orders", {&record, 1}, PushIdentity{.id = "shop", .sequence = number})
        .value();
  }
  void lose_power(std::uint64_t seed) {
    pusher_.reset();
    topics_.reset();
    files_.lose_power(seed);
    open();
  }
  Offset end() { return topics_->find("orders")->partition(Partition(0)).durable_offset(); }

  io::SimulatedFileSystem files_;
  std::unique_ptr<log::Topics> topics_;
  std::unique_ptr<Pusher> pusher_;
};

TEST_F(PowerLoss, TakesNothingThatWasAcknowledged) {
  for (std::int64_t number = 0; number < 40; ++number) {
    push(number);
    lose_power(static_cast<std::uint64_t>(number));
    ASSERT_EQ(end().value(), number + 1);
  }
}

TEST_F(PowerLoss, CountsARequestThatIsSentAgainOnce) {
  for (std::int64_t number = 0; number < 20; ++number) {
    const Appended first = push(number);
    EXPECT_FALSE(first.duplicate);
    if (number % 2 == 0) lose_power(static_cast<std::uint64_t>(number));
    const Appended again = push(number);
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.first, first.first);
    ASSERT_EQ(end().value(), number + 1);
  }
}

}  // namespace
}  // namespace leat::runtime
