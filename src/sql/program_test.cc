#include "sql/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "sql/query.h"

namespace leat::sql {
namespace {

using testing::HasSubstr;

const Schema people({{"name", Type::of(DUCKDB_TYPE_VARCHAR)},
                     {"age", Type::of(DUCKDB_TYPE_INTEGER)},
                     {"score", Type::of(DUCKDB_TYPE_DOUBLE)}});

/// Rows ("name of row i, long enough to be kept out of line", i, i / 2).
Chunk people_chunk(std::size_t rows, std::int32_t first_age = 0) {
  Chunk chunk(people);
  auto* ages = static_cast<std::int32_t*>(duckdb_vector_get_data(chunk.vector(1)));
  auto* scores = static_cast<double*>(duckdb_vector_get_data(chunk.vector(2)));
  for (std::size_t row = 0; row < rows; ++row) {
    const std::string name = fmt::format("name of row {}, long enough to be out of line", row);
    duckdb_vector_assign_string_element_len(chunk.vector(0), row, name.data(), name.size());
    ages[row] = first_age + static_cast<std::int32_t>(row);
    scores[row] = static_cast<double>(row) / 2;
  }
  chunk.set_size(rows);
  return chunk;
}

class ProgramTest : public testing::Test {
 protected:
  std::unique_ptr<Program> Prepare(const std::string& sql, bool weight = false) {
    auto program = Program::prepare(database_->connect().value(), sql, {people, true, weight});
    if (!program) ADD_FAILURE() << program.error().message;
    return std::move(program).value();
  }

  static std::vector<Chunk> Run(Program& program, ChunkInput& input) {
    std::vector<Chunk> out;
    const Status ran = program.run(input, [&](Chunk chunk) -> Status {
      out.push_back(std::move(chunk));
      return {};
    });
    if (!ran) ADD_FAILURE() << ran.error().message;
    return out;
  }

