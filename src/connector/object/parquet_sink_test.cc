#include "connector/object/parquet_sink.h"

#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/object/manifest.h"
#include "connector/object/object_fixture.h"
#include "connector/object/spec.h"
#include "model/duck_test_database.h"

namespace leat::connector::object {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A sink over the rows of a query, writing to a folder or a real store. Its files are read back by
/// DuckDB, from the folder or from copies of what the store has.
class ParquetSinkTest : public ObjectTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    set_up(GetParam());
    if (IsSkipped()) return;
    input_ = {.sink = "users", .from = "rows", .schema = duck_.schema_of(rows(0))};
    sink_settings_ = settings();
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {"compression", "zstd"}, {"uuid", "text"}}) {
      sink_settings_.set(name, value);
    }
    sink_settings_.set("partition_by", TextPairs{{"year", "year(day)"}});
    roll(1 << 30, 0, 3'600'000);
  }

  static std::string rows(int from, int count = 10) {
    return fmt::format(
        "SELECT range::INTEGER AS id, DATE '2025-12-27' + range::INTEGER AS day FROM range({}, {})",
        from, from + count);
  }
  void roll(std::int64_t bytes, std::int64_t rows, std::int64_t every_ms) {
    Settings roll;
    roll.set("bytes", bytes);
    roll.set("rows", rows);
    roll.set("every", every_ms);
    sink_settings_.set("roll", roll);
  }
  std::unique_ptr<Sink> make() {
    auto sink = make_parquet_sink(input_, sink_settings_, {});
    EXPECT_TRUE(sink) << sink.error().message;
    return std::move(*sink);
  }
  /// Gives the position that the sink says, "none" for none.
  std::string open(Sink& sink) {
    const auto position = sink.open({});
    EXPECT_TRUE(position) << position.error().message;
    return position ? position->value_or("none") : "";
  }
  void write(Sink& sink, const std::string& sql, const std::string& position,
             std::size_t refused_wanted = 0) {
    SinkBatch batch;
    batch.position = position;
    for (Chunk& chunk : duck_.chunks(sql)) {
      SinkRows part{.rows = std::move(chunk), .weights = {}, .offsets = {}, .versions_us = {}};
      part.weights.assign(part.rows.size(), 1);
      batch.rows += part.rows.size();
      batch.parts.push_back(std::move(part));
    }
    const auto refused = sink.write(batch, {});
    ASSERT_TRUE(refused) << refused.error().message;
    EXPECT_THAT(*refused, SizeIs(refused_wanted));
  }
  /// "all" where everything that was taken is durable; "sink-fenced".
  std::string settle(Sink& sink, bool all = false) {
    const auto settled = sink.settle(all, {});
    EXPECT_TRUE(settled || settled.error().code == "sink-fenced") << settled.error().message;
    return settled ? settled->value_or("all") : settled.error().code;
  }

  std::vector<Object> listed(const std::string& prefix = "") {
    const auto store = open_to_read(*read_location(sink_settings_, {}), {});
    return store->list(prefix, "", 10'000, {}).value_or(std::vector<Object>());
  }
  std::vector<std::string> files() {
    std::vector<std::string> keys;
    for (const Object& object : listed()) {
      if (object.key.ends_with(".parquet")) keys.push_back(object.key);
    }
    return keys;
  }
  /// The ids of all rows in all files, with the year that stands in the path.
  std::vector<std::string> read_back() {
    const auto store = open_to_read(*read_location(sink_settings_, {}), {});
    std::vector<std::string> all;
    int number = 0;
    for (const Object& object : listed()) {
      if (!object.key.ends_with(".parquet")) continue;
      const std::string copy = fmt::format("{}/read{}/{}", scratch(), ++number, object.key);
      std::filesystem::create_directories(std::filesystem::path(copy).parent_path());
      std::ofstream(copy, std::ios::binary) << store->get(object.key, 0, object.bytes, {}).value();
      for (const std::string& row :
           duck_.texts("SELECT year || ' ' || id FROM read_parquet('" + copy +
                       "', hive_partitioning = true) ORDER BY id")) {
        all.push_back(row);
      }
    }
    std::ranges::sort(all);
    return all;
  }
  static std::vector<std::string> wanted(int from, int to) {
    std::vector<std::string> all;
    for (int id = from; id < to; ++id) {
      all.push_back(fmt::format("{} {}", id < 5 ? 2025 : 2026, id));
    }
    std::ranges::sort(all);
    return all;
  }

  DuckTestDatabase duck_;
  SinkInput input_;
  Settings sink_settings_;
};

