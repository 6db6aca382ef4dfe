#include "sql/user_queries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/test_patience.h"
#include "model/duck_test_database.h"
#include "sql/parquet_writer.h"

namespace leat::sql {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const Schema numbers({{"n", Type::of(DUCKDB_TYPE_BIGINT)},
                      {"name", Type::of(DUCKDB_TYPE_VARCHAR)}});
constexpr std::size_t number_count = 5'000;

/// Rows (0, "row number 0 of many") … in chunks of 700; the chunk is reused for each.
class NumbersScanner : public Scanner {
 public:
  Status scan(const std::string& name, const std::function<bool(const Chunk&)>& row_sink) override {
    scanned.push_back(name);
    Chunk chunk(numbers);
    for (std::size_t begin = 0; begin < number_count; begin += 700) {
      chunk.reset();
      const std::size_t count = std::min<std::size_t>(700, number_count - begin);
      auto* data = static_cast<std::int64_t*>(duckdb_vector_get_data(chunk.vector(0)));
      for (std::size_t row = 0; row < count; ++row) {
        data[row] = static_cast<std::int64_t>(begin + row);
        const std::string text = fmt::format("row number {} of many", begin + row);
        duckdb_vector_assign_string_element_len(chunk.vector(1), row, text.data(), text.size());
      }
      chunk.set_size(count);
      if (!row_sink(chunk)) break;
    }
    return {};
  }

  std::vector<std::string> scanned;
};

struct Answer {
  Schema schema;
  std::vector<std::string> first;  ///< the first column of all rows, as text where it is text
  std::size_t rows = 0;
  bool truncated = false;
};

class UserQueriesTest : public testing::Test {
 protected:
  static std::unique_ptr<UserQueries> Open(UserQueries::Options options = {}) {
    return UserQueries::open(options, {{"numbers", numbers}, {"Odd Name's", numbers}}).value();
  }

  Result<Answer> Ask(const std::string& sql, UserQueries::Limits limits = {},
                     std::stop_token stop = {}) {
    NumbersScanner scanner;
    Answer answer;
    auto outcome = queries_->run(
        sql, scanner, limits, stop,
        [&](const Schema& schema) -> Status {
          answer.schema = schema;
          return {};
        },
        [&](const Chunk& chunk) -> Status {
          answer.rows += chunk.size();
          if (answer.schema[0].type.id() != DUCKDB_TYPE_VARCHAR) return {};
          const auto* texts =
              static_cast<duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(0)));
          const std::uint64_t* validity = duckdb_vector_get_validity(chunk.vector(0));
          for (std::size_t row = 0; row < chunk.size(); ++row) {
            answer.first.emplace_back(is_valid(validity, row) ? text_of(texts[row]) : "NULL");
          }
          return {};
        });
    if (!outcome) return std::unexpected(outcome.error());
    EXPECT_EQ(outcome->rows, answer.rows);
    answer.truncated = outcome->truncated;
    return answer;
  }

  std::string CodeOf(const std::string& sql, UserQueries::Limits limits = {}) {
    const auto answer = Ask(sql, limits);
    return answer ? "ran" : answer.error().code;
  }

  std::string Text(const std::string& sql) {
    const auto answer = Ask(sql);
    if (!answer) return answer.error().code + ": " + answer.error().message;
    return fmt::format("{}", fmt::join(answer->first, "|"));
  }

  std::unique_ptr<UserQueries> queries_ = Open();
};

TEST_F(UserQueriesTest, ReadsRelationsAsTables) {
  EXPECT_EQ(Text("SELECT (sum(n) || ' ' || count(*)) FROM numbers"), "12497500 5000");
  EXPECT_EQ(Text("SELECT count(*)::VARCHAR FROM numbers"), "5000");
  EXPECT_EQ(Text("SELECT name FROM numbers WHERE n = 4321"), "row number 4321 of many");
  EXPECT_EQ(Text("SELECT name FROM \"Odd Name's\" ORDER BY n DESC LIMIT 2"),
            "row number 4999 of many|row number 4998 of many");
  EXPECT_EQ(
      Text("SELECT min(a.name) FROM numbers a JOIN \"Odd Name's\" b USING (n) WHERE n > 4998"),
      "row number 4999 of many");
  EXPECT_EQ(Text("WITH t AS (FROM numbers) SELECT max(name) FROM t"), "row number 999 of many");
  EXPECT_EQ(Text("VALUES ('a'), ('b')"), "a|b");
  EXPECT_EQ(Text("SELECT column_name FROM (DESCRIBE numbers)"), "n|name");
  EXPECT_EQ(Text("SHOW TABLES"), "Odd Name's|numbers");
  EXPECT_EQ(Ask("SUMMARIZE numbers")->rows, 2u);
  EXPECT_EQ(Ask("FROM numbers")->schema.names(), numbers.names());
}

