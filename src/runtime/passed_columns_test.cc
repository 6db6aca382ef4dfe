#include "runtime/passed_columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace leat::runtime {
namespace {

using testing::ElementsAre;

constexpr std::string_view long_text = "a text that lies outside of its vector";

Schema input_schema() {
  return Schema({{"id", Type::of(DUCKDB_TYPE_INTEGER)},
                 {"name", Type::of(DUCKDB_TYPE_VARCHAR)},
                 {"ok", Type::of(DUCKDB_TYPE_BOOLEAN)}});
}

/// SELECT name, `next`, ok, name AS again
PassedColumns columns(std::optional<std::size_t> next) {
  return PassedColumns({1, next, 2, 1},
                       Schema({{"name", Type::of(DUCKDB_TYPE_VARCHAR)},
                               {"next", Type::of(DUCKDB_TYPE_INTEGER)},
                               {"ok", Type::of(DUCKDB_TYPE_BOOLEAN)},
                               {"again", Type::of(DUCKDB_TYPE_VARCHAR)}}),
                       input_schema());
}

/// SELECT name, id + 1 AS next, ok, name AS again
PassedColumns columns() { return columns(std::nullopt); }

template <class T>
T* values(const Chunk& chunk, std::size_t column) {
  return static_cast<T*>(duckdb_vector_get_data(chunk.vector(column)));
}

void set_null(const Chunk& chunk, std::size_t column, std::size_t row) {
  duckdb_vector_ensure_validity_writable(chunk.vector(column));
  duckdb_validity_set_row_invalid(duckdb_vector_get_validity(chunk.vector(column)), row);
}

/// Rows numbered from `first` on; texts are "#n", every third row a long text, every fifth NULL.
Chunk input(std::size_t first, std::size_t count, const std::vector<std::string>& texts) {
  Chunk chunk(input_schema());
  for (std::size_t row = 0; row < count; ++row) {
    const std::size_t number = first + row;
    values<std::int32_t>(chunk, 0)[row] = static_cast<std::int32_t>(number);
    point_at(values<duckdb_string_t>(chunk, 1)[row], number % 3 == 0 ? long_text : texts[number]);
    values<bool>(chunk, 2)[row] = number % 2 == 0;
    if (number % 5 == 0) set_null(chunk, 1, row);
  }
  chunk.set_size(count);
  return chunk;
}

class PassedColumnsTest : public testing::Test {
 protected:
  PassedColumnsTest() {
    for (std::size_t i = 0; i < 2 * chunk_rows_max; ++i) texts_.push_back(fmt::format("#{}", i));
    inputs_.push_back(input(0, chunk_rows_max, texts_));
    inputs_.push_back(input(chunk_rows_max, 100, texts_));
  }

  std::vector<std::string> column(const Chunk& chunk, std::size_t index) {
    std::vector<std::string> out;
    const std::uint64_t* validity = duckdb_vector_get_validity(chunk.vector(index));
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      const bool valid = is_valid(validity, row);
      out.emplace_back(valid ? text_of(values<duckdb_string_t>(chunk, index)[row]) : "NULL");
    }
    return out;
  }

  std::vector<std::string> texts_;
  std::vector<Chunk> inputs_;
};

TEST_F(PassedColumnsTest, JoinsRowsOfSeveralInputsInAnyOrderAndAgain) {
  const std::vector<std::uint32_t> rows = {1, 2050, 3, 5, 2050, 2047, 2051};
  Chunk computed(Schema({{"next", Type::of(DUCKDB_TYPE_INTEGER)}}));
  std::iota(values<std::int32_t>(computed, 0), values<std::int32_t>(computed, 0) + rows.size(), 70);
  computed.set_size(rows.size());
  const Chunk joined = columns().join(computed, inputs_, rows);
  ASSERT_EQ(joined.size(), rows.size());
  const auto wanted = ElementsAre("#1", "NULL", long_text, "NULL", "NULL", "#2047", "#2051");
  EXPECT_THAT(column(joined, 0), wanted);
  EXPECT_THAT(column(joined, 3), wanted);
  EXPECT_EQ(values<std::int32_t>(joined, 1)[6], 76);
  EXPECT_FALSE(values<bool>(joined, 2)[0]);
  EXPECT_TRUE(values<bool>(joined, 2)[1]);
}

TEST_F(PassedColumnsTest, LeavesNoNullsWhereThereAreNone) {
  const Chunk computed(Schema({{"next", Type::of(DUCKDB_TYPE_INTEGER)}}));
  const std::vector<std::uint32_t> rows = {7};
  const Chunk joined = columns().join(computed, inputs_, rows);
  EXPECT_TRUE(is_valid(duckdb_vector_get_validity(joined.vector(2)), 0));
  EXPECT_THAT(column(joined, 0), ElementsAre("#7"));
}

TEST_F(PassedColumnsTest, PicksWholeInputs) {
  const Chunk picked = columns(0).pick(inputs_[1]);
  inputs_.clear();  // shared, not borrowed
  ASSERT_EQ(picked.size(), 100u);
  EXPECT_EQ(column(picked, 0)[0], "#2048");
  EXPECT_EQ(column(picked, 3)[2], "NULL");
  EXPECT_EQ(values<std::int32_t>(picked, 1)[99], 2147);
}

}  // namespace
}  // namespace leat::runtime