  std::unique_ptr<Database> database_ = Database::open().value();
};

template <class T>
T value_at(const Chunk& chunk, std::size_t column, std::size_t row) {
  return static_cast<const T*>(duckdb_vector_get_data(chunk.vector(column)))[row];
}

TEST_F(ProgramTest, JoinsWithRowsThatAreGivenBesideTheInput) {
  const Schema grades(
      {{"age", Type::of(DUCKDB_TYPE_INTEGER)}, {"grade", Type::of(DUCKDB_TYPE_INTEGER)}});
  const auto program =
      Program::prepare(database_->connect().value(),
                       "SELECT p.age, g.grade, p.__leat_row FROM __leat_input() AS p LEFT JOIN "
                       "__leat_lookup('g') AS g ON g.age = p.age ORDER BY p.__leat_row",
                       {.schema = people, .with_row = true, .lookups = {{"g", grades}}})
          .value();
  for (int run = 0; run < 3; ++run) {
    std::vector<Chunk> rows;
    for (const std::int32_t first : {3, 500}) {
      Chunk& chunk = rows.emplace_back(grades);
      for (std::int32_t row = 0; row < 2; ++row) {
        static_cast<std::int32_t*>(duckdb_vector_get_data(chunk.vector(0)))[row] = first + row;
        static_cast<std::int32_t*>(duckdb_vector_get_data(chunk.vector(1)))[row] = 100 + run;
      }
      chunk.set_size(2);
    }
    const Chunk people_rows = people_chunk(1000);
    const auto input = input_of(people_rows, {}, true, false);
    const auto lookup = input_of(rows);
    ChunkInput* const lookups[] = {lookup.get()};
    std::vector<Chunk> out;
    ASSERT_TRUE(program->run(*input, lookups, [&](Chunk chunk) -> Status {
      out.push_back(std::move(chunk));
      return {};
    }));
    ASSERT_EQ(out.size(), 1u);
    ASSERT_EQ(out[0].size(), 1000u);
    for (std::size_t row = 0; row < 1000; ++row) {
      const bool graded = row == 3 || row == 4 || row == 500 || row == 501;
      EXPECT_EQ(value_at<std::int32_t>(out[0], 0, row), static_cast<std::int32_t>(row));
      EXPECT_EQ(is_valid(duckdb_vector_get_validity(out[0].vector(1)), row), graded) << row;
      if (graded) {
        EXPECT_EQ(value_at<std::int32_t>(out[0], 1, row), 100 + run);
      }
    }
  }
}

TEST_F(ProgramTest, RunsOverChosenRowsWithOthersBesideThem) {
  const Schema grades({{"grade", Type::of(DUCKDB_TYPE_INTEGER)}});
  const auto program =
      Program::prepare(database_->connect().value(),
                       "SELECT p.name, g.grade, p.__leat_row FROM __leat_input() AS p POSITIONAL "
                       "JOIN __leat_lookup('g') AS g WHERE g.grade <> 12",
                       {.schema = people, .with_row = true, .lookups = {{"g", grades}}})
          .value();
  std::vector<Chunk> chunks;
  for (const std::size_t size : {4, 3, 5}) chunks.push_back(people_chunk(size));
  const std::vector<std::vector<std::uint32_t>> rows = {{1, 3}, {}, {0, 1, 2, 3, 4}};
  const std::vector<ChosenRows> chosen = {
      {&chunks[0], rows[0], 0}, {&chunks[1], rows[1], 4}, {&chunks[2], rows[2], 7}};
  std::vector<Chunk> beside;
  for (const auto& of_chunk : rows) {
    Chunk& chunk = beside.emplace_back(grades);
    auto* values = static_cast<std::int32_t*>(duckdb_vector_get_data(chunk.vector(0)));
    for (std::size_t i = 0; i < of_chunk.size(); ++i) {
      values[i] = static_cast<std::int32_t>(10 + of_chunk[i]);
    }
    chunk.set_size(of_chunk.size());
  }
  const auto lookup = input_of(beside);
  ChunkInput* const lookups[] = {lookup.get()};
  std::vector<std::string> out;
  ASSERT_TRUE(program->run(*input_of(chosen, true), lookups, [&](Chunk chunk) -> Status {
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      auto name = value_at<duckdb_string_t>(chunk, 0, row);
      out.push_back(fmt::format("{} {} {}", text_of(name).substr(0, 13),
                                value_at<std::int32_t>(chunk, 1, row),
                                value_at<std::int64_t>(chunk, 2, row)));
    }
    return {};
  }));
  EXPECT_EQ(out, (std::vector<std::string>{"name of row 1 11 1", "name of row 3 13 3",
                                           "name of row 0 10 7", "name of row 1 11 8",
                                           "name of row 3 13 10", "name of row 4 14 11"}));
}

TEST_F(ProgramTest, ProjectsAndFiltersRowsWithTheirNumbers) {
  auto program =
      Prepare("SELECT age * 2 AS twice, __leat_row FROM __leat_input() WHERE age % 3 = 0");
  EXPECT_EQ(program->output().names(), (std::vector<std::string>{"twice", "__leat_row"}));
  const Chunk rows = people_chunk(10);
  const auto out = Run(*program, *input_of(rows, {}, true, false));
  ASSERT_EQ(out.size(), 1u);
  ASSERT_EQ(out[0].size(), 4u);
  EXPECT_EQ(value_at<std::int32_t>(out[0], 0, 2), 12);
  EXPECT_EQ(value_at<std::int64_t>(out[0], 1, 2), 6);
}

TEST_F(ProgramTest, RunsOverAndOverWithNewRows) {
  auto program = Prepare("SELECT sum(age)::BIGINT FROM __leat_input()");
  for (int turn = 0; turn < 50; ++turn) {
    const Chunk rows = people_chunk(4, turn);
    const auto out = Run(*program, *input_of(rows, {}, true, false));
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(value_at<std::int64_t>(out[0], 0, 0), 4 * turn + 6);
  }
}

TEST_F(ProgramTest, PassesWeightsAndPartsOfAChunk) {
  auto program = Prepare("SELECT name, __leat_row, __leat_weight FROM __leat_input()", true);
  const Chunk rows = people_chunk(10);
  const std::vector<std::int64_t> weights = {1, -1, 1, -1, 1, -1, 1, -1, 1, 7};
  const auto out = Run(*program, *input_of(rows, weights, true, true, 8, 5));
  ASSERT_EQ(out.size(), 1u);
  ASSERT_EQ(out[0].size(), 2u);
  EXPECT_EQ(value_at<std::int64_t>(out[0], 1, 0), 8);
  EXPECT_EQ(value_at<std::int64_t>(out[0], 2, 1), 7);
  EXPECT_EQ(text_of(value_at<duckdb_string_t>(out[0], 0, 1)),
            "name of row 9, long enough to be out of line");
  EXPECT_TRUE(Run(*program, *input_of(rows, weights, true, true, 10, 5)).empty());
}

TEST_F(ProgramTest, ResultChunksOutliveResultProgramAndInput) {
  std::vector<Chunk> kept;
  {
    auto program = Prepare(
        "SELECT name, name || '!' AS loud, [name, 'x'] AS list FROM __leat_input() WHERE age > 2");
    const Chunk rows = people_chunk(2000);
    kept = Run(*program, *input_of(rows, {}, true, false));
  }
  ASSERT_EQ(kept.size(), 1u);
  ASSERT_EQ(kept[0].size(), 1997u);
  for (std::size_t row = 0; row < 1997; ++row) {
    const std::string name = fmt::format("name of row {}, long enough to be out of line", row + 3);
    EXPECT_EQ(text_of(value_at<duckdb_string_t>(kept[0], 0, row)), name);
    EXPECT_EQ(text_of(value_at<duckdb_string_t>(kept[0], 1, row)), name + "!");
    const auto entry = value_at<duckdb_list_entry>(kept[0], 2, row);
    ASSERT_EQ(entry.length, 2u);
    const auto* elements = static_cast<const duckdb_string_t*>(
        duckdb_vector_get_data(duckdb_list_vector_get_child(kept[0].vector(2))));
    EXPECT_EQ(text_of(elements[entry.offset]), name);
  }
}

TEST_F(ProgramTest, ARowThatFailsIsTheUsersFaultAndTheProgramGoesOn) {
  auto program = Prepare("SELECT age::TINYINT AS tiny FROM __leat_input()");
  const Chunk good = people_chunk(3);
  const Chunk bad = people_chunk(3, 126);
  const auto refuse = [](Chunk) -> Status { return {}; };
  const Status ran = program->run(*input_of(bad, {}, true, false), refuse);
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, "row-failed");
  EXPECT_EQ(ran.error().domain, Domain::user);
  EXPECT_THAT(ran.error().message, HasSubstr("128"));
  EXPECT_THAT(ran.error().message, testing::Not(HasSubstr("LINE 1")));
  EXPECT_EQ(Run(*program, *input_of(good, {}, true, false)).size(), 1u);
}

