#include "connector/object/objects_source.h"

#include <zlib.h>
#include <zstd.h>

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/object/object_finder.h"
#include "connector/object/object_fixture.h"
#include "connector/object/partition_columns.h"
#include "connector/object/spec.h"
#include "model/duck_test_database.h"

namespace leat::connector::object {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

/// A topic in memory that takes so many appends, and then none before it is opened again: as a
/// process that is killed.
class Topic final : public RecordWriter {
 public:
  Status append(std::span<const Entry>) override {
    return internal_error("no-position", "every append has a position");
  }
  Status append(std::span<const Entry> entries, std::string_view position) override {
    if (appends_left == 0) return internal_error("killed", "killed");
    --appends_left;
    for (const Entry& entry : entries) {
      records.emplace_back(entry.value);
      keys.emplace_back(entry.key);
    }
    position_ = position;
    return {};
  }
  Result<std::optional<std::string>> position() override { return position_; }

  static constexpr std::size_t any = ~std::size_t{};
  std::size_t appends_left = any;
  std::vector<std::string> records, keys;

 private:
  std::optional<std::string> position_;
};

/// The machine's own files, of which one can't be opened.
class RefusingFiles final : public io::FileSystem {
 public:
  using Path = std::string;
  Result<std::unique_ptr<io::File>> open(const Path& path, io::OpenMode mode) override {
    if (!refused.empty() && path.ends_with(refused)) {
      return external_error("io-error", "{}: permission denied", path);
    }
    return files_.open(path, mode);
  }
  Result<bool> exists(const Path& path) override { return files_.exists(path); }
  Status rename(const Path& from, const Path& to) override { return files_.rename(from, to); }
  Status remove(const Path& path) override { return files_.remove(path); }
  Status create_directories(const Path& path) override { return files_.create_directories(path); }
  Status sync_directory(const Path& path) override { return files_.sync_directory(path); }
  Result<std::vector<Path>> list(const Path& path) override { return files_.list(path); }
  Result<std::unique_ptr<io::FileLock>> lock(const Path& path, const Path& owner) override {
    return files_.lock(path, owner);
  }
  Result<std::uint64_t> free_bytes(const Path& path) override { return files_.free_bytes(path); }

  std::string refused;

 private:
  io::FileSystem& files_ = io::posix_file_system();
};

std::string gzip(const std::string& text) {
  std::string out(text.size() + 1000, '\0');
  z_stream state{};
  deflateInit2(&state, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  state.avail_in = static_cast<uInt>(text.size());
  state.next_out = reinterpret_cast<Bytef*>(out.data());
  state.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&state, Z_FINISH), Z_STREAM_END);
  out.resize(state.total_out);
  deflateEnd(&state);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

class ObjectsSourceTest : public ObjectTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    set_up(GetParam());
    if (IsSkipped()) return;
    source_settings_ = default_settings(objects_source_spec());
    for (const char* name : {"path", "endpoint", "access_key", "secret_key"}) {
      if (settings().has(name)) source_settings_.set(name, settings().text(name));
    }
    source_settings_.set("follow", false);
    source_settings_.set("every", std::int64_t{50});
    source_settings_.set("age_min", std::int64_t{0});
    format("json");
  }
  void format(std::string name) { source_settings_.set("format", std::move(name)); }

  void put(const std::string& key, const std::string& content) {
    const auto put = store().put_if_absent(key, content, {});
    ASSERT_TRUE(put && *put) << key;
  }
  /// What DuckDB writes for a query.
  std::string parquet(const std::string& sql, const std::string& options = "") {
    const std::string path = scratch() + "/made.parquet";
    duck_.chunks(fmt::format("COPY ({}) TO '{}' (FORMAT parquet{})", sql, path, options));
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// A run to the end of what is there. Gives the error's code, or "".
  std::string run() {
    auto source = make_objects_source(source_settings_, {.files = files_});
    EXPECT_TRUE(source) << source.error().message;
    const Status ended = (*source)->run({}, topic_, status_);
    return ended ? "" : ended.error().code;
  }

  RefusingFiles files_;
  Settings source_settings_;
  DuckTestDatabase duck_;
  Topic topic_;
  SourceStatus status_;
};

