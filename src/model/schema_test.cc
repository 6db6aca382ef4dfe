#include "model/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/chunk.h"

namespace leat {
namespace {

const Schema& people() {
  static const Schema schema({{"Id", Type::of(DUCKDB_TYPE_BIGINT)}, {"name", Type::json()}});
  return schema;
}

TEST(Schema, FindsColumnsWithoutCase) {
  EXPECT_EQ(people().find("ID"), 0u);
  EXPECT_EQ(people().find("Name"), 1u);
  EXPECT_EQ(people().find("nam"), std::nullopt);
  EXPECT_THAT(people().names(), testing::ElementsAre("Id", "name"));
}

TEST(Chunk, IsLaidOutAsItsSchema) {
  Chunk chunk(people());
  EXPECT_EQ(chunk.column_count(), 2u);
  EXPECT_EQ(chunk.size(), 0u);
  chunk.set_size(chunk_rows_max);
  EXPECT_EQ(chunk.size(), chunk_rows_max);
  chunk.reset();
  EXPECT_EQ(chunk.size(), 0u);
  const LogicalType type(duckdb_vector_get_column_type(chunk.vector(1)));
  EXPECT_TRUE(Type::from_logical(type.get()).is_json());
}

TEST(Chunk, PointsAtTextOrInlinesIt) {
  const std::string longer = "more than twelve bytes";
  duckdb_string_t text;
  point_at(text, longer);
  EXPECT_EQ(text_of(text).data(), longer.data());
  EXPECT_EQ(text_of(text), longer);
  const std::string shorter = "short";
  point_at(text, shorter);
  EXPECT_NE(text_of(text).data(), shorter.data());
  EXPECT_EQ(text_of(text), shorter);
}

}  // namespace
}  // namespace leat
