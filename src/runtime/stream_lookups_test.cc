#include "runtime/stream_lookups.h"

#include <gtest/gtest.h>

#include "sql/analyse.h"

namespace leat::runtime {
namespace {

const Schema table_schema({{"key", Type::of(DUCKDB_TYPE_VARCHAR)},
                           {"said", Type::of(DUCKDB_TYPE_VARCHAR)}});
const Schema stream_schema({{"id", Type::of(DUCKDB_TYPE_BIGINT)},
                            {"name", Type::of(DUCKDB_TYPE_VARCHAR)}});
constexpr std::size_t long_text_bytes = 1 << 20;

std::string said_of(std::string_view key) {
  return std::string(key) + std::string(long_text_bytes, '.');
}

void set_text(const Chunk& chunk, std::size_t column, std::string_view text) {
  duckdb_vector_assign_string_element_len(chunk.vector(column), 0, text.data(), text.size());
}

Chunk stream_row(std::int64_t id, std::string_view name) {
  Chunk chunk(stream_schema);
  static_cast<std::int64_t*>(duckdb_vector_get_data(chunk.vector(0)))[0] = id;
  set_text(chunk, 1, name);
  chunk.set_size(1);
  return chunk;
}

/// Has a row with a long text for every key.
class Rows final : public LookupSource {
 public:
  Rows() : LookupSource({.table = "rows", .schema = table_schema, .key = {0}}) {}

  Result<std::vector<Answer>> look_up(std::span<const std::string_view> keys) override {
    asked += keys.size();
    std::vector<Answer> answers;
    Chunk decoded(Schema({table_schema[0]}));
    const std::vector<std::size_t> key = {0};
    for (const std::string_view encoded : keys) {
      LEAT_TRY(key_codec().decode({&encoded, 1}, key, decoded, 0));
      const auto& text =
          static_cast<const duckdb_string_t*>(duckdb_vector_get_data(decoded.vector(0)))[0];
      Chunk row(table_schema);
      set_text(row, 0, text_of(text));
      set_text(row, 1, said_of(text_of(text)));
      row.set_size(1);
      EncodedRows rows;
      row_codec().encode(row, rows);
      answers.push_back(std::make_shared<const LookedUp>(LookedUp{.rows = {std::string(rows[0])}}));
    }
    return answers;
  }

  std::size_t asked = 0;
};

class StreamLookupsTest : public testing::Test {
 protected:
  std::unique_ptr<StreamLookups> lookups(const std::string& sql) {
    const auto analyser = sql::Analyser::open().value();
    sql::Catalog catalog;
    catalog["users"] = {sql::Relation::Kind::stream, stream_schema};
    catalog["rows"] = {sql::Relation::Kind::table, table_schema, {0}};
    const auto query = analyser->row_query(sql, "users", catalog);
    EXPECT_TRUE(query) << sql;
    const std::vector<std::shared_ptr<sql::Session>> sessions = {database_->connect().value()};
    return StreamLookups::make(*query, stream_schema, {{"rows", &rows_}}, sessions).value();
  }

  Rows rows_;
  std::unique_ptr<sql::Database> database_ = sql::Database::open().value();
};

/// More than a worker keeps of a table: what was laid before stays, and is not asked for again.
TEST_F(StreamLookupsTest, TextsOfLaidRowsStayUntilTheNextEpoch) {
  const auto lookups =
      this->lookups("SELECT u.id, r.said FROM users u JOIN rows r ON r.key = u.name");
  for (int epoch = 0; epoch < 2; ++epoch) {
    lookups->begin_epoch();
    const std::size_t count = 3 * KnownAnswers::bytes_max / long_text_bytes;
    std::vector<Chunk> inputs;
    std::vector<JoinedRows> joined;
    for (std::size_t i = 0; i < count; ++i) {
      inputs.push_back(stream_row(static_cast<std::int64_t>(i), fmt::format("{} {}", epoch, i)));
      joined.push_back(lookups->look_up(0, {&inputs.back(), 1}).value());
    }
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(joined[i].laid) << i;
      ASSERT_EQ(joined[i].laid->size(), 1u);
      const auto& [output, rows] = joined[i].laid->front();
      EXPECT_EQ(rows, std::vector<std::uint32_t>{0});
      const auto* texts =
          static_cast<const duckdb_string_t*>(duckdb_vector_get_data(output.vector(1)));
      EXPECT_TRUE(text_of(texts[0]) == said_of(fmt::format("{} {}", epoch, i))) << i;
    }
    EXPECT_EQ(rows_.asked, (epoch + 1) * count);
  }
}

TEST_F(StreamLookupsTest, ARowWhoseKeyFailsIsRefusedAndOthersGoOn) {
  const auto lookups = this->lookups(
      "SELECT u.id FROM users u SEMI JOIN rows r ON r.key = (u.name::INTEGER + 1)::VARCHAR");
  std::vector<Chunk> inputs;
  inputs.push_back(stream_row(1, "7"));
  lookups->begin_epoch();
  EXPECT_EQ(lookups->look_up(0, inputs).value().refused.size(), 0u);
  inputs.front() = stream_row(2, "seven");
  const JoinedRows joined = lookups->look_up(0, inputs).value();
  ASSERT_EQ(joined.refused.size(), 1u);
  EXPECT_EQ(joined.refused[0].row, 0u);
  EXPECT_NE(joined.refused[0].reason.find("'seven'"), std::string::npos);
  EXPECT_TRUE(joined.laid && joined.laid->empty());
}

}  // namespace
}  // namespace leat::runtime
