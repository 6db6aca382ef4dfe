#include "model/type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/duck_test_database.h"

namespace leat {
namespace {

using testing::HasSubstr;

TEST(Type, ParsesWhatDuckDbItselfCallsItsTypes) {
  DuckTestDatabase duck;
  const auto names = duck.texts(
      "SELECT DISTINCT type_name FROM duckdb_types() WHERE database_name = 'system' AND "
      "type_name NOT IN ('enum', 'union', 'list', 'struct', 'row', 'map', 'array', 'null', "
      "'any', 'variant', 'varint') AND type_category IS DISTINCT FROM 'COMPOSITE'");
  ASSERT_GT(names.size(), 50u);
  for (const std::string& name : names) {
    const auto type = Type::parse(name);
    ASSERT_TRUE(type) << type.error().message;
    const auto expected = duck.texts("SELECT typeof(CAST(NULL AS \"" + name + "\"))").at(0);
    EXPECT_EQ(type->to_sql(), expected) << name;
  }
}

TEST(Type, WritesSqlThatDuckDbReadsTheSame) {
  DuckTestDatabase duck;
  for (const char* text :
       {"DECIMAL(38,10)", "dec(5)", "numeric", "varchar(20)[]", "INTEGER[3]", "int[2][]",
        "STRUCT(a INTEGER, \"b \"\"c\" VARCHAR[])", "MAP(VARCHAR, MAP(UUID, DOUBLE))",
        "ROW(x timestamp with time zone, y time without time zone)", "double precision",
        "timestamp(0)", "timestamp(3)", "timestamp(6)", "timestamp(9)", "character varying(3)",
        " time with time zone [ ]", "struct(\"ü\" json)"}) {
    const auto type = Type::parse(text);
    ASSERT_TRUE(type) << type.error().message;
    EXPECT_EQ(type->to_sql(), Type::parse(type->to_sql())->to_sql());
    EXPECT_EQ(*type, *Type::parse(type->to_sql()));
    EXPECT_EQ(*type, Type::from_logical(type->logical().get())) << text;
    EXPECT_EQ(*type, duck.type_of("CAST(NULL AS " + type->to_sql() + ")")) << text;
  }
}

TEST(Type, RefusesWhatIsNoTypeAndSaysWhy) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "name is missing"},
      {"integr", "did you mean \"integer\""},
      {"TIMESTMAP", "did you mean \"timestamp\""},
      {"decimal(39,2)", "width from 1 to 38"},
      {"decimal(3,4)", "width from 1 to 38"},
      {"decimal(3", "width from 1 to 38"},
      {"int[0]", "[n] with n from 1"},
      {"int[", "[n] with n from 1"},
      {"int x", "unexpected \"x\""},
      {"struct(a int, A text)", "two fields are named \"A\""},
      {"struct()", "field's name is missing"},
      {"struct(\"a int)", "closing \""},
      {"map(text)", "MAP(key type, value type)"},
      {"enum('a')", "use TEXT"},
      {"timestamp with", "TIME ZONE is missing"},
      {"varchar(x)", "length is a number"},
  };
  for (const auto& [text, reason] : cases) {
    const auto type = Type::parse(text);
    ASSERT_FALSE(type) << text;
    EXPECT_EQ(type.error().code, "unknown-type");
    EXPECT_THAT(type.error().message, HasSubstr(reason));
  }
  std::string deep = "int";
  for (int i = 0; i < 10000; ++i) deep = "struct(a " + deep + ")";
  EXPECT_FALSE(Type::parse(deep));
}

TEST(Type, TellsItsKinds) {
  EXPECT_TRUE(Type::parse("uhugeint")->is_integer());
  EXPECT_FALSE(Type::parse("double")->is_integer());
  EXPECT_TRUE(Type::parse("decimal")->is_numeric());
  EXPECT_TRUE(Type::parse("timestamptz")->is_temporal());
  EXPECT_FALSE(Type::parse("interval")->is_temporal());
  EXPECT_NE(Type::json(), Type::of(DUCKDB_TYPE_VARCHAR));
  EXPECT_EQ(Type::parse("int[4]")->array_size(), 4u);
}

}  // namespace
}  // namespace leat