TEST_F(UserQueriesTest, ScansOnlyWhatTheQueryReads) {
  NumbersScanner scanner;
  const auto nothing = [](const auto&) -> Status { return {}; };
  ASSERT_TRUE(queries_->run("SELECT max(n) FROM numbers", scanner, {}, {}, nothing, nothing));
  EXPECT_EQ(scanner.scanned, std::vector<std::string>{"numbers"});
  ASSERT_TRUE(queries_->run("SELECT 1", scanner, {}, {}, nothing, nothing));
  EXPECT_EQ(scanner.scanned.size(), 1u);
}

TEST_F(UserQueriesTest, TellsWhereTheSqlIsWrong) {
  const auto message = [&](const std::string& sql) { return Ask(sql).error().message; };
  EXPECT_THAT(message("SELECT nam FROM numbers"),
              StartsWith("line 1, column 8: there is no column"));
  EXPECT_THAT(message("SELECT nam FROM numbers"), HasSubstr("did you mean \"name\"?"));
  EXPECT_THAT(message("SELECT n\nFROM number"), StartsWith("line 2, column 6: there is no stream"));
  EXPECT_THAT(message("SELECT uper(name) FROM numbers"), HasSubstr("did you mean \"upper\"?"));
  EXPECT_EQ(CodeOf("SELECT FROM WHERE"), "sql-invalid");
  EXPECT_EQ(CodeOf(""), "sql-invalid");
  EXPECT_EQ(CodeOf(std::string("SELECT 1\0", 9)), "sql-invalid");
  EXPECT_EQ(CodeOf("SELECT name::INTEGER FROM numbers"), "row-failed");
}

TEST_F(UserQueriesTest, RefusesWhatIsNoQuery) {
  for (const char* sql : {"COPY numbers TO '/tmp/x.csv'",
                          "COPY (SELECT 1) TO '/tmp/x'",
                          "ATTACH '/tmp/x.db'",
                          "INSTALL httpfs",
                          "LOAD httpfs",
                          "SET threads = 8",
                          "SET lock_configuration = false",
                          "RESET threads",
                          "PRAGMA threads = 8",
                          "PRAGMA database_list",
                          "CREATE TABLE t (a INT)",
                          "DROP VIEW numbers",
                          "INSERT INTO numbers VALUES (1)",
                          "DELETE FROM numbers",
                          "UPDATE numbers SET n = 1",
                          "CREATE MACRO f(x) AS x",
                          "BEGIN",
                          "CHECKPOINT",
                          "VACUUM",
                          "EXPORT DATABASE '/tmp/x'",
                          "IMPORT DATABASE '/tmp/x'",
                          "PREPARE p AS SELECT 1",
                          "EXECUTE p",
                          "CALL duckdb_settings()",
                          "USE main",
                          "EXPLAIN ANALYZE SELECT 1",
                          "SET VARIABLE x = 1"}) {
    EXPECT_EQ(CodeOf(sql), "not-read-only") << sql;
  }
  EXPECT_EQ(CodeOf("SELECT 1; SELECT 2"), "sql-invalid");
  EXPECT_EQ(CodeOf("SELECT 1; DROP VIEW numbers"), "not-read-only");
  EXPECT_EQ(Text("SELECT count(*)::VARCHAR FROM numbers"), "5000");
}

