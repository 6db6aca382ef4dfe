#include "sql/parquet_writer.h"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/duck_test_database.h"

namespace leat::sql {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ParquetWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = (std::filesystem::temp_directory_path() / "leat-parquet-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// A writer of what the query gives.
  std::unique_ptr<ParquetWriter> writer_of(const std::string& sql, ParquetLayout layout = {}) {
    layout.input = database_.schema_of(sql);
    const Status checked = check_parquet_layout(layout);
    EXPECT_TRUE(checked) << checked.error().message;
    auto writer = ParquetWriter::open(layout, folder_);
    EXPECT_TRUE(writer) << writer.error().message;
    return std::move(*writer);
  }

  void add(ParquetWriter& writer, const std::string& sql,
           const std::vector<std::int64_t>& weights = {}) {
    for (const Chunk& chunk : database_.chunks(sql)) {
      const Status added = writer.add(chunk, weights, 0, chunk.size());
      EXPECT_TRUE(added) << added.error().message;
    }
  }

  std::vector<ParquetFile> write(ParquetWriter& writer, const std::string& name) {
    auto files = writer.write(name, {});
    EXPECT_TRUE(files) << files.error().message;
    return files.value_or(std::vector<ParquetFile>());
  }

  std::string fault(const std::string& sql, ParquetLayout layout) {
    layout.input = database_.schema_of(sql);
    const Status checked = check_parquet_layout(layout);
    return checked ? "" : checked.error().message;
  }

  DuckTestDatabase database_;
  std::string folder_;
};

TEST_F(ParquetWriterTest, WritesWhatItWasGiven) {
  const std::string sql = "SELECT range AS id, 'text ' || range AS name FROM range(5000)";
  const auto writer = writer_of(sql);
  add(*writer, sql);
  EXPECT_EQ(writer->rows(), 5000u);
  EXPECT_GT(writer->bytes(), 5000u * 8);
  const auto files = write(*writer, "a");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].rows, 5000u);
  EXPECT_EQ(files[0].bytes, std::filesystem::file_size(files[0].path));
  EXPECT_EQ(writer->rows(), 0u);
  EXPECT_THAT(
      database_.texts("SELECT (count(*) || ' ' || sum(id) || ' ' || max(name))::VARCHAR FROM '" +
                      files[0].path + "'"),
      ElementsAre("5000 12497500 text 999"));
  add(*writer, "SELECT 7::BIGINT, 'x'");
  EXPECT_EQ(write(*writer, "b")[0].rows, 1u);
}

TEST_F(ParquetWriterTest, TellsFilesApartByExpressions) {
  const std::string sql =
      "SELECT * FROM (VALUES (1, DATE '2026-01-31'), (2, DATE '2026-02-01'), "
      "(3, NULL), (4, DATE '2026-01-01')) t(id, day)";
  const auto writer =
      writer_of(sql, {.partitions = {{"year", "year(day)"}, {"month", "month(day) -- of it"}}});
  add(*writer, sql);
  std::vector<std::string> seen;
  for (const ParquetFile& file : write(*writer, "part")) {
    seen.push_back(fmt::format("{} {}", file.partition, file.rows));
    EXPECT_TRUE(std::filesystem::exists(file.path)) << file.path;
  }
  EXPECT_THAT(seen, testing::UnorderedElementsAre(
                        "year=2026/month=1/ 2", "year=2026/month=2/ 1",
                        "year=__HIVE_DEFAULT_PARTITION__/month=__HIVE_DEFAULT_PARTITION__/ 1"));
}

TEST_F(ParquetWriterTest, KeepsAColumnThatIsAPartitionInThePathAlone) {
  const std::string sql = "SELECT 1 AS id, 'a/b=..' AS place";
  const auto writer = writer_of(sql, {.partitions = {{"place", "place"}}});
  add(*writer, sql);
  const auto files = write(*writer, "x");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].partition, "place=a%2Fb%3D../");
  EXPECT_THAT(database_
                  .schema_of("SELECT * FROM read_parquet('" + files[0].path +
                             "', hive_partitioning = false)")
                  .names(),
              ElementsAre("id"));
}

TEST_F(ParquetWriterTest, SortsWithinAFile) {
  const std::string sql = "SELECT * FROM (VALUES (1, 'b'), (2, 'a'), (3, 'b')) t(id, name)";
  const auto writer = writer_of(sql, {.order = {{1, false}, {0, true}}});
  add(*writer, sql);
  const auto files = write(*writer, "x");
  EXPECT_THAT(database_.texts("SELECT id::VARCHAR FROM '" + files[0].path + "'"),
              ElementsAre("2", "3", "1"));
}

