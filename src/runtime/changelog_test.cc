#include "runtime/changelog.h"

#include <map>

#include <gmock/gmock.h>

#include "runtime/changelog_test_support.h"

namespace leat::runtime {
namespace {

using testing::ElementsAre;

class ChangelogTest : public ChangelogFixture {
 protected:
  struct Written {
    std::string text;
    std::int64_t version_us;
    std::size_t batch;
  };
  /// All durable rows, and which batch of the log each is in.
  std::vector<Written> written() {
    std::vector<Written> out;
    const log::PartitionLog& log = changelog_->log();
    Slice slice;
    std::size_t batch = 0;
    for (Offset next = log.first_offset(); next < log.durable_offset(); next = slice.next) {
      EXPECT_TRUE(log.read(next, 1, slice));
      for (const Record& record : slice.records) {
        const auto entry = Changelog::entry_of(record.value).value();
        Chunk rows(test_schema());
        const std::string_view row = entry.row;
        EXPECT_TRUE(changelog_->codec().decode({&row, 1}, rows, 0));
        rows.set_size(1);
        out.push_back({texts_of(rows, {entry.weight})[0], entry.version_us, batch});
      }
      ++batch;
    }
    return out;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> out;
    for (const Written& row : written()) out.push_back(row.text);
    return out;
  }
};

TEST_F(ChangelogTest, KeepsTheRowsOfAStreamInOrder) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(write({{{2, "b"}, {1, "a"}}, {{2, "c"}}}));
  ASSERT_TRUE(commit());
  EXPECT_THAT(texts(), ElementsAre("+2=b", "+1=a", "+2=c"));
}

TEST_F(ChangelogTest, GoesOnAfterAFullDiskWhereItStopped) {
  ASSERT_TRUE(open());
  std::vector<std::vector<TestChange>> chunks(8);
  for (std::int64_t key = 0; key < 10'000; ++key) chunks[key / 1250].push_back({key, "a"});
  files_.fail(io::SimulatedFileSystem::Operation::append, 1,
              io::SimulatedFileSystem::Fault::short_write);
  const Status full = write(chunks);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, "disk-full");
  ASSERT_TRUE(write(chunks));
  ASSERT_TRUE(write({{{10'000, "a"}}}));
  ASSERT_TRUE(commit());
  const std::vector<Written> rows = written();
  ASSERT_EQ(rows.size(), 10'001u);
  for (std::size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i].text, fmt::format("+{}=a", i));
}

TEST_F(ChangelogTest, WritesWhatAKeyWasRightBeforeWhatItIs) {
  is_view();
  ASSERT_TRUE(open());
  // As views emit them: all that goes, then all that comes, shard by shard.
  ASSERT_TRUE(write({{{1, "a", -1}, {2, "b", -1}, {1, "A", 1}, {2, "B", 1}, {3, "C", 1}},
                     {{4, "d", -1}, {5, "e", -1}, {5, "E", 1}}}));
  ASSERT_TRUE(commit());
  EXPECT_THAT(texts(), ElementsAre("-1=a", "+1=A", "-2=b", "+2=B", "+3=C", "-4=d", "-5=e", "+5=E"));
}

TEST_F(ChangelogTest, PutsInOnlyAfterItHasTakenBackWhateverTheOrder) {
  is_view();
  ASSERT_TRUE(open());
  ASSERT_TRUE(write({{{1, "new", 1}, {2, "b", 1}}, {{1, "old", -1}}}));
  ASSERT_TRUE(commit());
  EXPECT_THAT(texts(), ElementsAre("-1=old", "+1=new", "+2=b"));
}

TEST_F(ChangelogTest, KnowsTheOneRowOfAViewWithoutAKey) {
  is_view();
  input_.key.clear();
  ASSERT_TRUE(open());
  ASSERT_TRUE(write({{{7, "new", 1}, {3, "old", -1}}}));
  ASSERT_TRUE(commit());
  EXPECT_THAT(texts(), ElementsAre("-3=old", "+7=new"));
}

TEST_F(ChangelogTest, NeverEndsABatchBetweenARowAndItsSuccessor) {
  is_view();
  ASSERT_TRUE(open());
  constexpr std::int64_t keys = 20'000;
  std::vector<std::vector<TestChange>> chunks;
  for (const std::int64_t weight : {-1, 1}) {
    for (std::int64_t key = 0; key < keys; key += 1000) {
      auto& chunk = chunks.emplace_back();
      for (std::int64_t i = key; i < key + 1000; ++i) chunk.push_back({i, "x", weight});
      // Odd, so that pairs would not end with a batch by chance.
      if (weight > 0 && key == 0) chunk.push_back({keys, "x", 1});
    }
  }
  ASSERT_TRUE(write(chunks));
  ASSERT_TRUE(commit());
  std::map<std::string, std::size_t> batch_of_old;
  std::size_t batches = 0, pairs = 0;
  for (const Written& row : written()) {
    batches = row.batch + 1;
    const std::string key = row.text.substr(1);
    if (row.text[0] == '-') {
      batch_of_old[key] = row.batch;
    } else if (batch_of_old.contains(key)) {
      EXPECT_EQ(batch_of_old[key], row.batch) << key;
      ++pairs;
    }
  }
  EXPECT_EQ(pairs, static_cast<std::size_t>(keys));
  EXPECT_GT(batches, 4u);
}

TEST_F(ChangelogTest, GivesVersionsThatNeverFallAndTellAKeysRowsApart) {
  is_view();
  ASSERT_TRUE(open());
  ASSERT_TRUE(write({{{1, "a", 1}, {2, "b", 1}}}));
  clock_.now -= 5000;  // the clock is set back
  ASSERT_TRUE(write({{{1, "a", -1}, {2, "b", -1}, {1, "A", 1}, {2, "B", 1}}}));
  ASSERT_TRUE(commit());
  std::int64_t last = 0;
  std::map<std::string, std::int64_t> newest;  // by key
  for (const Written& row : written()) {
    EXPECT_GE(row.version_us, last);
    last = row.version_us;
    std::int64_t& of_key = newest[row.text.substr(1, 1)];
    const bool put_in = row.text[0] == '+';
    EXPECT_GE(row.version_us, of_key + (put_in ? 1 : 0)) << row.text;
    of_key = row.version_us;
  }
}

TEST_F(ChangelogTest, WritesARowAsOftenAsItsWeightSays) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(write({{{1, "a", 3}}}));
  ASSERT_TRUE(commit());
  EXPECT_THAT(texts(), ElementsAre("+1=a", "+1=a", "+1=a"));
}

TEST_F(ChangelogTest, IsCutBackToTheLastCommit) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(write({{{1, "a"}}}));
  const auto prepared = commit();
  ASSERT_TRUE(prepared);
  ASSERT_TRUE(write({{{2, "lost"}}}));
  ASSERT_TRUE(changelog_->prepare());  // and the process dies before the store has it

  ASSERT_TRUE(open(*prepared));
  EXPECT_FALSE(changelog_->incomplete());
  EXPECT_THAT(texts(), ElementsAre("+1=a"));
  EXPECT_EQ(changelog_->end(), Offset(1));
  ASSERT_TRUE(write({{{3, "b"}}}));
  ASSERT_TRUE(commit());
  EXPECT_THAT(texts(), ElementsAre("+1=a", "+3=b"));
}

TEST_F(ChangelogTest, ShowsRowsOnceTheyAreCommitted) {
  int told = 0;
  ASSERT_TRUE(open());
  changelog_->on_committed([&] { ++told; });
  ASSERT_TRUE(write({{{1, "a"}}}));
  EXPECT_TRUE(changelog_->wants_commit());
  ASSERT_TRUE(changelog_->prepare());
  EXPECT_EQ(changelog_->end(), Offset(0)) << "the store may yet fail";
  ASSERT_TRUE(changelog_->committed());
  EXPECT_EQ(changelog_->end(), Offset(1));
  EXPECT_FALSE(changelog_->wants_commit());
  ASSERT_TRUE(commit());
  EXPECT_EQ(told, 1) << "nothing new";
}

TEST_F(ChangelogTest, GoesOnWithGreaterVersionsAfterARestart) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(write({{{1, "a"}, {1, "b"}}}));
  const auto prepared = commit();
  ASSERT_TRUE(prepared);
  clock_.now -= 3600 * 1000;
  ASSERT_TRUE(open(*prepared));
  ASSERT_TRUE(write({{{1, "c"}}}));
  ASSERT_TRUE(commit());
  const auto rows = written();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_GT(rows[2].version_us, rows[1].version_us);
}

TEST_F(ChangelogTest, PassesOverRowsOfOtherColumns) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(write({{{1, "a"}, {2, "b"}}}));
  const auto prepared = commit();
  ASSERT_TRUE(prepared);
  input_.schema = Schema({{"k", Type::of(DUCKDB_TYPE_BIGINT)}});
  ASSERT_TRUE(open(*prepared));
  EXPECT_EQ(changelog_->begin(), Offset(2));
  EXPECT_TRUE(changelog_->incomplete()) << "the view has rows that must be written again";
}

TEST_F(ChangelogTest, IsIncompleteWhereItIsNewOrWasAway) {
  is_view();
  ASSERT_TRUE(open());
  EXPECT_TRUE(changelog_->incomplete()) << "it is new";
  const ChangeChunk present = change_chunk({{1, "a"}, {2, "b"}});
  ASSERT_TRUE(changelog_->add_present_rows(present.rows));
  const auto prepared = commit();
  ASSERT_TRUE(prepared);
  EXPECT_THAT(texts(), ElementsAre("+1=a", "+2=b"));
  ASSERT_TRUE(open(*prepared));
  EXPECT_FALSE(changelog_->incomplete());
  ASSERT_TRUE(open(Changelog::gone(*prepared)));
  EXPECT_TRUE(changelog_->incomplete()) << "a run without the sink left a gap";
}

TEST_F(ChangelogTest, WritesAViewAsAWholeToAnotherTarget) {
  is_view();
  ASSERT_TRUE(open());
  ASSERT_TRUE(write({{{1, "a"}}}));
  const auto prepared = commit();
  ASSERT_TRUE(prepared);
  ASSERT_TRUE(open(*prepared));
  EXPECT_FALSE(changelog_->incomplete());
  target_ = "another table";
  ASSERT_TRUE(open(*prepared));
  EXPECT_TRUE(changelog_->incomplete());
  EXPECT_EQ(changelog_->begin(), changelog_->end()) << "what waits is part of the whole";
  EXPECT_EQ(prepared->find("one table"), std::string::npos) << "a target may hold secrets";
}

TEST_F(ChangelogTest, GivesAnotherTargetTheRowsOfAStreamThatWait) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(write({{{1, "a"}}}));
  const auto prepared = commit();
  ASSERT_TRUE(prepared);
  target_ = "another table";
  ASSERT_TRUE(open(*prepared));
  EXPECT_FALSE(changelog_->incomplete());
  EXPECT_LT(changelog_->begin(), changelog_->end());
}

TEST_F(ChangelogTest, SaysWhatIsWrongWithAStoreItCannotRead) {
  const Status status = open("{}");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, "store-damaged");
  const auto entry = Changelog::entry_of("short");
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code, "log-damaged");
}

TEST_F(ChangelogTest, LeavesOutWhatNoRecordHasRoomForAndSaysWhy) {
  ASSERT_TRUE(open());
  const std::string huge(Changelog::row_bytes_max + 1, 'x');
  std::string encoded;
  std::vector<connector::RefusedRow> refused;
  const ChangeChunk changes = change_chunk({{1, "a"}, {2, huge}, {3, "c"}});
  ASSERT_TRUE(changelog_->encode_or_refuse(changes, encoded, refused));
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].row, 1u);
  EXPECT_THAT(refused[0].reason, testing::HasSubstr("at most"));
  ASSERT_TRUE(changelog_->write(encoded, 2));
  ASSERT_TRUE(commit());
  EXPECT_EQ(changelog_->log().next_offset(), Offset(2));

  const std::string largest(Changelog::row_bytes_max - 64, 'x');
  ASSERT_TRUE(write({{{4, largest}}}));
  EXPECT_EQ(changelog_->log().next_offset(), Offset(3));
}

}  // namespace
}  // namespace leat::runtime
