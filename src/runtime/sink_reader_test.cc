#include "runtime/sink_reader.h"

#include <gmock/gmock.h>

#include "log/record_batch.h"
#include "runtime/changelog_test_support.h"

namespace leat::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SinkPosition, IsATextOfItsDirectory) {
  SinkPosition position;
  position.offsets = {Offset(1042), Offset(0)};
  EXPECT_EQ(position.text("5f0c"), "5f0c 1042 0");
  const auto parsed = SinkPosition::parse("5f0c 1042 0", "5f0c");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->offsets, position.offsets);
  EXPECT_FALSE(SinkPosition::parse("5f0c 1042 0", "a000")) << "of another directory";
  EXPECT_FALSE(SinkPosition::parse("5f0cd 1042", "5f0c")) << "of one with a longer name";
  EXPECT_FALSE(SinkPosition::parse("5f0c 1042 x", "5f0c"));
  EXPECT_FALSE(SinkPosition::parse("5f0c 99999999999999999999", "5f0c"));
}

class SinkReaderTest : public ChangelogFixture {
 protected:
  /// The sink reads a topic of so many partitions instead.
  void reads_topic(std::int32_t partitions) {
    input_.kind = connector::SinkInput::Kind::topic;
    input_.schema = connector::record_schema();
    config_.partitions = partitions;
    topic_ = topics_->open("t", config_).value();
    reader_ = std::make_unique<SinkReader>(input_, *topic_, nullptr);
  }
  void reads_changelog() {
    ASSERT_TRUE(open());
    topic_ = topics_->find("changes.out");
    reader_ = std::make_unique<SinkReader>(input_, *topic_, changelog_.get());
  }
  log::PartitionLog& partition(std::int32_t number) { return topic_->partition(Partition(number)); }

  /// "partition/offset=value" of the next batch of a topic.
  std::vector<std::string> next(SinkPosition& position) {
    static const VectorShape shape = VectorShape::of(Type::of(DUCKDB_TYPE_BLOB));
    std::vector<std::string> out;
    const auto batch = reader_->next(position).value();
    if (!batch) return out;
    for (const connector::SinkRows& part : batch->parts) {
      const VectorReader values(shape, part.rows.vector(connector::record_value));
      for (std::size_t row = 0; row < part.rows.size(); ++row) {
        out.push_back(fmt::format("{}/{}={}", batch->partition, part.offsets[row],
                                  values.valid(row) ? values.text(row) : "-"));
      }
    }
    return out;
  }
  /// Those of the next batch of a changelog.
  std::vector<std::string> next_changes(SinkPosition& position) {
    std::vector<std::string> out;
    const auto batch = reader_->next(position).value();
    if (!batch) return out;
    for (const connector::SinkRows& part : batch->parts) {
      for (std::string& text : texts_of(part.rows, part.weights)) out.push_back(std::move(text));
    }
    return out;
  }
  /// Each record's headers, encoded.
  std::vector<std::string> next_headers(SinkPosition& position) {
    static const VectorShape shape = VectorShape::of(Type::of(DUCKDB_TYPE_BLOB));
    std::vector<std::string> out;
    const auto batch = reader_->next(position).value();
    if (!batch) return out;
    const VectorReader headers(shape, batch->parts[0].rows.vector(connector::record_headers));
    for (std::size_t row = 0; row < batch->rows; ++row) {
      out.emplace_back(headers.valid(row) ? headers.text(row) : "none");
    }
    return out;
  }

  log::Topic* topic_ = nullptr;
  std::unique_ptr<SinkReader> reader_;
};

TEST_F(SinkReaderTest, TakesThePartitionsByTurns) {
  reads_topic(2);
  ASSERT_TRUE(append_synced(partition(0), {"a", "b"}));
  ASSERT_TRUE(append_synced(partition(1), {"c"}));
  SinkPosition position = reader_->begin();
  EXPECT_EQ(reader_->lag(position), 3u);
  EXPECT_THAT(next(position), ElementsAre("0/0=a", "0/1=b"));
  ASSERT_TRUE(append_synced(partition(0), {"d"}));
  EXPECT_THAT(next(position), ElementsAre("1/0=c"));
  EXPECT_EQ(reader_->lag(position), 1u);
  EXPECT_THAT(next(position), ElementsAre("0/2=d"));
  EXPECT_THAT(next(position), IsEmpty());
  EXPECT_EQ(reader_->lag(position), 0u);
  EXPECT_THAT(position.offsets, ElementsAre(Offset(3), Offset(1)));
}

TEST_F(SinkReaderTest, ReadsWhatIsOnDiskOnly) {
  reads_topic(1);
  ASSERT_TRUE(append(partition(0), {"not yet"}));
  SinkPosition position = reader_->begin();
  EXPECT_THAT(next(position), IsEmpty());
  ASSERT_TRUE(partition(0).sync(Offset(0)));
  EXPECT_THAT(next(position), ElementsAre("0/0=not yet"));
}

TEST_F(SinkReaderTest, ReadsWhatIsCommittedOnly) {
  reads_changelog();
  ASSERT_TRUE(write({{{1, "a"}, {2, "b"}}}));
  ASSERT_TRUE(commit());
  ASSERT_TRUE(write({{{3, "c"}}}));
  ASSERT_TRUE(changelog_->prepare());  // on disk, but the store may yet fail
  SinkPosition position = reader_->begin();
  EXPECT_EQ(reader_->lag(position), 2u);
  EXPECT_THAT(next_changes(position), ElementsAre("+1=a", "+2=b"));
  EXPECT_THAT(next_changes(position), IsEmpty());
  ASSERT_TRUE(changelog_->committed());
  EXPECT_THAT(next_changes(position), ElementsAre("+3=c"));
}

