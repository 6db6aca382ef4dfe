#include "connector/file_sink/file_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/default_settings_test.h"
#include "connector/file_sink/sink_state.h"
#include "connector/file_sink/spec.h"
#include "io/simulated_file_system.h"

namespace leat::connector {
namespace {

using io::SimulatedFileSystem;
using testing::ElementsAre;
using testing::IsEmpty;

class HandClock final : public Clock {
 public:
  TimestampMs now_ms() const override { return now; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  TimestampMs now = 1'000'000;
};

Schema two_columns() {
  return Schema({{"id", Type::of(DUCKDB_TYPE_BIGINT)}, {"name", Type::of(DUCKDB_TYPE_VARCHAR)}});
}

ChangeChunk rows(std::vector<std::pair<std::int64_t, std::string>> values,
                 std::vector<std::int64_t> weights = {}) {
  ChangeChunk changes;
  changes.rows = Chunk(two_columns());
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto* ids = static_cast<std::int64_t*>(duckdb_vector_get_data(changes.rows.vector(0)));
    ids[i] = values[i].first;
    duckdb_vector_assign_string_element_len(changes.rows.vector(1), i, values[i].second.data(),
                                            values[i].second.size());
  }
  changes.rows.set_size(values.size());
  changes.weights = std::move(weights);
  return changes;
}

/// A sink, and the part of the engine that a commit needs: the state that the last durable commit
/// holds.
class FileSinkTest : public testing::Test {
 protected:
  FileSinkTest() {
    settings_.set("path", std::string("/out/rows.jsonl"));
    EXPECT_TRUE(files_.create_directories("/out"));
    EXPECT_TRUE(files_.sync_directory("/"));
  }
  void open(bool changes = false) {
    auto sink =
        make_file_sink(settings_, two_columns(), changes, {.files = files_, .clock = clock_});
    ASSERT_TRUE(sink.has_value()) << sink.error().message;
    sink_ = std::move(*sink);
  }
  Status recover() { return sink_->recover(committed_); }
  void start(bool changes = false) {
    open(changes);
    const Status recovered = recover();
    ASSERT_TRUE(recovered) << recovered.error().message;
  }
  void write(std::string_view text, std::uint64_t count = 1) {
    ASSERT_TRUE(sink_->write(text, count));
  }
  void write(const ChangeChunk& changes) {
    std::string text;
    ASSERT_TRUE(sink_->encode(changes, text));
    write(text, changes.rows.size());
  }
  void commit() {
    committed_ = *sink_->prepare();
    ASSERT_TRUE(sink_->committed());
  }
  void finish() {
    sink_->finish();
    commit();
  }
  std::string output() { return files_.contents("/out/rows.jsonl"); }
  std::vector<std::string> listing(const std::string& path) { return *files_.list(path); }

