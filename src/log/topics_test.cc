#include "log/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_patience.h"
#include "log/topic_settings.h"
#include "log/topics_fixture.h"

namespace leat::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class TopicsTest : public TopicsFixture {
 protected:
  TopicsTest() { EXPECT_TRUE(start()); }
  std::vector<std::string> names() {
    std::vector<std::string> names;
    for (Topic* topic : topics_->all()) names.push_back(topic->name());
    return names;
  }
};

TEST_F(TopicsTest, AreThereAfterARestart) {
  config_.partitions = 3;
  config_.compacted = true;
  config_.retention_ms = 5;
  config_.compression = Compression::zstd;
  ASSERT_TRUE(topics_->open("users", config_));
  ASSERT_TRUE(topics_->open("a.b_c-d", {}));
  ASSERT_TRUE(start());
  EXPECT_THAT(names(), ElementsAre("a.b_c-d", "users"));
  const TopicConfig& config = topics_->find("users")->config();
  EXPECT_EQ(config.partitions, 3);
  EXPECT_TRUE(config.compacted);
  EXPECT_EQ(config.retention_ms, 5);
  EXPECT_EQ(config.retention_bytes, std::nullopt);
  EXPECT_EQ(config.compression, Compression::zstd);
  EXPECT_EQ(config.segment_bytes, 1024u);
  EXPECT_EQ(topics_->find("nobody"), nullptr);
}

TEST_F(TopicsTest, TakeNewSettingsAndMorePartitions) {
  Topic* topic = topics_->open("t", config_).value();
  PartitionLog& first = topic->partition(Partition(0));
  ASSERT_TRUE(append_synced(first, {"kept"}));
  config_.partitions = 4;
  EXPECT_EQ(topics_->open("t", config_).value(), topic);
  EXPECT_EQ(&topic->partition(Partition(0)), &first);
  EXPECT_TRUE(append_synced(topic->partition(Partition(3)), {"new"}));
  config_.partitions = 2;
  const auto fewer = topics_->open("t", config_);
  ASSERT_FALSE(fewer);
  EXPECT_EQ(fewer.error().code, "fewer-partitions");
  EXPECT_EQ(topic->partition_count(), 4);
  ASSERT_TRUE(start());
  EXPECT_THAT(read_all(topics_->find("t")->partition(Partition(3))), ElementsAre("0=new"));
}

TEST_F(TopicsTest, RefuseNamesThatCouldLeaveTheDirectory) {
  for (const std::string name : {"", ".", "..", "a/b", "../x", "a b", "ä", "a\\b"}) {
    EXPECT_EQ(topics_->open(name, {}).error().code, "bad-topic-name") << name;
  }
  EXPECT_FALSE(check_topic_name(std::string_view("a\0b", 3)));
  EXPECT_FALSE(check_topic_name(std::string(250, 'a')));
  EXPECT_TRUE(check_topic_name(std::string(249, 'a')));
  EXPECT_TRUE(check_topic_name("..."));
}

TEST_F(TopicsTest, RefuseSettingsThatCantBe) {
  for (auto change : std::vector<std::function<void(TopicConfig&)>>{
           [](TopicConfig& c) { c.partitions = 0; }, [](TopicConfig& c) { c.segment_bytes = 1; },
           [](TopicConfig& c) { c.retention_ms = -1; },
           [](TopicConfig& c) { c.record_bytes_max = 1ull << 40; }}) {
    TopicConfig config;
    change(config);
    EXPECT_EQ(topics_->open("t", config).error().code, "bad-topic-settings");
  }
}

TEST_F(TopicsTest, RefuseANewerLayoutAndDamagedSettings) {
  ASSERT_TRUE(topics_->open("t", config_));
  const auto newer = parse_settings("leat_topic 2\n", "/data/topics/t/settings");
  EXPECT_EQ(newer.error().code, "newer-version");
  topics_.reset();
  std::string settings = files_.contents("/data/topics/t/settings");
  settings[20] ^= 1;
  files_.overwrite("/data/topics/t/settings", settings);
  const Status opened = start();
  EXPECT_EQ(opened.error().code, "log-damaged");
  EXPECT_THAT(opened.error().message, HasSubstr("/data/topics/t/settings"));
}

TEST_F(TopicsTest, AMissingPartitionOrSegmentIsDamage) {
  PartitionLog& log = this->log();
  for (int n = 0; n < 40; ++n) {
    ASSERT_TRUE(append_synced(log, {std::string(40, static_cast<char>('a' + n % 26))}));
  }
  topics_.reset();
  std::vector<std::string> segments;
  for (const std::string& name : names_in("/data/topics/t/0")) {
    if (name.ends_with(".log")) segments.push_back("/data/topics/t/0/" + name);
  }
  ASSERT_GE(segments.size(), 3u);
  for (const std::size_t missing : {std::size_t{0}, segments.size() / 2}) {
    const std::string kept = files_.contents(segments[missing]);
    ASSERT_TRUE(files_.remove(segments[missing]));
    const Status opened = start();
    EXPECT_EQ(opened.error().code, "log-damaged");
    EXPECT_THAT(opened.error().message, HasSubstr("missing"));
    files_.overwrite(segments[missing], kept);
  }
  EXPECT_TRUE(start());
}

TEST_F(TopicsTest, KeepHouseByThemselves) {
  options_.housekeeping = std::chrono::milliseconds(1);
  options_.clock = &system_clock();
  ASSERT_TRUE(start());
  config_.retention_ms = 0;
  PartitionLog& log = this->log();
  ASSERT_TRUE(append_synced(log, {"soon gone"}));
  const auto deadline = std::chrono::steady_clock::now() + patience(std::chrono::seconds(20));
  while (log.first_offset() == Offset(0) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(log.first_offset(), Offset(1));
}

TEST(EndProcess, SaysWhyAndExits) {
  EXPECT_EXIT(end_process(Error{Domain::external, "io-error", "can't sync", false}),
              testing::ExitedWithCode(3), "io-error.*can't sync");
}

}  // namespace
}  // namespace leat::log