TEST_F(ProgramTest, EveryKindOfRowFailureIsTold) {
  const Chunk rows = people_chunk(3, 2147483645);
  for (const char* expression : {"age + 1",
                                 "name::INTEGER",
                                 "(name || age)::DATE",
                                 "error('no')",
                                 "(-1 - age::DOUBLE) ** 0.5 + ln(-1 - score)",
                                 "strptime(name, '%d')",
                                 "age::DECIMAL(3,1)",
                                 "sqrt(-1 - score)",
                                 "age * age",
                                 "chr(age)",
                                 "json_extract(name, '$.a')",
                                 "name::UUID",
                                 "CASE WHEN age > 0 THEN name::DOUBLE END",
                                 "repeat('x', -1)::INTEGER",
                                 "factorial(age)",
                                 "unhex(name)",
                                 "from_base64(name)",
                                 "regexp_matches(name, name || '(')",
                                 "array_value(1,2)[age] + age",
                                 "1 << age"}) {
    auto program =
        Prepare(std::string("SELECT ") + expression + " AS x, __leat_row FROM __leat_input()");
    const Status ran =
        program->run(*input_of(rows, {}, true, false), [](Chunk) -> Status { return {}; });
    if (ran) continue;  // NULL or a value is DuckDB's answer to some of these
    EXPECT_EQ(ran.error().code, "row-failed") << expression << ": " << ran.error().message;
  }
}

