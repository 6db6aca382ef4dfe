#include "runtime/pusher.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace leat::runtime