TEST_P(ParquetSinkTest, ShowsNothingBeforeItIsDue) {
  const auto sink = make();
  EXPECT_EQ(open(*sink), "none");
  write(*sink, rows(0), "id 10");
  EXPECT_EQ(settle(*sink), "") << "nothing is durable yet";
  EXPECT_THAT(files(), IsEmpty());
  EXPECT_EQ(settle(*sink, true), "all");
  EXPECT_THAT(files(),
              ElementsAre(testing::MatchesRegex("year=2025/users\\.00000001\\..*-0.parquet"),
                          testing::MatchesRegex("year=2026/users\\.00000001\\..*")));
  EXPECT_EQ(read_back(), wanted(0, 10));
  EXPECT_EQ(settle(*sink), "all");
}

TEST_P(ParquetSinkTest, RollsByRowsBytesAndTime) {
  roll(1 << 30, 20, 3'600'000);
  const auto by_rows = make();
  open(*by_rows);
  write(*by_rows, rows(0), "id 10");
  EXPECT_EQ(settle(*by_rows), "");
  write(*by_rows, rows(10), "id 20");
  EXPECT_EQ(settle(*by_rows), "all");
  roll(10, 0, 3'600'000);
  const auto by_bytes = make();
  if (std::string(GetParam()) == "folder") return;  // the first one holds the lock
  open(*by_bytes);
  write(*by_bytes, rows(20), "id 30");
  EXPECT_EQ(settle(*by_bytes), "all");
  roll(1 << 30, 0, 1);
  const auto by_time = make();
  open(*by_time);
  write(*by_time, rows(30), "id 40");
  ::usleep(2000);
  EXPECT_EQ(settle(*by_time), "all");
  EXPECT_EQ(read_back(), wanted(0, 40));
}

TEST_P(ParquetSinkTest, GoesOnWhereItsFilesEnd) {
  {
    const auto sink = make();
    open(*sink);
    write(*sink, rows(0), "id 10");
    settle(*sink, true);
    write(*sink, rows(10), "id 20");
    EXPECT_EQ(settle(*sink), "id 10");
  }  // dies with rows that were gathered only
  const auto sink = make();
  EXPECT_EQ(open(*sink), "id 10");
  write(*sink, rows(10), "id 20");
  EXPECT_EQ(settle(*sink, true), "all");
  EXPECT_EQ(read_back(), wanted(0, 20));
  EXPECT_THAT(listed("_leat/users/"), SizeIs(1)) << "of the manifests only the newest stays";
}

/// What a process leaves that dies after it announced a write, and before all of it is shown.
TEST_P(ParquetSinkTest, EndsAWriteThatWasAnnounced) {
  std::string file;
  {
    const auto sink = make();
    open(*sink);
    write(*sink, rows(0), "id 10");
    settle(*sink, true);
  }
  const std::string local = scratch() + "/staged.parquet";
  duck_.texts("COPY (SELECT 10 AS id) TO '" + local + "'");
  const std::string key = "year=2026/users.00000002.aaaaaaaa-0.parquet";
  {
    const auto store = *open_to_write(*read_location(sink_settings_, {}), "_leat/users", {});
    const std::string token = store->stage(key, local, {}).value();
    const std::string lost = "year=2026/users.00000002.bbbbbbbb-0.parquet";
    ASSERT_TRUE(store->stage(lost, local, {})) << "one that was never announced";
    const Manifest manifest{
        .instance = "gone", .begin = "id 10", .position = "id 11", .files = {{key, token, 1, 1}}};
    ASSERT_EQ(store->put_if_absent(manifest_key("users", 2), manifest.text(), {}), true);
  }
  const auto sink = make();
  EXPECT_EQ(open(*sink), "id 11");
  EXPECT_EQ(read_back(), wanted(0, 11));
  EXPECT_EQ(open(*sink), "id 11") << "again, after a failure";
  write(*sink, rows(11, 1), "id 12");
  settle(*sink, true);
  EXPECT_EQ(read_back(), wanted(0, 12));
}