TEST_F(ProgramTest, AnInputsOrSinksErrorComesOutUnchanged) {
  class Broken : public ChunkInput {
    Status fill(duckdb_data_chunk) override { return external_error("disk", "the disk is gone"); }
  } broken;
  auto program = Prepare("SELECT age FROM __leat_input()");
  const Status failed = program->run(broken, [](Chunk) -> Status { return {}; });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "disk");
  const Chunk rows = people_chunk(3);
  const Status refused = program->run(*input_of(rows, {}, true, false), [](Chunk) -> Status {
    return user_error("full", "no room");
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "full");
  EXPECT_EQ(Run(*program, *input_of(rows, {}, true, false)).size(), 1u);
}

TEST_F(ProgramTest, AChunkOfOtherTypesIsRefusedAndNothingIsHarmed) {
  auto program = Prepare("SELECT age FROM __leat_input()");
  const Chunk good = people_chunk(3);
  const auto refuse = [](Chunk) -> Status { return {}; };
  std::vector<Column> columns = people.columns();
  columns.pop_back();
  std::vector<Schema> wrong{Schema(columns)};
  for (const char* type :
       {"bigint", "decimal(9,2)", "json", "varchar[]", "struct(a integer)", "timestamp"}) {
    columns = people.columns();
    columns.back().type = Type::parse(type).value();
    wrong.emplace_back(columns);
  }
  for (const Schema& schema : wrong) {
    Chunk bad(schema);
    bad.set_size(1);
    for (const std::size_t count : {chunk_rows_max, std::size_t{0}}) {
      // All rows are referenced, some are copied.
      bad.set_size(count == 0 ? 2 : 1);
      const auto input = input_of(bad, {}, true, false, 0, count == 0 ? 1 : count);
      const Status ran = program->run(*input, refuse);
      ASSERT_FALSE(ran) << schema[schema.size() - 1].type.to_sql();
      EXPECT_EQ(ran.error().code, "chunk-mismatch");
      EXPECT_EQ(ran.error().domain, Domain::internal);
    }
  }
  EXPECT_EQ(Run(*program, *input_of(good, {}, true, false)).size(), 1u);
}

TEST_F(ProgramTest, TwoSessionsRunAtOnce) {
  const auto work = [&](std::int32_t base) {
    auto program = Prepare(
        "SELECT age, count(*) AS n, min(name) AS name FROM __leat_input() GROUP BY age ORDER BY "
        "age");
    for (int turn = 0; turn < 100; ++turn) {
      const Chunk rows = people_chunk(2048, base + turn);
      const auto out = Run(*program, *input_of(rows, {}, true, false));
      ASSERT_EQ(out.size(), 1u);
      ASSERT_EQ(out[0].size(), 2048u);
      ASSERT_EQ(value_at<std::int32_t>(out[0], 0, 0), base + turn);
    }
  };
  std::thread one(work, 1'000), two(work, 1'000'000);
  one.join();
  two.join();
}

TEST_F(ProgramTest, NothingFromOutsideCanBeRead) {
  for (const char* sql : {"SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '/etc/x.csv'",
                          "SELECT * FROM read_csv('/etc/passwd')", "INSTALL httpfs"}) {
    auto program = Program::prepare(database_->connect().value(), sql, {people});
    if (!program) continue;
    class Empty : public ChunkInput {
      Status fill(duckdb_data_chunk out) override {
        duckdb_data_chunk_set_size(out, 0);
        return {};
      }
    } empty;
    EXPECT_FALSE(program.value()->run(empty, [](Chunk) -> Status { return {}; })) << sql;
  }
}

TEST_F(ProgramTest, KnowsTimeZonesAndJsonAndKeepsUtc) {
  auto program = Prepare(
      "SELECT (TIMESTAMPTZ '2026-01-01 00:30:00+00')::VARCHAR AS at, "
      "hour(TIMESTAMPTZ '2026-01-01 05:30:00+00') AS h, '{\"a\":1}'::JSON->>'a' AS j FROM "
      "__leat_input()");
  const Chunk rows = people_chunk(1);
  const auto out = Run(*program, *input_of(rows, {}, true, false));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(text_of(value_at<duckdb_string_t>(out[0], 0, 0)), "2026-01-01 00:30:00+00");
  EXPECT_EQ(value_at<std::int64_t>(out[0], 1, 0), 5);
  EXPECT_EQ(text_of(value_at<duckdb_string_t>(out[0], 2, 0)), "1");
}

}  // namespace
}  // namespace leat::sql
