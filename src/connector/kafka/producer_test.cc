#include "connector/kafka/producer.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_patience.h"
#include "connector/kafka/cluster_test_support.h"

namespace leat::connector::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

const PositionPlace place{"positions", "positions"};

std::unique_ptr<Producer> begun(TestCluster& kafka) {
  auto producer = Producer::make(kafka.connection(), {{"transactional.id", "positions"}});
  EXPECT_TRUE(producer) << producer.error().message;
  const Status init = (*producer)->init(Deadline({}, 30'000));
  EXPECT_TRUE(init) << init.error().message;
  return std::move(*producer);
}

/// Transactions with nothing but a position each, until one fails.
Status store_on_and_on(Producer& producer) {
  for (int i = 0;; ++i) {
    LEAT_TRY(producer.begin());
    LEAT_TRY(producer.store(place, {"instance", std::to_string(i)}, Deadline({}, 60'000)));
    LEAT_TRY(producer.commit(Deadline({}, 60'000)));
  }
}

/// The call in which a broker dies is another one each time, and most often the one that stores:
/// librdkafka's own would stay in it until the broker is back.
TEST(KafkaProducer, EndsItsCallsSoonAfterTheOnlyBrokerDied) {
  LEAT_NEED_SERVER(server, "kafka");
  TestCluster kafka(&server);
  kafka.create(place.topic);
  for (int round = 0; round < 3; ++round) {
    auto producer = begun(kafka);
    steady_clock::time_point killed_at;
    std::jthread killer([&] {
      std::this_thread::sleep_for(milliseconds(500));
      EXPECT_EQ(kafka.command("kill"), "ok");
      killed_at = steady_clock::now();
    });
    const Status failed = store_on_and_on(*producer);
    const auto failed_at = steady_clock::now();
    killer.join();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, "kafka-unreachable") << failed.error().message;
    EXPECT_LT(failed_at - killed_at, cut_off_grace + patience(milliseconds(5000)));
    const auto destroyed_at = steady_clock::now();
    (void)producer->abort(Deadline({}, 500));
    producer.reset();
    EXPECT_LT(steady_clock::now() - destroyed_at, patience(milliseconds(3000)));
    ASSERT_EQ(kafka.command("restart"), "ok");
  }
  // Nobody who was left behind stores anything later.
  auto producer = begun(kafka);
  ASSERT_TRUE(producer->begin());
  ASSERT_TRUE(producer->store(place, {"instance", "last"}, Deadline({}, 30'000)));
  ASSERT_TRUE(producer->commit(Deadline({}, 30'000)));
  const auto stored = read_stored_position(kafka.connection(), place, true, Deadline({}, 30'000));
  ASSERT_TRUE(stored && *stored);
  EXPECT_EQ((*stored)->position, "last");
}

}  // namespace
}  // namespace leat::connector::kafka