TEST_P(ObjectsSourceTest, ReadsEachObjectOnce) {
  put("a.json", "{\"a\":1}\n{\"a\":2}");
  put("b/c.json", "{\"a\":3}\n");
  put("_SUCCESS", "nothing");
  put("b/_temporary/0.json", "{\"a\":4}\n");
  put("empty", "");
  EXPECT_EQ(run(), "");
  EXPECT_THAT(topic_.records, UnorderedElementsAre(R"({"a":1})", R"({"a":2})", R"({"a":3})"));
  EXPECT_THAT(topic_.keys, UnorderedElementsAre("a.json", "a.json", "b/c.json"));
  EXPECT_EQ(run(), "");
  EXPECT_THAT(topic_.records, SizeIs(3));
  put("d.json", "{\"a\":5}\n");
  EXPECT_EQ(run(), "");
  EXPECT_THAT(topic_.records, SizeIs(4));
  EXPECT_EQ(topic_.records.back(), R"({"a":5})");
  EXPECT_EQ(status_.records, 4u);
  EXPECT_EQ(status_.skipped, 0u);
}

TEST_P(ObjectsSourceTest, ReadsWhatIsCompressed) {
  put("a.json.gz", gzip("{\"a\":1}\n"));
  put("b.json.zst", zstd("{\"a\":2}\n"));
  EXPECT_EQ(run(), "");
  EXPECT_THAT(topic_.records, UnorderedElementsAre(R"({"a":1})", R"({"a":2})"));
}

TEST_P(ObjectsSourceTest, CsvBecomesJsonByEachObjectsHeader) {
  format("csv");
  put("city=New%20York/day=07/a.csv",
      "\xEF\xBB\xBFid,name,zip\r\n1,\"A, \"\"B\"\"\",01234\r\n2,,1e5\r\nno,fit\r\n");
  put("b.csv.gz", gzip("zip,id\n\"10115\",3\n"));
  EXPECT_EQ(run(), "");
  EXPECT_THAT(topic_.records,
              UnorderedElementsAre(
                  R"({"id":1,"name":"A, \"B\"","zip":"01234","city":"New York","day":"07"})",
                  R"({"id":2,"name":null,"zip":1e5,"city":"New York","day":"07"})", "no,fit",
                  R"({"zip":"10115","id":3})"));
  topic_ = {};
  source_settings_.set("header", false);
  source_settings_.set("match", std::string("b.*"));
  EXPECT_EQ(run(), "");
  EXPECT_THAT(topic_.records, ElementsAre("zip,id", "\"10115\",3"));
}

TEST_P(ObjectsSourceTest, ParquetBecomesJson) {
  format("parquet");
  put("year=2026/country=__HIVE_DEFAULT_PARTITION__/a.parquet",
      parquet("SELECT 1 AS id, 'ä\"' AS name, 1.50::DECIMAL(10,2) AS price, [1, NULL] AS list, "
              "{'x': DATE '2026-01-02'} AS nested, TIMESTAMP '2026-01-02 03:04:05.678' AS at, "
              "9007199254740993::BIGINT AS big"));
  EXPECT_EQ(run(), "");
  EXPECT_THAT(
      topic_.records,
      ElementsAre(
          R"({"id":1,"name":"ä\"","price":1.50,"list":[1,null],"nested":{"x":"2026-01-02"},)"
          R"("at":"2026-01-02T03:04:05.678Z","big":9007199254740993,"year":2026,"country":null})"));
}

