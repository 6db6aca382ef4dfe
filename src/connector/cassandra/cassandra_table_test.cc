#include "connector/cassandra/cassandra_table.h"

#include <map>

#include <gmock/gmock.h>

#include "connector/cassandra/cassandra_fixture.h"
#include "model/vector_access.h"

namespace leat::connector::cql {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// What was found, as texts: the columns of each row with bars between them, by key.
class FoundTexts final : public Answers {
 public:
  explicit FoundTexts(const Schema& schema) {
    std::vector<Type> types;
    for (const Column& column : schema) types.push_back(column.type);
    shapes_ = VectorShape::of(types);
  }

  Status found(const Chunk& rows, std::span<const std::uint32_t> key_of) override {
    EXPECT_EQ(rows.size(), key_of.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
      std::string text;
      for (std::size_t i = 0; i < shapes_.size(); ++i) {
        const VectorReader reader(shapes_[i], rows.vector(i));
        if (i > 0) text += '|';
        if (!reader.valid(row)) {
          text += "NULL";
        } else if (shapes_[i].kind == VectorShape::Kind::text) {
          text += reader.text(row);
        } else {
          text += fmt::format("{}", reader.value<std::int32_t>(row));
        }
      }
      rows_[key_of[row]].push_back(std::move(text));
    }
    return {};
  }
  void refused(std::uint32_t key, const std::string& reason) override { refused_[key] = reason; }

  std::map<std::uint32_t, std::vector<std::string>> rows_;
  std::map<std::uint32_t, std::string> refused_;

 private:
  std::vector<VectorShape> shapes_;
};

class CassandraTableTest : public CassandraTest {
 protected:
  static void SetUpTestSuite() { CassandraTest::SetUpTestSuite("looked"); }

  static Settings table_settings(const std::string& table) {
    Settings wanted = settings(table);
    wanted.set("timeout", std::int64_t{5000});
    wanted.set("in_flight", std::int64_t{256});
    return wanted;
  }
  static Schema schema(const std::vector<std::pair<std::string, std::string>>& columns) {
    std::vector<Column> out;
    for (const auto& [name, type] : columns) out.push_back({name, Type::parse(type).value()});
    return Schema(std::move(out));
  }
  static std::unique_ptr<Table> make(const std::string& table, const TableInput& input) {
    auto made = make_cassandra_table(input, table_settings(table), {});
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return std::move(*made);
  }
  static std::string open_error(const std::string& table, const TableInput& input) {
    const auto made = make(table, input);
    const Status opened = made->open({});
    return opened ? "it opened" : opened.error().code + ": " + opened.error().message;
  }
  /// Looks up the rows of a query, whose columns are the key.
  FoundTexts look_up(Table& table, const TableInput& input, const std::string& keys) {
    FoundTexts found(input.schema);
    const std::vector<Chunk> chunks = database_.chunks(keys);
    const Status status = table.look_up(chunks.at(0), found, {});
    EXPECT_TRUE(status.has_value()) << status.error().message;
    return found;
  }