TEST_F(UserQueriesTest, RefusesWhatReachesOutside) {
  for (const char* sql : {"SELECT * FROM read_text('/etc/passwd')",
                          "SELECT * FROM read_csv('/etc/passwd')",
                          "SELECT * FROM read_blob('/etc/passwd')",
                          "SELECT * FROM read_json('/x')",
                          "SELECT * FROM read_parquet('/x')",
                          "SELECT * FROM parquet_metadata('/x')",
                          "SELECT * FROM glob('/etc/*')",
                          "SELECT * FROM sniff_csv('/etc/passwd')",
                          "SELECT getenv('HOME')",
                          "SELECT * FROM duckdb_settings()",
                          "SELECT * FROM duckdb_secrets()",
                          "SELECT * FROM which_secret('a', 'b')",
                          "SELECT * FROM query('SELECT 1')",
                          "SELECT * FROM query_table('numbers')",
                          "SELECT * FROM json_execute_serialized_sql('{}')",
                          "SELECT * FROM pragma_version()",
                          "SELECT * FROM __leat_relation('numbers')",
                          "SELECT (SELECT content FROM read_text('/x'))",
                          "WITH a AS (SELECT * FROM glob('*')) SELECT * FROM a",
                          "SELECT 1 WHERE EXISTS (FROM read_text('/etc/passwd'))",
                          "SELECT write_log('x')",
                          "SELECT $1",
                          "SELECT * FROM test_all_types()"}) {
    EXPECT_EQ(CodeOf(sql), "not-allowed") << sql;
  }
  for (const char* sql : {"SELECT * FROM '/etc/passwd'", "SELECT * FROM '/etc/x.csv'",
                          "SELECT * FROM 'http://x/y.csv'",
                          "SELECT * FROM information_schema.tables", "SELECT * FROM duckdb_tables",
                          "SELECT * FROM pg_catalog.pg_class", "SELECT * FROM sqlite_master",
                          "SELECT * FROM system.main.duckdb_views", "FROM memory.main.numbers"}) {
    EXPECT_EQ(CodeOf(sql), "sql-invalid") << sql;
  }
}

TEST_F(UserQueriesTest, EndsWhatTakesTooLong) {
  const UserQueries::Limits short_time{.time = std::chrono::milliseconds(200)};
  for (const char* sql :
       {"SELECT count(*) FROM numbers a, numbers b, numbers c, numbers d",
        "SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000000) b",
        "SELECT max(range) FROM range(1000000000000000000)",
        "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM t) SELECT max(x) FROM t"}) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(CodeOf(sql, short_time), "query-timeout") << sql;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, patience(std::chrono::seconds(10))) << sql;
  }
  EXPECT_EQ(Text("SELECT count(*)::VARCHAR FROM numbers"), "5000");
}

TEST_F(UserQueriesTest, CutsLongResults) {
  const auto answer = Ask("SELECT range FROM range(1000000000000000000)", {.rows_max = 5'000});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->rows, 5'000u);
  EXPECT_TRUE(answer->truncated);
  const auto whole = Ask("SELECT n FROM numbers", {.rows_max = number_count});
  EXPECT_EQ(whole->rows, number_count);
  EXPECT_FALSE(whole->truncated);
}

TEST_F(UserQueriesTest, EndsWhatNeedsTooMuchMemory) {
  queries_ = Open({.memory_bytes_max = 64UL << 20, .scan_bytes_max = 64UL << 10});
  EXPECT_EQ(CodeOf("SELECT sum(n) FROM numbers"), "query-too-large");
  EXPECT_EQ(
      CodeOf("SELECT count(*) FROM (SELECT DISTINCT range, hash(range) FROM range(50000000))"),
      "query-too-large");
  EXPECT_EQ(CodeOf("SELECT range FROM range(100000000) ORDER BY hash(range)"), "query-too-large");
  EXPECT_EQ(Text("SELECT 'still here'"), "still here");
}

TEST_F(UserQueriesTest, BoundsFunctionsThatMakeLongTextAndLists) {
  EXPECT_EQ(CodeOf("SELECT repeat('x', 2000000000)"), "row-failed");
  EXPECT_EQ(CodeOf("SELECT repeat(s, 10000) FROM (SELECT repeat('x', 10000) AS s)"), "row-failed");
  EXPECT_EQ(CodeOf("SELECT lpad('x', 2000000000, 'y')"), "row-failed");
  EXPECT_EQ(CodeOf("SELECT main.rpad('x', 2000000000, 'y')"), "row-failed");
  for (const char* sql :
       {"SELECT system.main.repeat('x', 2000000000)", "SELECT range(1000000000)",
        "SELECT unnest(generate_series(1, 1000000000))", "SELECT list_resize([1], 1000000000)",
        "SELECT printf('%1000000000d', 1)", "SELECT format('{:1000000000}', 1)",
        "SELECT format('{:{}}', 1, 1000000000)", "SELECT printf('%*d', 1000000000, 1)",
        "SELECT printf(name, 1) FROM numbers"}) {
    EXPECT_EQ(CodeOf(sql), "not-allowed") << sql;
  }
  EXPECT_EQ(Text("SELECT repeat('ab', 3) || lpad('7', 3, '0') || printf('%.2f', 1.5) || "
                 "format('{:03d}', 7)"),
            "ababab0071.50007");
}

TEST_F(UserQueriesTest, RefusesMacrosThatCopyTheirArgumentsInEachOther) {
  const auto nested = [](const std::string& name, int depth) {
    std::string sql = "SELECT ";
    for (int i = 0; i < depth; ++i) sql += name + "(";
    sql += "'x'";
    for (int i = 0; i < depth; ++i) sql += ", 1)";
    return sql;
  };
  for (const char* name : {"repeat", "nullif", "REPEAT", "split_part"}) {
    EXPECT_EQ(CodeOf(nested(name, 30)), "not-allowed") << name;
  }
  EXPECT_EQ(CodeOf("SELECT n FROM numbers WHERE n > (" + nested("repeat", 12) + ")::INTEGER"),
            "not-allowed");
  EXPECT_EQ(Text(nested("repeat", 4)), "x");
}

TEST_F(UserQueriesTest, StopsWhenAsked) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const auto answer =
      Ask("SELECT max(range) FROM range(1000000000000000000)", {}, stop.get_token());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "query-cancelled");
}