/// The process is killed before each of its appends in turn; in the end each row is there once.
TEST_P(ObjectsSourceTest, NothingIsLostOrDoubledByKills) {
  for (const char* kind : {"parquet", "json"}) {
    topic_ = {};
    format(kind);
    source_settings_.set("match", std::string("*.") + kind);
    std::vector<std::string> wanted;
    for (int i = 0; i < 3; ++i) {
      const int begin = i * 100'000, end = begin + (i == 1 ? 10 : 30'000);
      const std::string sql =
          fmt::format("SELECT range AS id, 'row ' || range AS name FROM range({}, {})", begin, end);
      std::string lines;
      for (int id = begin; id < end; ++id) {
        wanted.push_back(fmt::format("{{\"id\":{0},\"name\":\"row {0}\"}}", id));
        lines += wanted.back() + "\n";
      }
      put(fmt::format("{}.{}", i, kind),
          std::string_view(kind) == "json" ? lines : parquet(sql, ", ROW_GROUP_SIZE 7000"));
    }
    int kills = 0;
    std::string ended;
    do {
      topic_.appends_left = 1;
      ended = run();
      ++kills;
    } while (ended == "killed" && kills < 100);
    EXPECT_EQ(ended, "");
    EXPECT_GT(kills, 4);
    std::ranges::sort(topic_.records);
    std::ranges::sort(wanted);
    EXPECT_TRUE(topic_.records == wanted)
        << kind << ": " << topic_.records.size() << " of " << wanted.size();
  }
}

TEST_P(ObjectsSourceTest, WhatIsNoneIsPassedOverAndTheOthersAreRead) {
  format("parquet");
  const std::string good = parquet("SELECT range AS id FROM range(50000)", ", ROW_GROUP_SIZE 4096");
  put("a.parquet", parquet("SELECT 1 AS id"));
  put("b.parquet", "no Parquet at all");
  std::string broken = good;
  broken.replace(broken.size() / 2, 2000, 2000, '\x77');
  put("c.parquet", broken);
  put("d.parquet", parquet("SELECT 2 AS id"));
  put("e.parquet", good.substr(0, good.size() - 10));
  EXPECT_EQ(run(), "");
  EXPECT_THAT(topic_.records, testing::IsSupersetOf({R"({"id":1})", R"({"id":2})"}));
  EXPECT_EQ(status_.skipped, 3u);
  EXPECT_THAT(status_.last_error(), HasSubstr(".parquet is passed over"));
  const std::size_t count = topic_.records.size();
  EXPECT_EQ(run(), "");
  EXPECT_EQ(topic_.records.size(), count);
  EXPECT_EQ(status_.skipped, 3u);
}

TEST_P(ObjectsSourceTest, FollowsAndStops) {
  source_settings_.set("follow", true);
  put("a.json", "{\"a\":1}\n");
  auto source = make_objects_source(source_settings_, {});
  Status ended;
  {
    std::jthread thread(
        [&](std::stop_token stop) { ended = (*source)->run(stop, topic_, status_); });
    const auto wait_for = [&](std::uint64_t records) {
      for (int i = 0; i < 1000 && status_.records < records; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      EXPECT_EQ(status_.records, records);
    };
    wait_for(1);
    put("b.json", "{\"a\":2}\n");
    wait_for(2);
  }
  EXPECT_TRUE(ended);
  EXPECT_THAT(topic_.records, ElementsAre(R"({"a":1})", R"({"a":2})"));
}

TEST_P(ObjectsSourceTest, TellsWhatWasChangedAndReadsItNotAgain) {
  put("a.json", "{\"a\":1}\n");
  EXPECT_EQ(run(), "");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // a store may know seconds only
  ASSERT_TRUE(store().remove("a.json", {}));
  put("a.json", "{\"a\":1}\n{\"a\":2}\n");
  EXPECT_EQ(run(), "");
  EXPECT_THAT(topic_.records, SizeIs(1));
  EXPECT_EQ(status_.skipped, 1u);
}

TEST_P(ObjectsSourceTest, WaitsUntilAnObjectIsOldEnough) {
  put("a.json", "{\"a\":1}\n");
  source_settings_.set("age_min", std::int64_t{1500});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run(), "");
  EXPECT_GT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(400));
  EXPECT_THAT(topic_.records, SizeIs(1));
}