  DuckTestDatabase database_;
};

TEST_F(CassandraTableTest, FindsRowsByTheirKeys) {
  run("CREATE TABLE looked.countries (code text PRIMARY KEY, \"Name\" text, size int, extra blob)");
  run("INSERT INTO looked.countries (code, \"Name\", size) VALUES ('NO', 'Norway', 5)");
  run("INSERT INTO looked.countries (code, size) VALUES ('SE', 10)");
  const TableInput input{
      .table = "countries",
      .schema = schema({{"size", "integer"}, {"name", "text"}, {"code", "text"}}),
      .key = {2}};
  const auto table = make("looked.countries", input);
  EXPECT_THAT(table->probe({}).value(), HasSubstr("looked.countries is there"));
  ASSERT_TRUE(table->open({}).has_value());
  const FoundTexts found =
      look_up(*table, input, "SELECT * FROM (VALUES ('SE'), ('none'), (''), ('NO')) v(code)");
  EXPECT_THAT(found.rows_.at(0), ElementsAre("10|NULL|SE"));
  EXPECT_THAT(found.rows_.at(3), ElementsAre("5|Norway|NO"));
  EXPECT_EQ(found.rows_.size(), 2u);
  EXPECT_THAT(found.refused_, IsEmpty());
}

TEST_F(CassandraTableTest, ManyKeysAreAskedAtOnceAndAPartOfTheKeyMayHaveSeveralRows) {
  run("CREATE TABLE looked.prices (country text, year int, price int, PRIMARY KEY (country, "
      "year))");
  const auto session = connect();
  for (int i = 0; i < 100; ++i) {
    for (int year = 0; year < 3 + (i == 7 ? 3 : 0); ++year) {
      ASSERT_TRUE(session->query(
          fmt::format("INSERT INTO looked.prices (country, year, price) VALUES ('c{}', {}, {})", i,
                      year, 100 * i + year)));
    }
  }
  TableInput input{
      .table = "prices",
      .schema = schema({{"country", "text"}, {"year", "integer"}, {"price", "integer"}}),
      .key = {1, 0}};
  const auto whole = make("looked.prices", input);
  ASSERT_TRUE(whole->open({}).has_value());
  const FoundTexts found = look_up(*whole, input,
                                   "SELECT (i // 500)::INTEGER AS year, 'c' || (i % 500) AS "
                                   "country FROM range(2000) t(i)");
  EXPECT_EQ(found.rows_.size(), 301u);
  EXPECT_THAT(found.rows_.at(1042), ElementsAre("c42|2|4202"));

  input.key = {0};
  input.rows_per_key_max = 5;
  const auto part = make("looked.prices", input);
  ASSERT_TRUE(part->open({}).has_value());
  const FoundTexts several = look_up(*part, input, "SELECT 'c' || i FROM range(2000) t(i)");
  EXPECT_EQ(several.rows_.size(), 99u);
  EXPECT_THAT(several.rows_.at(3), ElementsAre("c3|0|300", "c3|1|301", "c3|2|302"));
  ASSERT_EQ(several.refused_.size(), 1u);
  EXPECT_THAT(several.refused_.at(7), HasSubstr("more than 5 rows"));
}

TEST_F(CassandraTableTest, WhatAColumnCantHoldIsRefusedForItsKeyAlone) {
  run("CREATE TABLE looked.odd (id int PRIMARY KEY, n varint)");
  run("INSERT INTO looked.odd (id, n) VALUES (1, 12345678901)");
  run("INSERT INTO looked.odd (id, n) VALUES (2, 7)");
  const TableInput input{
      .table = "odd", .schema = schema({{"id", "integer"}, {"n", "integer"}}), .key = {0}};
  const auto table = make("looked.odd", input);
  ASSERT_TRUE(table->open({}).has_value());
  const FoundTexts found = look_up(*table, input, "SELECT i::INTEGER FROM range(4) t(i)");
  EXPECT_THAT(found.rows_.at(2), ElementsAre("2|7"));
  EXPECT_THAT(found.refused_.at(1), HasSubstr("column `n`"));
}

TEST_F(CassandraTableTest, NamesTheDifferenceBetweenThePipelineAndTheTable) {
  run("CREATE TABLE looked.differs (a text, b int, c int, d list<text>, PRIMARY KEY ((a, b), c))");
  const Schema columns = schema({{"a", "text"}, {"b", "integer"}, {"c", "integer"}});
  EXPECT_THAT(open_error("looked.nowhere", {.schema = columns, .key = {0}}),
              HasSubstr("table-missing: there is no table looked.nowhere"));
  EXPECT_THAT(open_error("looked.differs", {.schema = schema({{"aa", "text"}}), .key = {0}}),
              HasSubstr("did you mean \"a\"?"));
  EXPECT_THAT(open_error("looked.differs", {.schema = columns, .key = {0}}),
              HasSubstr("write key: [a, b, c]"));
  EXPECT_THAT(open_error("looked.differs", {.schema = columns, .key = {0, 2}}),
              HasSubstr("bad-key: the primary key of looked.differs is (a, b, c)"));
  EXPECT_EQ(open_error("looked.differs", {.schema = columns, .key = {1, 0}}), "it opened");
  EXPECT_THAT(open_error("looked.differs",
                         {.schema = schema({{"a", "text"}, {"b", "text"}}), .key = {0, 1}}),
              HasSubstr("type-mismatch: column `b` of looked.differs is int in Cassandra"));
  EXPECT_THAT(open_error("looked.differs",
                         {.schema = schema({{"a", "text"}, {"b", "integer"}, {"d", "text"}}),
                          .key = {0, 1}}),
              HasSubstr("declare it as text[]"));
}

TEST_F(CassandraTableTest, ADroppedTableAndALostServerAreErrorsThatOpenMends) {
  run("CREATE TABLE looked.dropped (id int PRIMARY KEY, n int)");
  run("INSERT INTO looked.dropped (id, n) VALUES (1, 2)");
  const TableInput input{
      .table = "dropped", .schema = schema({{"id", "integer"}, {"n", "integer"}}), .key = {0}};
  const auto table = make("looked.dropped", input);
  ASSERT_TRUE(table->open({}).has_value());
  run("DROP TABLE looked.dropped");
  FoundTexts none(input.schema);
  const std::vector<Chunk> keys = database_.chunks("SELECT 1::INTEGER");
  EXPECT_FALSE(table->look_up(keys[0], none, {}).has_value());
  EXPECT_EQ(table->open({}).error().code, "table-missing");
  run("CREATE TABLE looked.dropped (id int PRIMARY KEY, n int)");
  ASSERT_TRUE(table->open({}).has_value());
  EXPECT_THAT(look_up(*table, input, "SELECT 1::INTEGER").rows_, IsEmpty());

  EXPECT_EQ(server().command("kill"), "ok");
  const Status lost = table->look_up(keys[0], none, {});
  ASSERT_FALSE(lost.has_value());
  EXPECT_TRUE(lost.error().retryable) << lost.error().message;
  EXPECT_EQ(server().command("restart"), "ok");
  ASSERT_TRUE(table->open({}).has_value());
  EXPECT_THAT(look_up(*table, input, "SELECT 1::INTEGER").rows_, IsEmpty());
}

TEST_F(CassandraTableTest, TheSpecsDefaultsAreOfItsOwnKinds) {
  EXPECT_EQ(default_settings(cassandra_table_spec()).integer("in_flight"), 256);
}

}  // namespace
}  // namespace leat::connector::cql