  SimulatedFileSystem files_;
  HandClock clock_;
  Settings settings_ = default_settings(file_sink_spec());
  std::unique_ptr<EpochSink> sink_;
  std::optional<std::string> committed_;
};

TEST_F(FileSinkTest, ShowsRowsOnlyOnceTheyAreCommitted) {
  start();
  write(rows({{1, "a"}, {2, "b\"c"}}));
  EXPECT_EQ(output(), "");
  committed_ = *sink_->prepare();
  EXPECT_EQ(output(), "");
  ASSERT_TRUE(sink_->committed());
  EXPECT_EQ(output(), "{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":\"b\\\"c\"}\n");
}

TEST_F(FileSinkTest, WritesWeightsWhenAskedTo) {
  start(true);
  write(rows({{1, "a"}, {1, "b"}}, {-1, 3}));
  commit();
  EXPECT_EQ(output(),
            "{\"weight\":-1,\"id\":1,\"name\":\"a\"}\n{\"weight\":3,\"id\":1,\"name\":\"b\"}\n");
}

TEST_F(FileSinkTest, WithoutWeightsRepeatsEqualRowsAndRefusesTakenBackOnes) {
  start();
  write(rows({{1, "a"}}, {2}));
  commit();
  EXPECT_EQ(output(), "{\"id\":1,\"name\":\"a\"}\n{\"id\":1,\"name\":\"a\"}\n");
  std::string text;
  EXPECT_EQ(sink_->encode(rows({{1, "a"}}, {-1}), text).error().code, "row-taken-back");
}

TEST_F(FileSinkTest, CsvHasOneHeader) {
  settings_.set("path", std::string("/out/rows.csv"));
  settings_.set("format", std::string("csv"));
  start(true);
  write(rows({{1, "a,b"}}));
  commit();
  start(true);
  write(rows({{2, ""}}));
  commit();
  EXPECT_EQ(files_.contents("/out/rows.csv"), "weight,id,name\n1,1,\"a,b\"\n1,2,\"\"\n");
}

TEST_F(FileSinkTest, CsvWithoutRowsHasItsHeaderAllTheSame) {
  settings_.set("path", std::string("/out/rows.csv"));
  settings_.set("format", std::string("csv"));
  start();
  finish();
  EXPECT_EQ(files_.contents("/out/rows.csv"), "id,name\n");
}

TEST_F(FileSinkTest, RefusesWhatItCannotWrite) {
  const auto weight = Schema({{"Weight", Type::of(DUCKDB_TYPE_BIGINT)}});
  const auto sink = make_file_sink(settings_, weight, true, {.files = files_});
  EXPECT_EQ(sink.error().code, "name-clash");
  EXPECT_TRUE(make_file_sink(settings_, weight, false, {.files = files_}).has_value());
  settings_.set("path", std::string());
  EXPECT_EQ(make_file_sink(settings_, weight, false, {.files = files_}).error().code, "bad-path");
}

TEST_F(FileSinkTest, SaysSoWhenOutputIsThereAlready) {
  files_.overwrite("/out/rows.jsonl", "old\n");
  open();
  EXPECT_EQ(recover().error().code, "output-exists");
  settings_.set("if_exists", std::string("append"));
  start();
  write("new\n");
  commit();
  EXPECT_EQ(output(), "old\nnew\n");
  settings_.set("if_exists", std::string("replace"));
  committed_.reset();
  start();
  write("newer\n");
  commit();
  EXPECT_EQ(output(), "newer\n");
}

TEST_F(FileSinkTest, SaysSoWhenTheOutputWasCut) {
  start();
  write("one\n");
  commit();
  write("two\n");
  commit();
  files_.overwrite("/out/rows.jsonl", "on");
  open();
  EXPECT_EQ(recover().error().code, "output-lost");
}

TEST_F(FileSinkTest, SaysSoWhenTheOutputIsGoneAndMakesNone) {
  start();
  write("one\n");
  commit();
  write("two\n");
  commit();
  ASSERT_TRUE(files_.remove("/out/rows.jsonl"));
  for (int attempt = 0; attempt < 2; ++attempt) {
    open();
    const Status recovered = recover();
    ASSERT_FALSE(recovered.has_value());
    EXPECT_EQ(recovered.error().code, "output-lost");
    EXPECT_THAT(recovered.error().message, testing::HasSubstr("is not there, though 4 bytes"));
    EXPECT_FALSE(files_.exists("/out/rows.jsonl").value());
  }
}

TEST_F(FileSinkTest, TriesAgainWhenTheDiskHasRoomAgain) {
  start();
  write(std::string(3000, 'x') + "\n");
  committed_ = *sink_->prepare();
  files_.set_quota(1000);
  EXPECT_EQ(sink_->committed().error().code, "disk-full");
  files_.set_quota(1 << 20);
  ASSERT_TRUE(sink_->committed());
  EXPECT_EQ(output(), std::string(3000, 'x') + "\n");
}

TEST_F(FileSinkTest, StagingFilesGoAway) {
  start();
  const std::string big(3 << 20, 'x');
  write(big);
  EXPECT_EQ(listing("/out").size(), 2u);
  commit();
  EXPECT_EQ(output(), big);
  finish();
  EXPECT_THAT(listing("/out"), ElementsAre("rows.jsonl"));
}

TEST_F(FileSinkTest, RowsWrittenWhileACommitIsUnderWayBelongToTheNext) {
  start();
  const std::string big(2 << 20, 'x');
  write("one\n");
  committed_ = *sink_->prepare();
  write(big);
  EXPECT_EQ(sink_->prepare().error().code, "sink-misused");
  ASSERT_TRUE(sink_->committed());
  EXPECT_EQ(output(), "one\n");
  commit();
  EXPECT_EQ(output(), "one\n" + big);
}

class PartsTest : public FileSinkTest {
 protected:
  PartsTest() {
    settings_.set("path", std::string("/out/parts/"));
    roll(1 << 20, 0, 0);
  }
  void roll(std::int64_t bytes, std::int64_t every_ms, std::int64_t rows_max) {
    Settings roll;
    roll.set("bytes", bytes);
    roll.set("every", every_ms);
    roll.set("rows", rows_max);
    settings_.set("roll", roll);
  }
  std::vector<std::string> visible() {
    std::vector<std::string> names;
    for (const std::string& name : listing("/out/parts")) {
      if (!name.starts_with('.')) names.push_back(name);
    }
    return names;
  }
  std::string part(std::uint64_t row) {
    return files_.contents(fmt::format("/out/parts/part-{:020}.jsonl", row));
  }
};

TEST_F(PartsTest, RollByRowsAndAreNamedByTheirFirst) {
  roll(0, 0, 3);
  start();
  write("a\nb\n", 2);
  commit();
  EXPECT_THAT(visible(), IsEmpty());
  write("c\nd\n", 2);
  commit();
  EXPECT_EQ(part(0), "a\nb\nc\nd\n");
  write("e\n", 1);
  finish();
  EXPECT_EQ(part(4), "e\n");
  EXPECT_EQ(listing("/out/parts").size(), 2u);
}

TEST_F(PartsTest, RollByAge) {
  roll(0, 60'000, 0);
  start();
  write("a\n");
  commit();
  EXPECT_FALSE(sink_->wants_commit());
  clock_.now += 60'000;
  EXPECT_TRUE(sink_->wants_commit());
  start();  // the age of a part outlives the process
  EXPECT_TRUE(sink_->wants_commit());
  commit();
  EXPECT_EQ(part(0), "a\n");
  EXPECT_FALSE(sink_->wants_commit());
}

TEST_F(PartsTest, FinishedPartsMayBeTakenAway) {
  roll(1, 0, 0);
  start();
  write("a\n");
  commit();
  ASSERT_TRUE(files_.remove("/out/parts/part-00000000000000000000.jsonl"));
  start();
  write("b\n");
  commit();
  EXPECT_EQ(part(1), "b\n");
}

TEST_F(PartsTest, SaysSoWhenTheOpenPartIsGone) {
  start();
  write("a\n");
  commit();
  ASSERT_TRUE(files_.remove("/out/parts/.part-00000000000000000000.jsonl.open"));
  open();
  EXPECT_EQ(recover().error().code, "output-lost");
}

TEST_F(PartsTest, AppendsAfterPartsThatAreThere) {
  ASSERT_TRUE(files_.create_directories("/out/parts"));
  files_.overwrite("/out/parts/part-00000000000000000005.jsonl", "a\nb\n");
  open();
  EXPECT_EQ(recover().error().code, "output-exists");
  settings_.set("if_exists", std::string("append"));
  start();
  write("c\n");
  finish();
  EXPECT_EQ(visible().size(), 2u);
  EXPECT_GT(visible()[1], "part-00000000000000000006.jsonl");
}

TEST_F(PartsTest, FormsDoNotMix) {
  start();
  write("a\n");
  commit();
  settings_.set("path", std::string("/out/rows.jsonl"));
  open();
  EXPECT_EQ(recover().error().code, "output-lost");
}

TEST(SinkState, ReadsBackAndRefusesDamage) {
  const SinkState states[] = {InlineState{7, std::string("a\0b", 3)}, StagedState{8, 9},
                              PartState{1, 2, 3, 4, true}};
  for (const SinkState& state : states) {
    const std::string bytes = encode_sink_state(state);
    EXPECT_EQ(encode_sink_state(*decode_sink_state(bytes)), bytes);
    EXPECT_FALSE(decode_sink_state(bytes.substr(0, 9)).has_value());
  }
  EXPECT_FALSE(decode_sink_state("").has_value());
  EXPECT_FALSE(decode_sink_state(std::string(50, '\xff')).has_value());
}

}  // namespace
}  // namespace leat::connector
