#include "trial/same_value.h"

#include <gtest/gtest.h>

#include "model/duck_test_database.h"

namespace leat::trial {
namespace {

class SameValue : public ::testing::Test {
 protected:
  /// Whether two SQL expressions of one type have the same value.
  bool same(const std::string& a, const std::string& b, std::optional<double> tolerance = {}) {
    const std::string sql = "SELECT " + a + " AS a UNION ALL SELECT " + b;
    const Type type = database_.schema_of(sql)[0].type;
    const VectorShape shape = VectorShape::of(type);
    const auto chunks_a = database_.chunks("SELECT CAST(" + a + " AS " + type.to_sql() + ")");
    const auto chunks_b = database_.chunks("SELECT CAST(" + b + " AS " + type.to_sql() + ")");
    const VectorReader reader_a(shape, chunks_a.at(0).vector(0));
    const VectorReader reader_b(shape, chunks_b.at(0).vector(0));
    const bool same = same_value(type, reader_a, 0, reader_b, 0, tolerance);
    EXPECT_EQ(same, same_value(type, reader_b, 0, reader_a, 0, tolerance));
    return same;
  }

  DuckTestDatabase database_;
};

TEST_F(SameValue, OfPlainTypes) {
  EXPECT_TRUE(same("1", "1"));
  EXPECT_FALSE(same("1", "2"));
  EXPECT_FALSE(same("170141183460469231731687303715884105727::HUGEINT",
                    "170141183460469231731687303715884105726::HUGEINT"));
  EXPECT_TRUE(same("1.10::DECIMAL(38,2)", "1.1::DECIMAL(38,2)"));
  EXPECT_FALSE(same("'a'", "'a '"));
  EXPECT_TRUE(same("'a text of more than twelve bytes'", "'a text of more than twelve bytes'"));
  EXPECT_TRUE(same("TIMESTAMPTZ '2026-01-01 01:00:00+01'", "TIMESTAMPTZ '2026-01-01 00:00:00+00'"));
  EXPECT_FALSE(same("DATE '2026-01-01'", "DATE '2026-01-02'"));
}

TEST_F(SameValue, OfNull) {
  EXPECT_TRUE(same("NULL::INTEGER", "NULL::INTEGER"));
  EXPECT_FALSE(same("NULL::INTEGER", "0"));
  EXPECT_FALSE(same("NULL::VARCHAR", "''"));
}

TEST_F(SameValue, OfFloatingPoint) {
  EXPECT_TRUE(same("0.1::DOUBLE + 0.2::DOUBLE", "0.3::DOUBLE"));
  EXPECT_FALSE(same("0.300001::DOUBLE", "0.3::DOUBLE"));
  EXPECT_TRUE(same("0.31::DOUBLE", "0.3::DOUBLE", 0.01));
  EXPECT_FALSE(same("0.32::DOUBLE", "0.3::DOUBLE", 0.01));
  EXPECT_FALSE(same("0.3::DOUBLE + 1e-12", "0.3::DOUBLE", 0.0));
  EXPECT_TRUE(same("0.1::FLOAT", "0.1000000015::FLOAT"));
  EXPECT_FALSE(same("0.1001::FLOAT", "0.1::FLOAT"));
  EXPECT_TRUE(same("0::DOUBLE", "-0.0::DOUBLE"));
  EXPECT_TRUE(same("'NaN'::DOUBLE", "'NaN'::DOUBLE"));
  EXPECT_FALSE(same("'Infinity'::DOUBLE", "1e308::DOUBLE", 1e308));
  EXPECT_TRUE(same("'Infinity'::DOUBLE", "'Infinity'::DOUBLE"));
}

TEST_F(SameValue, OfNestedTypes) {
  EXPECT_TRUE(same("[1, NULL, 3]", "[1, NULL, 3]"));
  EXPECT_FALSE(same("[1, 2]", "[1, 2, 3]"));
  EXPECT_FALSE(same("[1, 2]", "[2, 1]"));
  EXPECT_TRUE(same("{'a': 1, 'b': [0.1::DOUBLE + 0.2::DOUBLE]}", "{'a': 1, 'b': [0.3::DOUBLE]}"));
  EXPECT_FALSE(same("{'a': 1, 'b': 'x'}", "{'a': 1, 'b': 'y'}"));
  EXPECT_TRUE(same("MAP {'a': 1, 'b': 2}", "MAP {'b': 2, 'a': 1}"));
  EXPECT_FALSE(same("MAP {'a': 1, 'b': 2}", "MAP {'b': 1, 'a': 2}"));
  EXPECT_FALSE(same("array_value(1, 2)", "array_value(1, 3)"));
}

TEST_F(SameValue, OfJson) {
  EXPECT_TRUE(same(R"('{"a": 1, "b": [2]}'::JSON)", R"('{"b":[2],"a":1}'::JSON)"));
  EXPECT_FALSE(same(R"('{"a": 1}'::JSON)", R"('{"a": "1"}'::JSON)"));
}

}  // namespace
}  // namespace leat::trial