TEST_F(UserQueriesTest, PassesOnItsCallersErrors) {
  class BrokenScanner : public Scanner {
    Status scan(const std::string&, const std::function<bool(const Chunk&)>&) override {
      return external_error("disk", "the disk is gone");
    }
  } broken;
  NumbersScanner scanner;
  const auto nothing = [](const auto&) -> Status { return {}; };
  const auto full = [](const Chunk&) -> Status { return user_error("full", "no room"); };
  EXPECT_EQ(queries_->run("FROM numbers", broken, {}, {}, nothing, nothing).error().code, "disk");
  EXPECT_EQ(queries_->run("FROM numbers", scanner, {}, {}, nothing, full).error().code, "full");
  EXPECT_EQ(Text("SELECT count(*)::VARCHAR FROM numbers"), "5000");
}

TEST_F(UserQueriesTest, RunsSeveralAtOnceAndRefusesTooMany) {
  queries_ = Open({.concurrent_max = 3});
  std::atomic<int> ran = 0, refused = 0, other = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        for (int turn = 0; turn < 20; ++turn) {
          const bool hostile = (i + turn) % 3 == 0;
          const std::string code =
              hostile ? CodeOf("SELECT sum(a.n * b.n * c.n) FROM numbers a, numbers b, numbers c",
                               {.time = std::chrono::milliseconds(30)})
                      : CodeOf("SELECT sum(n) FROM numbers");
          if (code == "too-many-queries") {
            ++refused;
          } else if (code == (hostile ? "query-timeout" : "ran")) {
            ++ran;
          } else {
            ++other;
          }
        }
      });
    }
  }
  EXPECT_EQ(other, 0);
  EXPECT_GT(ran, 0);
  EXPECT_EQ(ran + refused, 160);
}

/// Relations beside tables in Parquet files, which DuckDB itself has written below a folder.
class FileTablesTest : public testing::Test {
 protected:
  /// Gives all files below "archive" where the table `archive` is read.
  class FilesScanner final : public NumbersScanner {
   public:
    explicit FilesScanner(std::string folder) : folder_(std::move(folder)) {}
    Result<std::vector<std::string>> files(const std::string& name, std::stop_token) override {
      EXPECT_EQ(name, "archive");
      if (fails) return external_error("object-refused", "no such bucket");
      std::vector<std::string> found;
      for (const auto& file : std::filesystem::recursive_directory_iterator(folder_)) {
        if (file.is_regular_file()) found.push_back(file.path().string());
      }
      return found;
    }
    bool fails = false;

   private:
    const std::string folder_;
  };

