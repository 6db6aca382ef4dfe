#include "connector/postgresql/logical_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/postgresql/big_endian.h"
#include "connector/postgresql/json_values.h"
#include "connector/postgresql/source_position.h"

namespace leat::connector::postgresql {
namespace {

std::string json(std::uint32_t type, std::string_view text) {
  std::string out;
  append_json_value(type, text, out);
  return out;
}

TEST(LogicalMessage, EveryPrefixOfAMessageIsRefused) {
  std::string update = "U";
  append_integer(std::uint32_t{7}, update);
  update += "K";
  append_integer(std::uint16_t{1}, update);
  update += "t";
  append_integer(std::uint32_t{2}, update);
  update += "id";
  update += "N";
  append_integer(std::uint16_t{3}, update);
  update += "nut";
  append_integer(std::uint32_t{3}, update);
  update += "abc";
  const auto whole = parse_message(update);
  ASSERT_TRUE(whole) << whole.error().message;
  const auto& change = std::get<ChangeMessage>(*whole);
  EXPECT_EQ(change.relation, 7U);
  EXPECT_FALSE(change.old_is_whole);
  EXPECT_EQ(change.old_row->at(0).text, "id");
  ASSERT_EQ(change.row.size(), 3U);
  EXPECT_EQ(change.row[0].kind, TupleValue::Kind::null);
  EXPECT_EQ(change.row[1].kind, TupleValue::Kind::unchanged);
  EXPECT_EQ(change.row[2].text, "abc");
  for (std::size_t size = 0; size < update.size(); ++size) {
    const auto part = parse_message(std::string_view(update).substr(0, size));
    ASSERT_FALSE(part) << size;
    EXPECT_EQ(part.error().code, "replication-malformed");
  }
  EXPECT_FALSE(parse_message(update + "x"));
  EXPECT_FALSE(parse_message("Z"));
}

TEST(LogicalMessage, LsnsAreWrittenAsTheServerDoes) {
  EXPECT_EQ(lsn_text(0x16'0B37'4D84ULL), "16/B374D84");
  EXPECT_EQ(parse_lsn("16/B374D84"), 0x16'0B37'4D84ULL);
  for (const char* bad : {"", "16", "16/", "/1", "x/1", "1/123456789", "1/1 "}) {
    EXPECT_EQ(parse_lsn(bad), std::nullopt) << bad;
  }
}

TEST(JsonValues, AreOfTheirTypes) {
  EXPECT_EQ(json(16, "t"), "true");
  EXPECT_EQ(json(20, "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(json(1700, "12345678901234567890.50"), "12345678901234567890.50");
  EXPECT_EQ(json(701, "NaN"), "\"NaN\"");
  EXPECT_EQ(json(701, "-Infinity"), "\"-Infinity\"");
  EXPECT_EQ(json(701, "1e+20"), "1e+20");
  EXPECT_EQ(json(17, "\\xaa00ff"), "\"qgD/\"");
  EXPECT_EQ(json(25, "a\"b\n"), R"("a\"b\n")");
  EXPECT_EQ(json(3802, R"({"a": [1]})"), R"({"a": [1]})");
  EXPECT_EQ(json(1114, "2026-01-01 12:00:00.5"), "\"2026-01-01T12:00:00.5\"");
  EXPECT_EQ(json(1184, "2026-01-01 12:00:00+00"), "\"2026-01-01T12:00:00Z\"");
  EXPECT_EQ(json(1184, "infinity"), "\"infinity\"");
  EXPECT_EQ(json(1114, "0044-03-15 00:00:00 BC"), "\"0044-03-15 00:00:00 BC\"");
}

TEST(JsonValues, ArraysAreNested) {
  EXPECT_EQ(json(1007, "{1,NULL,-3}"), "[1,null,-3]");
  EXPECT_EQ(json(1007, "{}"), "[]");
  EXPECT_EQ(json(1007, "{{1,2},{3,4}}"), "[[1,2],[3,4]]");
  EXPECT_EQ(json(1007, "[0:1]={7,8}"), "[7,8]");
  EXPECT_EQ(json(1009, R"({a,"b \"c\", d","NULL",""})"), R"(["a","b \"c\", d","NULL",""])");
  EXPECT_EQ(json(1000, "{t,f}"), "[true,false]");
  EXPECT_EQ(json(1007, "{1,2"), "\"{1,2\"");
  EXPECT_EQ(json(1007, "{1,,2}"), "\"{1,,2}\"");
  EXPECT_EQ(json(1007, "["), "\"[\"");
}

TEST(Visibility, KnowsWhoWasStillRunning) {
  const auto seen = Visibility::parse("4294967300:4294967310:4294967302,4294967305");
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_TRUE(seen->sees(4294967295U));  // before the counter came round
  EXPECT_TRUE(seen->sees(3));
  EXPECT_FALSE(seen->sees(4294967302 & 0xFFFFFFFF));
  EXPECT_TRUE(seen->sees(7));
  EXPECT_FALSE(seen->sees(9));
  EXPECT_FALSE(seen->sees(14));
  EXPECT_FALSE(Visibility::parse("1:2:3,"));
  EXPECT_FALSE(Visibility::parse("1:2"));
  EXPECT_TRUE(Visibility::parse("1:2:"));
}

TEST(SourcePosition, ComesBackAsItWas) {
  SourcePosition position;
  position.lsn = 77;
  position.partial_lsn = 99;
  position.partial_changes = 5;
  TablePosition& table = position.tables["public.\"u\""];
  table.runs.push_back({*Visibility::parse("1:5:2"), 70, std::nullopt});
  table.runs.push_back({*Visibility::parse("3:9:"), 75, std::vector<std::string>{"a", "ü"}});
  table.last = {"b", "c"};
  position.tables["public.v"].is_whole = true;
  const auto back = SourcePosition::parse(position.text());
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->text(), position.text());
  EXPECT_EQ(back->tables.at("public.\"u\"").runs[1].after, table.runs[1].after);
  EXPECT_EQ(SourcePosition::parse("{}").error().code, "position-malformed");
  EXPECT_EQ(SourcePosition::parse("[").error().code, "position-malformed");
}

}  // namespace
}  // namespace leat::connector::postgresql