TEST_P(ObjectsSourceTest, TellsWhatIsMissing) {
  const bool is_folder = std::string(GetParam()) == "folder";
  source_settings_.set("path", is_folder ? scratch() + "/nowhere" : std::string("s3://nowhere/x"));
  EXPECT_EQ(run(), "object-refused");
  auto source = make_objects_source(source_settings_, {});
  const auto found = (*source)->probe({});
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr(is_folder ? "no folder" : "make the bucket"));
}

TEST_P(ObjectsSourceTest, WhatIsRefusedIsTriedAgainAndTheOthersAreRead) {
  if (std::string(GetParam()) != "folder") GTEST_SKIP() << "the store has one user, who may all";
  put("a.json", "{\"a\":1}\n");
  put("b.json", "{\"a\":2}\n");
  files_.refused = "a.json";
  EXPECT_EQ(run(), "object-refused");
  EXPECT_THAT(topic_.records, ElementsAre(R"({"a":2})"));
  EXPECT_EQ(run(), "object-refused");
  EXPECT_EQ(status_.skipped, 0u);
  files_.refused.clear();
  EXPECT_EQ(run(), "");
  EXPECT_THAT(topic_.records, ElementsAre(R"({"a":2})", R"({"a":1})"));
}

TEST_P(ObjectsSourceTest, CutsWhatIsTooLong) {
  source_settings_.set("record_bytes_max", std::int64_t{20});
  format("parquet");
  put("a.parquet", parquet("SELECT repeat('x', 100) AS name UNION ALL SELECT 'y'"));
  EXPECT_EQ(run(), "");
  EXPECT_THAT(topic_.records, ElementsAre("{\"name\":\"xxxxxxxxxx\xFF", R"({"name":"y"})"));
}

TEST_P(ObjectsSourceTest, ProbeLooks) {
  put("a.json", "{\"a\":1}\n");
  auto source = make_objects_source(source_settings_, {});
  const auto found = (*source)->probe({});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_THAT(**found, HasSubstr("1 object is there"));
}

INSTANTIATE_TEST_SUITE_P(Places, ObjectsSourceTest, testing::Values("folder", "s3"),
                         [](const auto& place) { return std::string(place.param); });

TEST(ObjectFinder, KnowsWhatIsWanted) {
  const ObjectFinder all("", 0), parquet("*.parquet", 0), deep("year=*/*.json", 0);
  EXPECT_TRUE(all.is_wanted("a/b"));
  for (const char* key : {"_SUCCESS", "a/_temporary/b", ".hidden", "a/.b", "_leat/users/1.json"}) {
    EXPECT_FALSE(all.is_wanted(key)) << key;
  }
  EXPECT_TRUE(parquet.is_wanted("year=2026/a.parquet"));
  EXPECT_FALSE(parquet.is_wanted("year=2026/a.parquet.crc"));
  EXPECT_TRUE(deep.is_wanted("year=2026/a.json"));
  EXPECT_FALSE(deep.is_wanted("year=2026/month=1/a.json"));
}

TEST(PartitionColumns, AreWhatThePathSays) {
  EXPECT_EQ(partition_columns("a.parquet"), "");
  EXPECT_EQ(partition_columns("x/y=1/z=01/w=a%2Fb/v=-1.5e3/a=b.parquet"),
            R"(,"y":1,"z":"01","w":"a/b","v":-1.5e3)");
}

TEST(PartitionColumns, NumbersAreWrittenAsJsonHasThem) {
  for (const char* text : {"0", "-1", "1.5", "12e-3", "1E+9"}) {
    std::string out;
    append_json_value(text, out);
    EXPECT_EQ(out, text);
  }
  for (const char* text : {"", "-", "01", "1.", ".5", "+1", "1e", "0x1", "1 ", "NaN", "true"}) {
    std::string out;
    append_json_value(text, out);
    EXPECT_EQ(out, fmt::format("\"{}\"", text));
  }
}

}  // namespace
}  // namespace leat::connector::object
