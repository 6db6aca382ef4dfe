#include "runtime/topic_writer.h"

#include <thread>

#include <gmock/gmock.h>

#include "log/topics_fixture.h"
#include "state/scratch_directory.h"

namespace leat::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Position = std::optional<std::string>;

class TopicWriterTest : public log::TopicsFixture {
 protected:
  TopicWriterTest() {
    EXPECT_TRUE(start());
    config_.compression = log::Compression::none;
    store_ = state::Store::open(directory_.path()).value();
    cursors_ = store_->family("cursors").value();
    open();
  }

  /// As a run of the source does. The clock of the last note begins anew.
  void open() {
    writer_.reset();
    writer_ = std::make_unique<TopicWriter>(
        TopicWriter::Setup{.source = "src",
                           .topic = *topics_->open("t", config_).value(),
                           .store = *store_,
                           .cursors = *cursors_,
                           .paused = paused_,
                           .stop = stop_.get_token(),
                           .status = status_});
  }
  /// The process dies, and the disk loses what was not synced.
  void crash() {
    writer_.reset();
    files_.lose_power(1);
    ASSERT_TRUE(start());
    open();
  }

  Status append(std::vector<std::string> values, std::string_view position = "") {
    std::vector<connector::RecordWriter::Entry> entries;
    for (const std::string& value : values) entries.push_back({.value = value});
    return position.empty() ? writer_->append(entries) : writer_->append(entries, position);
  }
  /// Removes what the source wrote, as retention does.
  void remove_all() {
    log::PartitionLog& partition = log();
    for (int segment = 0; segment < 3; ++segment) {
      ASSERT_TRUE(append(std::vector<std::string>(20, std::string(100, 'x'))));
    }
    ASSERT_TRUE(partition.remove_before(partition.next_offset()));
    ASSERT_GT(partition.first_offset(), Offset(0));
  }

  state::ScratchDirectory directory_;
  std::unique_ptr<state::Store> store_;
  state::Family* cursors_ = nullptr;
  std::atomic<bool> paused_{false};
  std::stop_source stop_;
  connector::SourceStatus status_;
  std::unique_ptr<TopicWriter> writer_;
};

TEST_F(TopicWriterTest, HasNoPositionAtFirst) {
  EXPECT_EQ(writer_->position().value(), std::nullopt);
  ASSERT_TRUE(append({"a"}));
  EXPECT_EQ(writer_->position().value(), std::nullopt);
}

TEST_F(TopicWriterTest, IsOnDiskWhenItReturns) {
  ASSERT_TRUE(append({"a", "b"}, "p1"));
  crash();
  EXPECT_THAT(read_all(log()), ElementsAre("0=a", "1=b"));
  EXPECT_EQ(writer_->position().value(), Position("p1"));
}

TEST_F(TopicWriterTest, GoesOnAtTheNewestPositionOfTheTopic) {
  ASSERT_TRUE(append({"a"}, "p1"));
  ASSERT_TRUE(append({"b"}, "p2"));  // within five seconds: not noted
  ASSERT_TRUE(append({"c"}, "p3"));
  EXPECT_EQ(writer_->position().value(), Position("p3"));
  open();
  EXPECT_EQ(writer_->position().value(), Position("p3"));
}

TEST_F(TopicWriterTest, PrefersANoteThatIsNewerThanTheTopic) {
  ASSERT_TRUE(append({"a"}, "p1"));
  ASSERT_TRUE(append({}, "p2"));  // the source moved on without records
  EXPECT_EQ(writer_->position().value(), Position("p2"));
  open();
  EXPECT_EQ(writer_->position().value(), Position("p2"));
  ASSERT_TRUE(append({"b"}, "p3"));
  ASSERT_TRUE(append({"c"}, "p4"));
  EXPECT_EQ(writer_->position().value(), Position("p4")) << "the topic is newer again";
}

TEST_F(TopicWriterTest, FindsItsPositionBehindWhatOthersPush) {
  ASSERT_TRUE(append({"a"}, "p1"));
  ASSERT_TRUE(append({"b"}, "p2"));
  ASSERT_TRUE(append_synced(log(), std::vector<std::string>(2000, "pushed")));
  open();
  EXPECT_EQ(writer_->position().value(), Position("p2"));
}

TEST_F(TopicWriterTest, KnowsItsPositionWhenRetentionHasRemovedEveryRecord) {
  ASSERT_TRUE(append({"a"}, "p1"));
  ASSERT_TRUE(append({}, "p2"));
  remove_all();
  open();
  EXPECT_EQ(writer_->position().value(), Position("p2"));
}

TEST_F(TopicWriterTest, DoesNotCountRecordsOfOthersThatAreLostInACrash) {
  ASSERT_TRUE(append({"a"}, "p1"));
  ASSERT_TRUE(log::TopicsFixture::append(log(), {"pushed", "pushed"}));  // and not synced
  ASSERT_TRUE(append({}, "p2"));
  crash();
  log::PartitionLog& partition = log();
  ASSERT_EQ(partition.next_offset(), Offset(1));
  // A batch whose position was not noted before the next crash.
  std::vector<log::NewRecord> records{{.value = "b"}};
  records[0].headers = {{position_header, "p3"}};
  ASSERT_TRUE(partition.append(records, std::nullopt));
  ASSERT_TRUE(partition.sync(Offset(1)));
  EXPECT_EQ(writer_->position().value(), Position("p3"));
}

TEST_F(TopicWriterTest, SpreadsRecordsWithoutAPositionOverThePartitions) {
  config_.partitions = 2;
  open();
  ASSERT_TRUE(append({"a"}));
  ASSERT_TRUE(append({"b"}));
  ASSERT_TRUE(append({"c"}, "p1"));
  ASSERT_TRUE(append({"d"}, "p2"));
  EXPECT_THAT(read_all(topics_->find("t")->partition(Partition(0))),
              ElementsAre("0=a", "1=c", "2=d"));
  EXPECT_THAT(read_all(topics_->find("t")->partition(Partition(1))), ElementsAre("0=b"));
}

TEST_F(TopicWriterTest, WaitsWhileTheDiskHasNoRoomAndEndsWhenAsked) {
  paused_ = true;
  std::jthread source([&] { EXPECT_TRUE(append({"a"}, "p1")); });
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  EXPECT_THAT(read_all(log()), IsEmpty());
  paused_ = false;
  source.join();
  EXPECT_THAT(read_all(log()), ElementsAre("0=a"));

  paused_ = true;
  std::jthread stopped([&] {
    const Status status = append({"b"}, "p2");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, "stopping");
  });
  stop_.request_stop();
  stopped.join();
  EXPECT_EQ(writer_->position().value(), Position("p1"));
}

TEST_F(TopicWriterTest, SaysWhatIsWrongWithANoteItCannotRead) {
  const auto batch = store_->new_batch();
  batch->put(*cursors_, "source/src", "nonsense");
  ASSERT_TRUE(store_->commit(*batch));
  const auto position = writer_->position();
  ASSERT_FALSE(position);
  EXPECT_EQ(position.error().code, "store-damaged");
}

}  // namespace
}  // namespace leat::runtime