TEST_P(ParquetSinkTest, WritesAgainWhatWasStagedAndIsGone) {
  {
    const auto sink = make();
    open(*sink);
    write(*sink, rows(0), "id 10");
    settle(*sink, true);
    const auto store = open_to_read(*read_location(sink_settings_, {}), {});
    const Manifest manifest{
        .instance = "gone",
        .begin = "id 10",
        .position = "id 20",
        .files = {{"year=2026/users.00000002.cccccccc-0.parquet",
                   R"({"upload": "0b4c1f0e-8a7e-4d0e-9df5-000000000000", "parts": ["\"x\""]})", 1,
                   1}}};
    ASSERT_EQ(store->put_if_absent(manifest_key("users", 2), manifest.text(), {}), true);
  }
  const auto sink = make();
  EXPECT_EQ(open(*sink), "id 10");
  write(*sink, rows(10), "id 20");
  settle(*sink, true);
  EXPECT_EQ(read_back(), wanted(0, 20));
  EXPECT_EQ(open(*sink), "id 20");
}

TEST_P(ParquetSinkTest, ShutsOutASecondInstance) {
  const auto first = make(), second = make();
  open(*first);
  if (std::string(GetParam()) == "folder") {
    EXPECT_EQ(second->open({}).error().code, "locked");
    return;
  }
  open(*second);
  write(*first, rows(0), "id 10");
  write(*second, rows(0), "id 10");
  EXPECT_EQ(settle(*second, true), "all");
  EXPECT_EQ(settle(*first, true), "sink-fenced");
  EXPECT_EQ(read_back(), wanted(0, 10));
}

/// The number that a stalled instance would use is free again, as the other has removed it.
TEST_P(ParquetSinkTest, ShutsOutWhoComesBackLate) {
  if (std::string(GetParam()) == "folder") GTEST_SKIP() << "a lock keeps the second one out";
  const auto late = make(), other = make();
  open(*late);
  open(*other);
  write(*late, rows(0), "id 10");
  for (int i = 0; i < 3; ++i) {
    write(*other, rows(10 * i), fmt::format("id {}", 10 * (i + 1)));
    EXPECT_EQ(settle(*other, true), "all");
  }
  EXPECT_EQ(settle(*late, true), "sink-fenced");
  EXPECT_EQ(open(*other), "id 30");
  EXPECT_EQ(read_back(), wanted(0, 30));
}

TEST_P(ParquetSinkTest, SetsAsideRowsThatFailAlone) {
  input_.schema = duck_.schema_of("SELECT 1 AS id, 'x' AS born");
  sink_settings_.set("partition_by", TextPairs{{"year", "year(born::DATE)"}});
  const auto sink = make();
  open(*sink);
  write(*sink,
        "SELECT range::INTEGER AS id, CASE WHEN range % 1000 = 500 THEN 'never' ELSE '2026-01-01' "
        "END AS born FROM range(3000)",
        "id 3000", 3);
  EXPECT_EQ(settle(*sink, true), "all");
  EXPECT_THAT(read_back(), SizeIs(2997));
  write(*sink, "SELECT 1 AS id, 'never' AS born", "id 3001", 1);
  EXPECT_EQ(settle(*sink, true), "all");
  EXPECT_EQ(open(*sink), "id 3001") << "nothing of it is asked for again";
}

/// Three writes to the same two folders, and then what `compact` makes of them.
class CompactionTest : public ParquetSinkTest {
 protected:
  void compact(std::int64_t after_ms) {
    Settings compact;
    compact.set("below", std::int64_t{1} << 20);
    compact.set("after", after_ms);
    sink_settings_.set("compact", compact);
  }
  /// Leaves `count` files in a folder.
  void write_small(int count) {
    const auto sink = make();
    open(*sink);
    for (int i = 0; i < count; ++i) {
      write(*sink, rows(10 + i, 1), fmt::format("id {}", 11 + i));
      EXPECT_EQ(settle(*sink, true), "all");
    }
    EXPECT_THAT(files(), SizeIs(static_cast<std::size_t>(count)));
  }
};

