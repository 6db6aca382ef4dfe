#include "connector/cassandra/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/cassandra/token_ring.h"

namespace leat::connector::cql {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::uint32_t> replicas(const TokenRing& ring, Token token) {
  const auto found = ring.replicas(token);
  return {found.begin(), found.end()};
}

TEST(CqlToken, IsWhatCassandraComputes) {
  EXPECT_EQ(token_of(""), 0);
  EXPECT_EQ(token_of("a"), -8839064797231613815);
  EXPECT_EQ(token_of("hello"), -3758069500696749310);
  EXPECT_EQ(token_of("123456789012345"), -8615384237594390570);
  EXPECT_EQ(token_of("1234567890123456"), 5746133278497385720);
  EXPECT_EQ(token_of("12345678901234567"), 8396424490441422718);
}

TEST(CqlToken, CountsTheLastBytesAsSigned) {
  EXPECT_EQ(token_of(std::string(9, '\xff')), 8434364767658694854);
  EXPECT_EQ(token_of(std::string(25, '\x80')), 9187015392751122814);
  std::string high;
  for (int byte = 200; byte < 231; ++byte) high += static_cast<char>(byte);
  EXPECT_EQ(token_of(high), 4398332801500074197);
}

TEST(CqlTokenRing, ATokenBelongsToTheNextNodeAtOrAboveIt) {
  const TokenRing ring(
      {{"dc", "r", {-100}}, {"dc", "r", {0}}, {"dc", "r", {100}}},
      {{"class", "org.apache.cassandra.locator.SimpleStrategy"}, {"replication_factor", "2"}});
  EXPECT_THAT(replicas(ring, -100), ElementsAre(0, 1));
  EXPECT_THAT(replicas(ring, -99), ElementsAre(1, 2));
  EXPECT_THAT(replicas(ring, 100), ElementsAre(2, 0));
  EXPECT_THAT(replicas(ring, 101), ElementsAre(0, 1));
}

TEST(CqlTokenRing, ANodeWithManyTokensIsOneReplica) {
  const TokenRing ring({{"dc", "r", {0, 1, 2, 30}}, {"dc", "r", {20}}},
                       {{"class", "SimpleStrategy"}, {"replication_factor", "3"}});
  EXPECT_THAT(replicas(ring, 0), ElementsAre(0, 1));
  EXPECT_THAT(replicas(ring, 10), ElementsAre(1, 0));
}

TEST(CqlTokenRing, EachDataCentreHasItsOwnFactor) {
  const TokenRing ring({{"a", "r", {0}}, {"b", "r", {10}}, {"a", "r", {20}}, {"b", "r", {30}}},
                       {{"class", "NetworkTopologyStrategy"}, {"a", "1"}, {"b", "2"}});
  EXPECT_THAT(replicas(ring, 5), ElementsAre(1, 2, 3));
  EXPECT_THAT(replicas(ring, 25), ElementsAre(3, 0, 1));
}

TEST(CqlTokenRing, RacksAreTakenInTurnWhileThereAreOthers) {
  const TokenRing ring({{"a", "r1", {0}}, {"a", "r1", {10}}, {"a", "r2", {20}}, {"a", "r2", {30}}},
                       {{"class", "NetworkTopologyStrategy"}, {"a", "2"}});
  EXPECT_THAT(replicas(ring, 0), ElementsAre(0, 2));
  const TokenRing three({{"a", "r1", {0}}, {"a", "r1", {10}}, {"a", "r1", {15}}, {"a", "r2", {20}}},
                        {{"class", "NetworkTopologyStrategy"}, {"a", "3"}});
  EXPECT_THAT(replicas(three, 0), ElementsAre(0, 1, 3));
}

TEST(CqlTokenRing, AnUnknownStrategyHasNoReplicas) {
  const TokenRing ring({{"a", "r", {0}}}, {{"class", "LocalStrategy"}});
  EXPECT_THAT(replicas(ring, 0), IsEmpty());
}

}  // namespace
}  // namespace leat::connector::cql
