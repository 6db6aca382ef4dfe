#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/encoder.h"
#include "model/duck_test_database.h"

namespace leat::format {
namespace {

struct Case {
  const char* sql;
  const char* json;
};

TEST(RowEncoder, WritesEachTypeAsJson) {
  const Case cases[] = {
      {"1::TINYINT", "1"},
      {"NULL::INTEGER", "null"},
      {"true", "true"},
      {"18446744073709551615::UBIGINT", "18446744073709551615"},
      {"(-170141183460469231731687303715884105728)::HUGEINT",
       "-170141183460469231731687303715884105728"},
      {"0.1::DOUBLE", "0.1"},
      {"1e300::DOUBLE", "1e+300"},
      {"'nan'::DOUBLE", "null"},
      {"'-inf'::FLOAT", "null"},
      {"(-0.05)::DECIMAL(4,2)", "-0.05"},
      {"12.30::DECIMAL(38,2)", "12.30"},
      {"(-7)::DECIMAL(18,0)", "-7"},
      {"'a\"b\\c' || chr(10) || chr(1) || 'é😀'", R"("a\"b\\c\n\u0001é😀")"},
      {"'a text of more than eight bytes'", "\"a text of more than eight bytes\""},
      {"'{\"a\": 1}'::JSON", "{\"a\": 1}"},
      {"DATE '2024-02-29'", "\"2024-02-29\""},
      {"DATE '0044-03-15 (BC)'", "\"-000043-03-15\""},
      {"DATE 'infinity'", "\"infinity\""},
      {"TIME '01:02:03.5'", "\"01:02:03.500\""},
      {"TIMETZ '01:02:03+05:30'", "\"01:02:03+05:30\""},
      {"TIMESTAMP '2026-01-01 00:00:00'", "\"2026-01-01T00:00:00.000Z\""},
      {"TIMESTAMP '1969-12-31 23:59:59.999999'", "\"1969-12-31T23:59:59.999999Z\""},
      {"TIMESTAMP_S '2026-01-01 00:00:01'", "\"2026-01-01T00:00:01.000Z\""},
      {"TIMESTAMP_MS '2026-01-01 00:00:01.5'", "\"2026-01-01T00:00:01.500Z\""},
      {"TIMESTAMP_NS '2026-01-01 00:00:01.000000001'", "\"2026-01-01T00:00:01.000000001Z\""},
      {"TIMESTAMPTZ '2026-01-01 00:00:00+02'", "\"2025-12-31T22:00:00.000Z\""},
      {"INTERVAL '1 month 2 days 3.5 seconds'", "\"P1M2DT3.5S\""},
      {"UUID '25f9f031-493e-42f3-bd5d-4af2e9e9ee53'", "\"25f9f031-493e-42f3-bd5d-4af2e9e9ee53\""},
      {"'\\x00\\xFF'::BLOB", "\"AP8=\""},
      {"'10110'::BIT", "\"10110\""},
      {"(-123456789012345678901234567890)::BIGNUM", "-123456789012345678901234567890"},
      {"[1, NULL, 3]", "[1,null,3]"},
      {"[['a'], []]", "[[\"a\"],[]]"},
      {"[1, 2]::INTEGER[2]", "[1,2]"},
      {"{'a': 1, 'b\"': [2.5::DOUBLE]}", "{\"a\":1,\"b\\\"\":[2.5]}"},
      {"MAP {1: 'x', 2: NULL}", "{\"1\":\"x\",\"2\":null}"},
  };
  DuckTestDatabase duck;
  for (const Case& one : cases) {
    const std::string sql = std::string("SELECT ") + one.sql + " AS v";
    const RowEncoder encoder(duck.schema_of(sql));
    const auto chunks = duck.chunks(sql);
    std::string json;
    encoder.append_json_object(chunks.at(0), 0, json);
    EXPECT_EQ(json, std::string("{\"v\":") + one.json + "}") << one.sql;
    std::string lines;
    encoder.append_json_lines(chunks.at(0), lines);
    EXPECT_EQ(lines, json + "\n");
  }
}

TEST(RowEncoder, WritesCsvThatTellsNullFromEmpty) {
  DuckTestDatabase duck;
  const std::string sql =
      "SELECT 1 AS \"a,b\", NULL::VARCHAR AS n, '' AS e, 'x\"y,' AS q, [1] AS l, 1.5 AS d";
  const RowEncoder encoder(duck.schema_of(sql));
  std::string csv = encoder.csv_header() + "\n";
  encoder.append_csv(duck.chunks(sql).at(0), 0, csv);
  EXPECT_EQ(csv, "\"a,b\",n,e,q,l,d\n1,,\"\",\"x\"\"y,\",[1],1.5");
}

TEST(RowEncoder, ShowsNoControlCharactersOnATerminal) {
  DuckTestDatabase duck;
  const std::string sql = "SELECT chr(27) || '[31mred' || chr(10) AS v, NULL::INT AS n";
  const RowEncoder encoder(duck.schema_of(sql));
  std::string text;
  encoder.append_text(duck.chunks(sql).at(0), 0, 0, text);
  encoder.append_text(duck.chunks(sql).at(0), 0, 1, text);
  EXPECT_EQ(text, "\\x1b[31mred\\nNULL");
}

TEST(RowEncoder, ReplacesInvalidUtf8) {
  std::string json;
  append_json_string("a\xff\xc3(\xed\xa0\x80z", json);
  EXPECT_EQ(json, "\"a\uFFFD\uFFFD(\uFFFD\uFFFD\uFFFDz\"");
}

TEST(RowEncoder, GivesNullForTypesWithoutAForm) {
  DuckTestDatabase duck;
  const std::string sql = "SELECT 'a'::ENUM('a', 'b') AS v, 1 AS w";
  std::string json;
  RowEncoder(duck.schema_of(sql)).append_json_object(duck.chunks(sql).at(0), 0, json);
  EXPECT_EQ(json, "{\"v\":null,\"w\":1}");
}

}  // namespace
}  // namespace leat::format