  FileTablesTest() {
    root_ = (std::filesystem::temp_directory_path() / "leat-files-XXXXXX").string();
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
    std::filesystem::create_directories(root_ + "/archive");
    std::filesystem::create_directories(root_ + "/other");
    scanner_ = std::make_unique<FilesScanner>(root_ + "/archive");
    // As a sink writes rows of these columns.
    const ParquetLayout layout{.input = Schema({{"id", Type::of(DUCKDB_TYPE_BIGINT)},
                                                {"added", Type::of(DUCKDB_TYPE_VARCHAR)},
                                                {"u", Type::of(DUCKDB_TYPE_UUID)},
                                                {"huge", Type::of(DUCKDB_TYPE_HUGEINT)},
                                                {"span", Type::of(DUCKDB_TYPE_INTERVAL)}}),
                               .partitions = {{"year", "2020 + id"}},
                               .order = {}};
    FileTable archive = *table_of(layout);
    archive.folder = root_ + "/archive";
    queries_ = *UserQueries::open({}, {{"numbers", numbers}}, {{"archive", archive}});
  }
  ~FileTablesTest() override { std::filesystem::remove_all(root_); }

  void write(const std::string& file, const std::string& sql) {
    const std::string path = root_ + "/" + file;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    duck_.chunks(fmt::format("COPY ({}) TO '{}' (FORMAT parquet)", sql, path));
  }
  /// All of the result's rows as text, or the error's code.
  std::string text(const std::string& sql) {
    std::string all;
    const auto outcome = queries_->run(
        R"(SELECT (SELECT string_agg(translate(regexp_replace(
             t::VARCHAR, '''[a-z_().]+'': ', '', 'g'), '{}', '()'), '|') FROM ()" +
            sql + ") t)",
        *scanner_, {}, {}, [](const Schema&) -> Status { return {}; },
        [&](const Chunk& chunk) -> Status {
          const auto* texts =
              static_cast<duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(0)));
          if (is_valid(duckdb_vector_get_validity(chunk.vector(0)), 0)) all += text_of(texts[0]);
          return {};
        });
    return outcome ? all : outcome.error().code;
  }

  std::string root_;
  DuckTestDatabase duck_;
  std::unique_ptr<FilesScanner> scanner_;
  std::unique_ptr<UserQueries> queries_;
};

TEST_F(FileTablesTest, ReadsTheFilesOfTheMoment) {
  EXPECT_EQ(text("SELECT count(*) FROM archive"), "(0)");
  write("archive/year=2025/a.parquet", "SELECT 1::INTEGER AS id, 'gone' AS former");
  write("archive/year=2026/b.parquet", "SELECT range AS id, 'x' AS added FROM range(10, 12)");
  write("archive/year=__HIVE_DEFAULT_PARTITION__/c.parquet", "SELECT 3::BIGINT AS id");
  EXPECT_EQ(text("SELECT id, added, year FROM archive ORDER BY id"),
            "(1, NULL, 2025)|(3, NULL, NULL)|(10, x, 2026)|(11, x, 2026)");
  EXPECT_EQ(text("SELECT id FROM main.archive WHERE year = 2025"), "(1)");
  EXPECT_EQ(text("SELECT year, count(*) FROM archive GROUP BY year ORDER BY year DESC NULLS LAST"),
            "(2026, 2)|(2025, 1)|(NULL, 1)");
  EXPECT_EQ(text("SELECT name FROM archive JOIN numbers ON id = n WHERE id = 11"),
            "(row number 11 of many)");
  EXPECT_EQ(text("WITH w AS (FROM archive) SELECT max(a.id) FROM w a, archive b"), "(11)");
  std::filesystem::remove_all(root_ + "/archive/year=2026");
  EXPECT_EQ(text("SELECT max(id) FROM archive"), "(3)");
  EXPECT_EQ(text("SELECT name FROM (SHOW TABLES) ORDER BY name"), "(archive)|(numbers)");
  EXPECT_EQ(
      text("SELECT column_name, column_type FROM (DESCRIBE archive)"),
      "(id, BIGINT)|(added, VARCHAR)|(u, UUID)|(huge, HUGEINT)|(span, INTERVAL)|(year, BIGINT)");
}

/// As a sink leaves them whose `partition_by` was changed.
TEST_F(FileTablesTest, FoldersMayBeOfDifferentColumns) {
  write("archive/year=2025/a.parquet", "SELECT 1::BIGINT AS id");
  write("archive/b.parquet", "SELECT 2::BIGINT AS id, 2026::BIGINT AS year");
  write("archive/added=x/year=2027/c.parquet", "SELECT 3::BIGINT AS id");
  write("archive/other=y/d.parquet", "SELECT 4::BIGINT AS id");
  EXPECT_EQ(text("SELECT id, added, year FROM archive ORDER BY id"),
            "(1, NULL, 2025)|(2, NULL, 2026)|(3, x, 2027)|(4, NULL, NULL)");
  EXPECT_EQ(text("SELECT id FROM archive WHERE year > 2025 ORDER BY id"), "(2)|(3)");
}

/// A folder that the query leaves out is not even opened but for its footer.
TEST_F(FileTablesTest, ReadsOnlyTheFoldersThatTheQueryNeeds) {
  write("archive/year=2025/a.parquet", "SELECT range AS id FROM range(1000)");
  write("archive/year=2026/b.parquet", "SELECT range AS id FROM range(1000)");
  // Its first column chunk is damaged, its footer is not.
  std::fstream damaged(root_ + "/archive/year=2026/b.parquet",
                       std::ios::in | std::ios::out | std::ios::binary);
  damaged.seekp(4);
  damaged << std::string(200, '\xEE');
  damaged.close();
  EXPECT_EQ(text("SELECT sum(id) FROM archive WHERE year = 2025"), "(499500)");
  EXPECT_NE(text("SELECT sum(id) FROM archive"), "(999000)");
}

TEST_F(FileTablesTest, GivesTypesBackThatParquetHasNot) {
  constexpr const char* largest = "99999999999999999999999999999999999999";
  write("archive/year=2021/a.parquet",
        fmt::format("SELECT 1::BIGINT AS id, '00000000-0000-0000-0000-00000000000a' AS u, "
                    "{}::DECIMAL(38,0) AS huge, '1 day' AS span",
                    largest));
  EXPECT_EQ(text("SELECT u, huge, span FROM archive WHERE u = "
                 "'00000000-0000-0000-0000-00000000000A'::UUID AND huge > 5"),
            fmt::format("(00000000-0000-0000-0000-00000000000a, {}, 1 day)", largest));
}

TEST_F(FileTablesTest, NothingElseCanBeRead) {
  write("archive/year=2025/a.parquet", "SELECT 1::BIGINT AS id");
  write("other/b.parquet", "SELECT 2 AS id");
  const std::string inside = root_ + "/archive/year=2025/a.parquet",
                    outside = root_ + "/other/b.parquet";
  for (const std::string& path : {inside, outside, std::string("/etc/passwd")}) {
    for (const char* read : {"FROM read_parquet('{}')", "FROM '{}'", "FROM read_csv('{}')",
                             "FROM read_text('{}')", "FROM read_blob('{}')", "FROM glob('{}')",
                             "FROM parquet_metadata('{}')", "FROM parquet_scan('{}')"}) {
      const std::string code = text(fmt::format(fmt::runtime(read), path));
      EXPECT_TRUE(code == "not-allowed" || code == "sql-invalid") << read << path << ": " << code;
    }
  }
  for (const std::string& sql :
       {"COPY archive TO '" + root_ + "/archive/x.parquet'", std::string("DROP VIEW archive"),
        std::string("CREATE OR REPLACE TEMP VIEW archive AS SELECT 1"),
        std::string("SET VARIABLE x = 1")}) {
    const auto outcome = queries_->run(
        sql, *scanner_, {}, {}, [](const Schema&) -> Status { return {}; },
        [](const Chunk&) -> Status { return {}; });
    ASSERT_FALSE(outcome) << sql;
    EXPECT_THAT(outcome.error().code, testing::AnyOf("not-read-only", "sql-invalid")) << sql;
  }
  EXPECT_EQ(text("SELECT id FROM archive"), "(1)");
}

TEST_F(FileTablesTest, FaultsOfFilesAreTold) {
  scanner_->fails = true;
  EXPECT_EQ(text("FROM archive"), "object-refused");
  EXPECT_EQ(text("SELECT max(n) FROM numbers"), "(4999)");
  scanner_->fails = false;
  std::filesystem::create_directories(root_ + "/archive/year=1");
  std::ofstream(root_ + "/archive/year=1/a.parquet") << "no Parquet";
  EXPECT_EQ(text("FROM archive"), "files-unreadable");
}

}  // namespace
}  // namespace leat::sql