TEST_F(SinkReaderTest, GivesAPairInOneBatch) {
  is_view();
  reads_changelog();
  std::vector<std::vector<TestChange>> old_rows, new_rows, both;
  const std::string wide(500, 'x');
  for (std::int64_t key = 0; key < 6000; key += 500) {
    auto& gone = old_rows.emplace_back();
    auto& come = new_rows.emplace_back();
    for (std::int64_t i = key; i < key + 500; ++i) {
      gone.push_back({i, wide, -1});
      come.push_back({i, wide, 1});
    }
  }
  both = old_rows;
  both.insert(both.end(), new_rows.begin(), new_rows.end());
  ASSERT_TRUE(write(both));
  ASSERT_TRUE(commit());
  SinkPosition position = reader_->begin();
  std::size_t batches = 0, rows = 0;
  for (auto changes = next_changes(position); !changes.empty(); changes = next_changes(position)) {
    ++batches;
    rows += changes.size();
    ASSERT_EQ(changes.size() % 2, 0u);
    for (std::size_t i = 0; i < changes.size(); i += 2) {
      ASSERT_EQ(changes[i][0], '-');
      ASSERT_EQ(changes[i].substr(1), changes[i + 1].substr(1));
    }
  }
  EXPECT_EQ(rows, 12'000u);
  EXPECT_GT(batches, 2u);
}

TEST_F(SinkReaderTest, BoundsABatchHoweverMuchThereIs) {
  reads_topic(1);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(append_synced(partition(0), std::vector<std::string>(100, std::string(1000, 'x'))));
  }
  SinkPosition position = reader_->begin();
  const auto batch = reader_->next(position).value();
  ASSERT_TRUE(batch);
  EXPECT_GE(batch->rows, 1000u);
  EXPECT_LE(batch->rows, 1200u);
  std::size_t rows = 0;
  for (const connector::SinkRows& part : batch->parts) {
    EXPECT_LE(part.rows.size(), chunk_rows_max);
    rows += part.rows.size();
  }
  EXPECT_EQ(rows, batch->rows);
}

TEST_F(SinkReaderTest, TellsWhatRetentionTookAway) {
  config_.segment_bytes = 1024;
  config_.compression = log::Compression::none;
  reads_topic(1);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(append_synced(partition(0), std::vector<std::string>(10, std::string(100, 'x'))));
  }
  ASSERT_TRUE(partition(0).remove_before(Offset(30)));
  const Offset first = partition(0).first_offset();
  ASSERT_GT(first, Offset(10));
  SinkPosition position;
  position.offsets = {Offset(10)};
  EXPECT_EQ(reader_->bring_into_range(position), static_cast<std::uint64_t>(first - Offset(10)));
  EXPECT_EQ(position.offsets[0], first);
  EXPECT_EQ(reader_->bring_into_range(position), 0u);
}

TEST_F(SinkReaderTest, GoesOnWithPartitionsThatWereAdded) {
  reads_topic(1);
  ASSERT_TRUE(append_synced(partition(0), {"a"}));
  SinkPosition position = reader_->begin();
  EXPECT_THAT(next(position), ElementsAre("0/0=a"));
  reads_topic(2);
  ASSERT_TRUE(append_synced(partition(1), {"b"}));
  EXPECT_EQ(reader_->bring_into_range(position), 0u);
  EXPECT_THAT(position.offsets, ElementsAre(Offset(1), Offset(0)));
  EXPECT_THAT(next(position), ElementsAre("1/0=b"));
}

TEST_F(SinkReaderTest, GoesBackWhereADirectoryWasRestoredFromABackup) {
  reads_topic(1);
  ASSERT_TRUE(append_synced(partition(0), {"a"}));
  SinkPosition position;
  position.offsets = {Offset(50)};
  EXPECT_EQ(reader_->bring_into_range(position), 0u);
  EXPECT_EQ(position.offsets[0], Offset(1));
}

TEST_F(SinkReaderTest, PassesOverRowsOfOtherColumns) {
  reads_changelog();
  ASSERT_TRUE(write({{{1, "a"}}}));
  const auto prepared = commit();
  ASSERT_TRUE(prepared);
  input_.from = "other_rows";
  ASSERT_TRUE(open(*prepared));
  reader_ = std::make_unique<SinkReader>(input_, *topic_, changelog_.get());
  ASSERT_TRUE(write({{{2, "b"}}}));
  ASSERT_TRUE(commit());
  SinkPosition position;
  position.offsets = {Offset(0)};
  EXPECT_EQ(reader_->bring_into_range(position), 0u) << "nobody missed them";
  EXPECT_THAT(next_changes(position), ElementsAre("+2=b"));
}

TEST_F(SinkReaderTest, GivesHeadersAsTheyCameAndHidesItsOwn) {
  reads_topic(1);
  const std::vector<log::Headers> all = {{{"a", "xy"}, {"a", "z"}, {"null", {}}},
                                         {},
                                         {{"b", ""}, {position_header, "p1"}},
                                         {{position_header, "p2"}}};
  std::vector<log::NewRecord> records;
  for (const log::Headers& headers : all) {
    records.push_back({.value = "v"});
    records.back().headers = headers;
  }
  ASSERT_TRUE(partition(0).append(records, std::nullopt));
  ASSERT_TRUE(partition(0).sync(Offset(3)));
  SinkPosition position = reader_->begin();
  EXPECT_THAT(next_headers(position), ElementsAre(std::string("\x06\x02"
                                                              "a\x04xy\x02"
                                                              "a\x02z\x08null\x01"),
                                                  "none",
                                                  std::string("\x02\x02"
                                                              "b\0",
                                                              4),
                                                  "none"));
}

}  // namespace
}  // namespace leat::runtime