TEST_F(ParquetWriterTest, LosesNothingOfAValue) {
  const std::string sql =
      "SELECT 99999999999999999999999999999999999999::HUGEINT AS h, INTERVAL '1 month 3 us' AS i, "
      "'101'::BIT AS b, uuid '00000000-0000-0000-0000-000000000001' AS u, "
      "[5::HUGEINT] AS l, {'x': uuid '00000000-0000-0000-0000-000000000002'} AS s, "
      "1.5::DECIMAL(10,2) AS d, TIMESTAMPTZ '2026-01-01 00:00:00.123456+00' AS t";
  const auto writer = writer_of(sql);
  add(*writer, sql);
  const std::string file = write(*writer, "x")[0].path;
  const auto is = [&](const std::string& expression) {
    return database_.texts("SELECT (" + expression + ")::VARCHAR FROM '" + file + "'")[0];
  };
  EXPECT_EQ(is("h"), "99999999999999999999999999999999999999");
  EXPECT_EQ(is("i"), "1 month 00:00:00.000003");
  EXPECT_EQ(is("b"), "101");
  EXPECT_EQ(is("typeof(u) || u"), "VARCHAR00000000-0000-0000-0000-000000000001");
  EXPECT_EQ(is("l[1]"), "5");
  EXPECT_EQ(is("s.x"), "00000000-0000-0000-0000-000000000002");
  EXPECT_EQ(is("d"), "1.50");
  EXPECT_EQ(is("epoch_us(t)"), "1767225600123456");
}

TEST_F(ParquetWriterTest, WritesWeightsFirst) {
  const std::string sql = "SELECT * FROM (VALUES (1), (2)) t(id)";
  const auto writer = writer_of(sql, {.with_weight = true});
  add(*writer, sql, {1, -1});
  EXPECT_THAT(
      database_.texts("SELECT (weight * id)::VARCHAR FROM '" + write(*writer, "x")[0].path + "'"),
      ElementsAre("1", "-2"));
}

TEST_F(ParquetWriterTest, TakesNoneOfAChunkInWhichARowFails) {
  const std::string sql = "SELECT * FROM (VALUES ('1'), ('x'), ('3')) t(number)";
  const auto writer = writer_of(sql, {.partitions = {{"n", "number::INTEGER"}}});
  const auto chunks = database_.chunks(sql);
  const Status added = writer->add(chunks[0], {}, 0, 3);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, "row-failed");
  EXPECT_EQ(writer->rows(), 0u);
  EXPECT_TRUE(writer->add(chunks[0], {}, 2, 1));
  const auto files = write(*writer, "x");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].partition, "n=3/");
}

TEST_F(ParquetWriterTest, SpillsWhatItsMemoryDoesNotHold) {
  const std::string sql =
      "SELECT range AS id, md5(range::VARCHAR) || md5((range + 1)::VARCHAR) AS text FROM "
      "range(2048)";
  const auto writer = writer_of(sql);
  const auto chunks = database_.chunks(sql);
  while (writer->bytes() < 2 * ParquetWriter::memory_bytes_max) {
    ASSERT_TRUE(writer->add(chunks[0], {}, 0, chunks[0].size()));
  }
  const std::uint64_t rows = writer->rows();
  EXPECT_EQ(write(*writer, "x")[0].rows, rows);
}

TEST_F(ParquetWriterTest, RefusesWhatCanNotBeAPartition) {
  const std::string sql = "SELECT 1 AS id, DATE '2026-01-01' AS day";
  const auto partitioned = [&](const std::string& name, const std::string& expression) {
    return fault(sql, {.partitions = {{name, expression}}});
  };
  EXPECT_THAT(partitioned("y", "year(dya)"), HasSubstr("dya"));
  EXPECT_THAT(partitioned("y", "year(day), 2"), HasSubstr("one expression"));
  EXPECT_THAT(partitioned("y", "count(*)"), HasSubstr("can't be in it"));
  EXPECT_THAT(partitioned("y", "unnest([1, 2])"), HasSubstr("can't be in it"));
  EXPECT_NE(partitioned("y", "(SELECT max(x) FROM read_csv('/etc/passwd') t(x))"), "");
  EXPECT_NE(partitioned("y", "now()"), "");
  EXPECT_THAT(partitioned("y", "[id]"), HasSubstr("no name for a folder"));
  EXPECT_THAT(partitioned("id", "id + 1"), HasSubstr("already"));
  EXPECT_EQ(partitioned("id", "id"), "");
  EXPECT_THAT(fault(sql, {.partitions = {{"id", "id"}, {"day", "day"}}}),
              HasSubstr("nothing is left"));
  EXPECT_THAT(fault("SELECT 1 AS weight", {.with_weight = true}), HasSubstr("rename"));
}

}  // namespace
}  // namespace leat::sql