TEST_P(CompactionTest, MergesSmallFilesIntoOne) {
  write_small(3);
  compact(0);
  const auto sink = make();
  EXPECT_EQ(open(*sink), "id 13");
  EXPECT_EQ(settle(*sink), "all");
  EXPECT_THAT(files(), ElementsAre(testing::MatchesRegex("year=2026/users\\.00000004\\..*")));
  EXPECT_EQ(read_back(), wanted(10, 13));
  write(*sink, rows(13), "id 23");
  EXPECT_EQ(settle(*sink, true), "all");
  EXPECT_EQ(read_back(), wanted(10, 23));
  EXPECT_THAT(listed("_leat/users/"), SizeIs(1));
}

TEST_P(CompactionTest, LeavesNewFilesAlone) {
  write_small(3);
  compact(3'600'000);
  const auto sink = make();
  open(*sink);
  EXPECT_EQ(settle(*sink), "all");
  EXPECT_THAT(files(), SizeIs(3));
}

TEST_P(CompactionTest, MergesWhileRowsAreGathered) {
  write_small(2);
  compact(0);
  {
    const auto sink = make();
    open(*sink);
    write(*sink, rows(12), "id 22");
    EXPECT_EQ(settle(*sink), "id 12");
    EXPECT_THAT(files(), SizeIs(1));
  }  // dies: what was gathered comes again
  const auto sink = make();
  EXPECT_EQ(open(*sink), "id 12");
  write(*sink, rows(12), "id 22");
  settle(*sink, true);
  EXPECT_EQ(read_back(), wanted(10, 22));
}

/// What a process leaves that dies when it has announced a merge: before the merged file is shown,
/// or before all of the small ones are removed.
TEST_P(CompactionTest, EndsAMergeThatWasAnnounced) {
  for (const bool is_shown : {false, true}) {
    SCOPED_TRACE(is_shown);
    const int from = is_shown ? 20 : 10;
    {
      const auto sink = make();
      open(*sink);
      for (int i = 0; i < 2; ++i) {
        write(*sink, rows(from + i, 1), fmt::format("id {}", from + i + 1));
        EXPECT_EQ(settle(*sink, true), "all");
      }
    }
    std::vector<std::string> small = files();
    std::erase_if(small, [](const std::string& key) { return key.contains("cccccccc"); });
    ASSERT_THAT(small, SizeIs(2));
    const std::string local = scratch() + "/merged.parquet";
    duck_.texts(fmt::format("COPY (SELECT range::INTEGER AS id FROM range({}, {})) TO '{}'", from,
                            from + 2, local));
    const std::uint64_t number = is_shown ? 6 : 3;
    const std::string key = fmt::format("year=2026/users.{:08}.cccccccc-0.parquet", number);
    {
      const auto store = *open_to_write(*read_location(sink_settings_, {}), "_leat/users", {});
      const std::string token = store->stage(key, local, {}).value();
      const std::string position = fmt::format("id {}", from + 2);
      const Manifest manifest{.instance = "gone",
                              .begin = position,
                              .position = position,
                              .files = {{key, token, 2, 1}},
                              .removes = small};
      ASSERT_EQ(store->put_if_absent(manifest_key("users", number), manifest.text(), {}), true);
      if (is_shown) {
        ASSERT_EQ(store->publish(key, token, {}), true);
        ASSERT_TRUE(store->remove(small.front(), {}));
      }
    }
    const auto sink = make();
    EXPECT_EQ(open(*sink), fmt::format("id {}", from + 2));
    std::vector<std::string> merged = files();
    EXPECT_THAT(merged, testing::Contains(key));
    for (const std::string& one : merged) EXPECT_TRUE(one.contains("cccccccc")) << one;
    EXPECT_EQ(read_back().size(), is_shown ? 4u : 2u);
  }
}

/// A merge of which the staged file is lost is none.
TEST_P(CompactionTest, WhatIsLostIsNoMerge) {
  write_small(2);
  {
    const auto store = *open_to_write(*read_location(sink_settings_, {}), "_leat/users", {});
    const std::string local = scratch() + "/merged.parquet";
    duck_.texts("COPY (SELECT 10 AS id) TO '" + local + "'");
    const std::string key = "year=2026/users.00000003.cccccccc-0.parquet";
    const std::string token = store->stage(key, local, {}).value();
    ASSERT_TRUE(store->discard_staged("users.", {}));
    const Manifest manifest{.instance = "gone",
                            .begin = "id 12",
                            .position = "id 12",
                            .files = {{key, token, 1, 1}},
                            .removes = files()};
    ASSERT_EQ(store->put_if_absent(manifest_key("users", 3), manifest.text(), {}), true);
  }
  const auto sink = make();
  EXPECT_EQ(open(*sink), "id 12");
  EXPECT_EQ(read_back(), wanted(10, 12));
  write(*sink, rows(12), "id 22");
  EXPECT_EQ(settle(*sink, true), "all");
  EXPECT_EQ(read_back(), wanted(10, 22));
}

TEST_P(CompactionTest, WhatCannotBeMergedIsLeft) {
  write_small(2);
  const auto store = open_to_read(*read_location(sink_settings_, {}), {});
  ASSERT_EQ(store->put_if_absent("year=2026/users.00000001.dddddddd-0.parquet", "damaged", {}),
            true);
  compact(0);
  const auto sink = make();
  open(*sink);
  EXPECT_EQ(settle(*sink), "all");
  EXPECT_THAT(files(), SizeIs(3));
  ASSERT_TRUE(store->remove("year=2026/users.00000001.dddddddd-0.parquet", {}));
  EXPECT_EQ(read_back(), wanted(10, 12));
}

INSTANTIATE_TEST_SUITE_P(Places, CompactionTest, testing::Values("folder", "s3"),
                         [](const auto& place) { return std::string(place.param); });

INSTANTIATE_TEST_SUITE_P(Places, ParquetSinkTest, testing::Values("folder", "s3", "minio"),
                         [](const auto& place) { return std::string(place.param); });

TEST(ParquetSpecTest, ChecksItsInput) {
  DuckTestDatabase duck;
  const Spec spec = parquet_sink_spec();
  SinkInput input{.sink = "out",
                  .schema = duck.schema_of("SELECT 1 AS id, DATE '2026-01-01' AS day")};
  Settings settings = default_settings(spec);
  const auto fault = [&] {
    const Status checked = spec.check_input(input, settings);
    return checked ? "" : checked.error().message;
  };
  EXPECT_EQ(fault(), "");
  settings.set("sort_by", std::vector<std::string>{"-day", "ids"});
  EXPECT_THAT(fault(), HasSubstr("no column \"ids\""));
  settings.set("sort_by", std::vector<std::string>{"-day"});
  settings.set("partition_by", TextPairs{{"day", "day"}});
  EXPECT_THAT(fault(), HasSubstr("leave it out"));
  settings.set("partition_by", TextPairs{{"year", "yaer(day)"}});
  EXPECT_THAT(fault(), HasSubstr("partition_by"));
  settings.set("partition_by", TextPairs{{"year", "year(day)"}});
  EXPECT_EQ(fault(), "");
  input.sink = "_out";
  EXPECT_THAT(fault(), HasSubstr("another name"));
}

TEST(ManifestTest, ComesBackAsItWas) {
  const Manifest manifest{
      .instance = "i", .begin = "a 1", .position = "a 2", .files = {{"k=1/x", "t\"", 3, 4}}};
  const Manifest read = Manifest::parse(manifest.text()).value();
  EXPECT_EQ(read.text(), manifest.text());
  for (const char* text : {"", "{}", "[1]", R"({"version": 2})", R"({"version": 1, "files": 3})"}) {
    EXPECT_EQ(Manifest::parse(text).error().code, "manifest-damaged") << text;
  }
  EXPECT_EQ(manifest_number(manifest_key("users", 42)), 42u);
  EXPECT_EQ(manifest_number("_leat/users/x.json"), 0u);
}

}  // namespace
}  // namespace leat::connector::object
