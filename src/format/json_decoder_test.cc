#include <gmock/gmock.h>

#include "format/decoding_test_support.h"

namespace leat::format {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Decoded decode_json(const std::vector<DecodedColumn>& columns,
                    const std::vector<std::string>& values, std::vector<bool> reads = {}) {
  auto decoder = make_json_decoder(columns, std::move(reads));
  if (!decoder) {
    ADD_FAILURE() << decoder.error().message;
    return {};
  }
  return decode_all(**decoder, schema_of(columns), slice_of(values));
}

/// One value of a type; `refused` is a part of the reason, or else `row` is what comes out.
struct Case {
  const char* type;
  const char* json;
  const char* row;
  const char* refused = nullptr;
  const char* unit = "";
  bool from_text = false;
};

const Case cases[] = {
    {"TINYINT", "-128", "-128"},
    {"TINYINT", "128", nullptr, "128 is out of range for TINYINT"},
    {"INTEGER", "0", "0"},
    {"INTEGER", "-0", "0"},
    {"INTEGER", "1.0", "1"},
    {"INTEGER", "1e3", "1000"},
    {"INTEGER", "12000e-3", "12"},
    {"INTEGER", "1.5", nullptr, "has a fraction"},
    {"INTEGER", "2147483648", nullptr, "out of range"},
    {"INTEGER", "1e1000000000000", nullptr, "out of range"},
    {"INTEGER", "\"7\"", nullptr, "is text where INTEGER is wanted"},
    {"INTEGER", "\"7\"", "7", nullptr, "", true},
    {"INTEGER", "\"07x\"", nullptr, "is no INTEGER", "", true},
    {"INTEGER", "true", nullptr, "true is no INTEGER"},
    {"INTEGER", "{\"a\": 1}", nullptr, "is no INTEGER"},
    {"BIGINT", "-9223372036854775808", "-9223372036854775808"},
    {"BIGINT", "9223372036854775807", "9223372036854775807"},
    {"BIGINT", "9223372036854775808", nullptr, "out of range"},
    {"UBIGINT", "18446744073709551615", "18446744073709551615"},
    {"UBIGINT", "18446744073709551616", nullptr, "out of range"},
    {"UBIGINT", "-1", nullptr, "out of range"},
    {"UINTEGER", "4294967295", "4294967295"},
    {"HUGEINT", "-170141183460469231731687303715884105728",
     "-170141183460469231731687303715884105728"},
    {"HUGEINT", "170141183460469231731687303715884105728", nullptr, "out of range"},
    {"UHUGEINT", "340282366920938463463374607431768211455",
     "340282366920938463463374607431768211455"},
    {"DOUBLE", "0.1", "0.1"},
    {"DOUBLE", "-0.0", "-0"},
    {"DOUBLE", "1.7976931348623157e308", "1.7976931348623157e+308"},
    {"DOUBLE", "1e400", nullptr, "1e400 is out of range for DOUBLE"},
    {"DOUBLE", "1e-400", "0"},
    {"DOUBLE", "5e-324", "5e-324"},
    {"DOUBLE", "9007199254740993", "9007199254740992"},
    {"DOUBLE", "0.30000000000000004", "0.30000000000000004"},
    {"DOUBLE", "123456789012345678901234567890", "1.2345678901234568e+29"},
    {"DOUBLE", "\"NaN\"", "null", nullptr, "", true},
    {"FLOAT", "0.1", "0.1"},
    {"FLOAT", "1e39", nullptr, "out of range"},
    {"DECIMAL(10,2)", "12345678.91", "12345678.91"},
    {"DECIMAL(10,2)", "-0.005", "-0.01"},
    {"DECIMAL(10,2)", "0.0049", "0.00"},
    {"DECIMAL(10,2)", "1e7", "10000000.00"},
    {"DECIMAL(10,2)", "123456789", nullptr, "out of range"},
    {"DECIMAL(10,2)", "99999999.995", nullptr, "out of range"},
    {"DECIMAL(38,10)", "0.1234567891", "0.1234567891"},
    {"DECIMAL(38,0)", "99999999999999999999999999999999999999",
     "99999999999999999999999999999999999999"},
    {"BOOLEAN", "true", "true"},
    {"BOOLEAN", "false", "false"},
    {"BOOLEAN", "1", nullptr, "1 is no BOOLEAN"},
    {"BOOLEAN", "\"yes\"", "true", nullptr, "", true},
    {"VARCHAR", R"("a\"b\\c\/\b\f\n\r\t\u00e9\ud83d\ude00")", R"("a\"b\\c/\u0008\u000c\n\r\té😀")"},
    {"VARCHAR", "\"\"", "\"\""},
    {"VARCHAR", "\"a\\u0000b\"", "\"a\\u0000b\""},
    {"VARCHAR", "12.50", "\"12.50\""},
    {"VARCHAR", "true", "\"true\""},
    {"VARCHAR", "{\"a\": [1, 2]}", R"("{\"a\": [1, 2]}")"},
    {"JSON", " {\"a\": [1, {}]} ", "{\"a\": [1, {}]}"},
    {"JSON", "\"x\"", "\"x\""},
    {"JSON", "1.50", "1.50"},
    {"JSON", "null", "null"},
    {"UUID", "\"25f9f031-493e-42f3-bd5d-4af2e9e9ee53\"",
     "\"25f9f031-493e-42f3-bd5d-4af2e9e9ee53\""},
    {"UUID", "\"25F9F031493E42F3BD5D4AF2E9E9EE53\"", "\"25f9f031-493e-42f3-bd5d-4af2e9e9ee53\""},
    {"UUID", "\"25f9f031-493e-42f3-bd5d-4af2e9e9ee5\"", nullptr, "is no UUID"},
    {"UUID", "\"25f9f031-493e-42f3-bd5d-4af2e9e9ee5g\"", nullptr, "is no UUID"},
    {"BLOB", "\"AP8=\"", "\"AP8=\""},
    {"BLOB", "\"AP8\"", "\"AP8=\""},
    {"BLOB", "\"A\"", nullptr, "base64 is wanted"},
    {"DATE", "\"2024-02-29\"", "\"2024-02-29\""},
    {"DATE", "\"2023-02-29\"", nullptr, "out of range"},
    {"DATE", "\"1969-12-31T23:59:59Z\"", "\"1969-12-31\""},
    {"DATE", "\"29.02.2024\"", nullptr, "YYYY-MM-DD is wanted"},
    {"DATE", "86400", "\"1970-01-02\"", nullptr, "s"},
    {"TIME", "\"23:59:59.999999\"", "\"23:59:59.999999\""},
    {"TIME", "\"07:30\"", "\"07:30:00\""},
    {"TIME", "\"24:00:00\"", nullptr, "out of range"},
    {"TIMESTAMP", "\"2016-02-23T05:57:01.495Z\"", "\"2016-02-23T05:57:01.495Z\""},
    {"TIMESTAMP", "\"2016-02-23T05:57:01Z\"", "\"2016-02-23T05:57:01.000Z\""},
    {"TIMESTAMP", "\"2016-02-23 05:57\"", "\"2016-02-23T05:57:00.000Z\""},
    {"TIMESTAMP", "\"2016-02-23T05:57:01.123456789+02:30\"", "\"2016-02-23T03:27:01.123456Z\""},
    {"TIMESTAMPTZ", "\"2016-02-23T00:57:01-0130\"", "\"2016-02-23T02:27:01.000Z\""},
    {"TIMESTAMPTZ", "\"2016-02-23\"", "\"2016-02-23T00:00:00.000Z\""},
    {"TIMESTAMP", "\"0001-01-01T00:00:00Z\"", "\"0001-01-01T00:00:00.000Z\""},
    {"TIMESTAMP", "\"2016-13-01T00:00:00.000Z\"", nullptr, "out of range"},
    {"TIMESTAMP", "\"2016-02-23T05:57:61.000Z\"", nullptr, "out of range"},
    {"TIMESTAMP", "\"2016-02-23T05:57:01.495Zx\"", nullptr, "ISO 8601 is wanted"},
    {"TIMESTAMP", "\"2016-02-23T05:57:01.1234567890Z\"", nullptr, "ISO 8601 is wanted"},
    {"TIMESTAMP", "1456207021", nullptr, "no time unit"},
    {"TIMESTAMP", "1456207021495", "\"2016-02-23T05:57:01.495Z\"", nullptr, "ms"},
    {"TIMESTAMP", "1456207021.5", "\"2016-02-23T05:57:01.500Z\"", nullptr, "s"},
    {"TIMESTAMP", "-1", "\"1969-12-31T23:59:59.999Z\"", nullptr, "ms"},
    {"TIMESTAMP", "1456207021495123", "\"2016-02-23T05:57:01.495123Z\"", nullptr, "us"},
    {"TIMESTAMP_NS", "1456207021495123456", "\"2016-02-23T05:57:01.495123456Z\"", nullptr, "ns"},
    {"TIMESTAMP_NS", "\"2300-01-01T00:00:00Z\"", nullptr, "out of range"},
    {"TIMESTAMP", "1e30", nullptr, "out of range", "s"},
    {"TIMESTAMP", "\"1456207021495\"", nullptr, "is text where TIMESTAMP", "ms"},
    {"TIMESTAMP", "\"1456207021495\"", "\"2016-02-23T05:57:01.495Z\"", nullptr, "ms", true},
    {"INTEGER[]", "[1, null, 3]", "[1,null,3]"},
    {"INTEGER[]", "[]", "[]"},
    {"INTEGER[]", "[1, \"x\"]", nullptr, "\"x\" is text"},
    {"INTEGER[]", "{}", nullptr, "{} is no INTEGER[]"},
    {"VARCHAR[][]", R"([["a"], [], ["b\n", "c"]])", R"([["a"],[],["b\n","c"]])"},
    {"INTEGER[2]", "[1, 2]", "[1,2]"},
    {"INTEGER[2]", "[1]", nullptr, "an array of 1 elements is no INTEGER[2]"},
    {"STRUCT(a INTEGER, b VARCHAR)", R"({"b": "x", "c": [1], "a": 5})", R"({"a":5,"b":"x"})"},
    {"STRUCT(a INTEGER, b VARCHAR)", "{}", R"({"a":null,"b":null})"},
    {"STRUCT(a INTEGER)", R"({"a": 1, "a": 2})", R"({"a":2})"},
    {"STRUCT(a STRUCT(b INTEGER[]))", R"({"a": {"b": [1, 2]}})", R"({"a":{"b":[1,2]}})"},
    {"MAP(VARCHAR, INTEGER)", R"({"x": 1, "y": null, "x": 3})", R"({"x":3,"y":null})"},
    {"MAP(INTEGER, BOOLEAN)", R"({"1": true})", R"({"1":true})"},
    {"MAP(INTEGER, BOOLEAN)", R"({"one": true})", nullptr, "\"one\" is no INTEGER"},
    {"MAP(VARCHAR, INTEGER)", "{}", "{}"},
};

TEST(JsonDecoder, TakesOrRefusesEachTypesValues) {
  for (const Case& one : cases) {
    DecodedColumn v = column("v", one.type, "/v");
    v.time_unit = one.unit;
    v.numbers_from_text = one.from_text;
    // Good rows around it must come through unharmed.
    const Decoded decoded =
        decode_json({v, column("w", "INTEGER", "/w")},
                    {"{\"w\":1}", std::string("{\"v\":") + one.json + ",\"w\":2}", "{\"w\":3}"});
    if (one.refused == nullptr) {
      EXPECT_THAT(decoded.rows,
                  ElementsAre("[null,1]", std::string("[") + one.row + ",2]", "[null,3]"))
          << one.type << " " << one.json << testing::PrintToString(decoded.refused);
    } else {
      EXPECT_THAT(decoded.rows, ElementsAre("[null,1]", "[null,3]")) << one.type << one.json;
      EXPECT_THAT(decoded.refused, ElementsAre(testing::AllOf(testing::StartsWith("1: v: "),
                                                              HasSubstr(one.refused))))
          << one.type << " " << one.json;
    }
  }
}

TEST(JsonDecoder, FollowsPointersThroughObjectsAndArrays) {
  const std::vector<DecodedColumn> columns = {column("a", "INTEGER", "/x/a"),
                                              column("b", "VARCHAR", "/list/1/n"),
                                              column("tilde", "INTEGER", "/m~0~1n"),
                                              column("whole", "JSON", ""),
                                              column("x", "JSON", "/x"),
                                              column("zero", "INTEGER", "/o/0")};
  EXPECT_THAT(
      decode_json(columns, {R"({"x":{"a":1},"list":[{"n":"p"},{"n":"q"}],"m~/n":5,"o":{"0":9}})",
                            R"({"o":[8],"list":"none","x":3})", "[1]", "4"})
          .rows,
      ElementsAre(
          R"([1,"q",5,{"x":{"a":1},"list":[{"n":"p"},{"n":"q"}],"m~/n":5,"o":{"0":9}},{"a":1},9])",
          R"([null,null,null,{"o":[8],"list":"none","x":3},3,8])", "[null,null,null,[1],null,null]",
          "[null,null,null,4,null,null]"));
}

TEST(JsonDecoder, MatchesNamesByWhatTheyMeanInAnyOrder) {
  const std::vector<DecodedColumn> columns = {
      column("a", "INTEGER", "/name"), column("b", "INTEGER", "/a longer name than sixteen"),
      column("c", "INTEGER", "/na\"me"), column("e", "INTEGER", "/")};
  EXPECT_THAT(
      decode_json(columns,
                  {R"({"name":1,"a longer name than sixteen":2,"na\"me":3,"":4})",
                   R"({"name":1,"a longer name than sixteem":2,"na\u0022me":3,"":4})",
                   R"({"":4,"na\"me":3,"a longer name than sixteen":2,"name":1})",
                   R"({"nam":0,"n\u0061me":1,"a longer name than sixteen, yes":2,"x":[{}]})",
                   R"({"name" : 1 , "a longer name than sixteen" : 2})"})
          .rows,
      ElementsAre("[1,2,3,4]", "[1,null,3,4]", "[1,2,3,4]", "[1,null,null,null]",
                  "[1,2,null,null]"));
}

TEST(JsonDecoder, TakesTheLastOfDuplicateNames) {
  const std::vector<DecodedColumn> columns = {
      column("a", "INTEGER", "/a"), column("x", "INTEGER", "/o/x"), column("y", "INTEGER", "/o/y")};
  EXPECT_THAT(decode_json(columns, {R"({"a":1,"a":2,"o":{"x":1},"o":{"y":2}})",
                                    R"({"a":"bad","a":3})", R"({"a":4,"a":null})"})
                  .rows,
              ElementsAre("[2,null,2]", "[3,null,null]", "[null,null,null]"));
}

TEST(JsonDecoder, FillsDefaultsAndRefusesMissing) {
  DecodedColumn with_default = column("d", "VARCHAR", "/d");
  with_default.default_json = "\"none \\u00e9 and more\"";
  DecodedColumn required = column("r", "INTEGER", "/r");
  required.required = true;
  const Decoded decoded =
      decode_json({with_default, required}, {R"({"r":1})", R"({"d":null,"r":2})", R"({"d":"x"})",
                                             R"({"d":"x","r":null})", R"({"d":"x","r":3})"});
  EXPECT_THAT(decoded.rows,
              ElementsAre("[\"none é and more\",1]", "[\"none é and more\",2]", "[\"x\",3]"));
  EXPECT_THAT(decoded.record_of, ElementsAre(0, 1, 4));
  EXPECT_THAT(decoded.refused, ElementsAre("2: r: missing, and the column is required",
                                           "3: r: null, and the column is required"));
  with_default.default_json = "{";
  EXPECT_THAT(make_json_decoder({with_default}).error().message, HasSubstr("the default {"));
  with_default.type = Type::of(DUCKDB_TYPE_INTEGER);
  with_default.default_json = "\"x\"";
  EXPECT_EQ(make_json_decoder({with_default}).error().code, "default");
}

TEST(JsonDecoder, LeavesUnreadColumnsButEnforcesRequiredOnes) {
  DecodedColumn required = column("r", "INTEGER", "/r");
  required.required = true;
  const Decoded decoded =
      decode_json({column("a", "INTEGER", "/a"), required, column("b", "INTEGER", "/b")},
                  {R"({"a":1,"r":"not read","b":"not read"})", R"({"a":2})"}, {true, false, false});
  ASSERT_THAT(decoded.rows, SizeIs(1));
  EXPECT_THAT(decoded.rows[0], testing::StartsWith("[1,"));
  EXPECT_THAT(decoded.refused, ElementsAre("1: r: missing, and the column is required"));
}

TEST(JsonDecoder, ReadsMetadata) {
  std::vector<DecodedColumn> columns;
  for (const auto& [field, type] :
       std::vector<std::pair<std::string, std::string>>{{"$key", "VARCHAR"},
                                                        {"$timestamp", "TIMESTAMP"},
                                                        {"$offset", "BIGINT"},
                                                        {"$partition", "INTEGER"},
                                                        {"$topic", "VARCHAR"},
                                                        {"$value", "VARCHAR"},
                                                        {"$headers", "JSON"}}) {
    columns.push_back(column(field.substr(1), type, ""));
    columns.back().field = field;
  }
  Slice slice = slice_of({"not json", std::string(tombstone)});
  slice.records[0].key = "the key of the record";
  slice.records[0].has_key = true;
  slice.records[0].headers = std::string_view("\x04\x02k\x02v\x04k2\x01", 9);
  slice.records[1].headers = "\x02\x1aleat.position\x02p";  // Leat's own
  auto decoder = make_json_decoder(columns);
  ASSERT_TRUE(decoder) << decoder.error().message;
  EXPECT_THAT(
      decode_all(**decoder, schema_of(columns), slice).rows,
      ElementsAre(
          R"(["the key of the record","2023-11-14T22:13:20.123Z",0,3,"clicks","not json",{"k":"v","k2":null}])",
          R"([null,"2023-11-14T22:13:20.123Z",1,3,"clicks",null,{}])"));
  columns[0].field = "$kye";
  EXPECT_EQ(make_json_decoder(columns).error().code, "unknown-metadata");
}

TEST(JsonDecoder, RefusesATombstoneWhereAColumnIsRead) {
  EXPECT_THAT(decode_json({column("a", "INTEGER", "/a")}, {std::string(tombstone)}).refused,
              ElementsAre(HasSubstr("0: : tombstone: the record has no value")));
}

TEST(JsonDecoder, GivesNullsForATombstoneThatIsToldApart) {
  std::vector<DecodedColumn> columns = {column("gone", "BOOLEAN", ""),
                                        column("a", "INTEGER", "/a")};
  columns[0].field = "$tombstone";
  columns[1].required = true;
  const auto decoded = decode_json(columns, {std::string(tombstone), R"({"a":7})", "{}"});
  EXPECT_THAT(decoded.rows, ElementsAre("[true,null]", "[false,7]"));
  EXPECT_THAT(decoded.refused, ElementsAre("2: a: missing, and the column is required"));
}

/// Documents that are malformed where they are read: /v as JSON, so that all of it is.
const std::string malformed[] = {
    "",
    " ",
    "\n",
    "{",
    "}",
    "[",
    "]",
    "{]",
    "[}",
    "{\"v\":1",
    "{\"v\":1]",
    "{\"v\"",
    "{\"v\":",
    "{\"v\":}",
    "{\"v\":,}",
    "{\"v\":1,}",
    "{,\"v\":1}",
    "{\"v\" 1}",
    "{\"v\",1}",
    "{v:1}",
    "{'v':1}",
    "{1:1}",
    "{\"v\":1 \"w\":2}",
    "{\"v\":1:2}",
    "{\"v\":1}}",
    "{\"v\":1}{",
    "{\"v\":1} x",
    "{\"v\":1},",
    "{\"v\":01}",
    "{\"v\":+1}",
    "{\"v\":.5}",
    "{\"v\":1.}",
    "{\"v\":1e}",
    "{\"v\":1e+}",
    "{\"v\":-}",
    "{\"v\":--1}",
    "{\"v\":0x10}",
    "{\"v\":1_000}",
    "{\"v\":NaN}",
    "{\"v\":Infinity}",
    "{\"v\":-Infinity}",
    "{\"v\":tru}",
    "{\"v\":truee}",
    "{\"v\":True}",
    "{\"v\":nul}",
    "{\"v\":nulll}",
    "{\"v\":fals}",
    "{\"v\":undefined}",
    "{\"v\":'x'}",
    "{\"v\":\"x}",
    "{\"v\":\"\\x\"}",
    "{\"v\":\"\\u12\"}",
    "{\"v\":\"\\u12G4\"}",
    "{\"v\":\"\\ud800\"}",
    "{\"v\":\"\\udc00\"}",
    "{\"v\":\"\\ud800\\u0041\"}",
    "{\"v\":\"\\\"}",
    "{\"v\":\"a\nb\"}",
    "{\"v\":\"a\tb\"}",
    std::string("{\"v\":\"a\0b\"}", 11),
    std::string("{\"v\":1\0}", 8),
    std::string("\0", 1),
    std::string("{\"v\":1}\0", 8),
    "{\"v\":\"\xff\"}",
    "{\"v\":\"\xc3\"}",
    "{\"v\":\"\xed\xa0\x80\"}",
    "{\"v\":\"\xc0\xaf\"}",
    "{\"v\":\"\xf5\x80\x80\x80\"}",
    "{\"\xff\":1}",
    "\xfe\xff{\"v\":1}",
    "{\"v\":[1,]}",
    "{\"v\":[,1]}",
    "{\"v\":[1 2]}",
    "{\"v\":[1,,2]}",
    "{\"v\":[1}",
    "{\"v\":[1}]}",
    "{\"v\":[}",
    "{\"v\":{]}",
    "{\"v\":{\"a\":1,}}",
    "{\"v\":{\"a\"}}",
    "{\"v\":{\"a\":}}",
    "{\"v\":{\"\\x\":1}}",
    "{\"v\":[\"a\":1]}",
    "// c\n{\"v\":1}",
    "{\"v\":1} // c",
    "{\"v\":/**/1}",
    "\"v",
    "v",
    "nul",
    "{\"v\":1}\n{\"v\":2}",
    "{\"v\":\"a\"\"b\"}",
    "{\"v\":1\"b\"}",
    "{\"v\":\"b\"1}",
    "{\"v\":[[[[}",
    "{\"v\":1\x01}",
    "[1",
    "[1,",
    "\xef\xbb\xbf",
    "\xef\xbb\xbf{",
};

TEST(JsonDecoder, RefusesEveryMalformedDocumentWithAReason) {
  const std::vector<DecodedColumn> columns = {column("v", "JSON", "/v")};
  for (const std::string& text : malformed) {
    const Decoded decoded = decode_json(columns, {"{\"v\":1}", text, "{\"v\":2}"});
    EXPECT_THAT(decoded.rows, ElementsAre("[1]", "[2]")) << text;
    ASSERT_THAT(decoded.refused, SizeIs(1)) << text;
    EXPECT_THAT(decoded.refused[0], HasSubstr("1: : malformed JSON: ")) << text;
    EXPECT_THAT(decoded.refused[0], HasSubstr(" at byte ")) << text;
  }
}

/// As the reference says (format json): passing over costs a fraction of checking.
TEST(JsonDecoder, LooksAtWhatNoColumnReadsForItsOutlineOnly) {
  const std::vector<DecodedColumn> a = {column("a", "INTEGER", "/a")};
  const std::vector<DecodedColumn> both = {column("a", "INTEGER", "/a"), column("b", "JSON", "/b")};
  for (const std::string b : {"tru", "01", "[1 2]", "{\"x\" 1}", "\"\\x\"", "nul"}) {
    const std::string record = "{\"a\":1,\"b\":" + b + "}";
    EXPECT_THAT(decode_json(a, {record}).rows, ElementsAre("[1]")) << record;
    EXPECT_THAT(decode_json(both, {record}).refused, ElementsAre(HasSubstr("malformed JSON: ")))
        << record;
  }
  for (const std::string b : {"[1}", "\"open", "\"\x01\"", "\"\xff\"", "", "[", "1,,2"}) {
    const std::string record = "{\"a\":1,\"b\":" + b + "}";
    EXPECT_THAT(decode_json(a, {record}).refused, ElementsAre(HasSubstr("malformed JSON: ")))
        << record;
  }
}

TEST(JsonDecoder, SaysWhereInvalidUtf8Is) {
  EXPECT_THAT(decode_json({column("v", "JSON", "/v")}, {"{\"v\":\"é\xff\"}"}).refused,
              ElementsAre("0: : malformed JSON: invalid UTF-8 at byte 8"));
}

TEST(JsonDecoder, PassesOverAByteOrderMark) {
  EXPECT_THAT(decode_json({column("v", "INTEGER", "/v")}, {"\xef\xbb\xbf{\"v\":1}"}).rows,
              ElementsAre("[1]"));
}

TEST(JsonDecoder, BoundsDepth) {
  const auto nested = [](std::size_t depth) {
    return "{\"v\":" + std::string(depth, '[') + std::string(depth, ']') + ",\"w\":1}";
  };
  for (const char* type : {"JSON", "VARCHAR", "INTEGER"}) {
    for (const char* pointer : {"/v", "/w"}) {
      const auto columns = std::vector{column("v", type, pointer)};
      EXPECT_THAT(decode_json(columns, {nested(100'000)}).refused,
                  ElementsAre(HasSubstr("1,024 levels deep")));
    }
  }
  EXPECT_THAT(decode_json({column("w", "INTEGER", "/w")}, {nested(1000)}).rows, ElementsAre("[1]"));
  EXPECT_THAT(decode_json({column("v", "JSON", "/v")}, {std::string(100'000, '[')}).refused,
              SizeIs(1));
  EXPECT_THAT(decode_json({column("v", "JSON", "/v")}, {std::string(100'000, '{')}).refused,
              SizeIs(1));
}

TEST(JsonDecoder, TakesARecordOfAHundredMegabytes) {
  const std::string text(100 << 20, 'x');
  const std::vector<DecodedColumn> columns = {column("v", "VARCHAR", "/v"),
                                              column("w", "INTEGER", "/w")};
  auto decoder = make_json_decoder(columns);
  const Slice slice = slice_of({"{\"v\":\"" + text + "\",\"w\":1}"});
  Chunk chunk(schema_of(columns));
  std::vector<std::uint32_t> record_of;
  std::vector<Refused> refused;
  EXPECT_EQ((*decoder)->decode(slice, {"t", Partition(0)}, 0, chunk.handle(), record_of, refused),
            1u);
  ASSERT_EQ(chunk.size(), 1u);
  const auto* data = static_cast<duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(0)));
  EXPECT_EQ(text_of(data[0]), text);
  EXPECT_EQ(text_of(data[0]).data(), slice.records[0].value.data() + 6);
}

TEST(JsonDecoder, FillsChunkAfterChunk) {
  std::vector<std::string> values;
  for (int i = 0; i < 5000; ++i) {
    values.push_back(i % 7 == 0 ? "{" : "{\"v\":" + std::to_string(i) + "}");
  }
  const Decoded decoded = decode_json({column("v", "BIGINT", "/v")}, values);
  ASSERT_THAT(decoded.rows, SizeIs(5000 - 715));
  EXPECT_THAT(decoded.refused, SizeIs(715));
  for (std::size_t i = 0; i < decoded.rows.size(); ++i) {
    ASSERT_EQ(decoded.rows[i], "[" + std::to_string(decoded.record_of[i]) + "]");
  }
}

TEST(JsonDecoder, RefusesColumnsItCanNotRead) {
  EXPECT_EQ(make_json_decoder({column("v", "INTERVAL", "/v")}).error().code, "column-type");
  EXPECT_EQ(make_json_decoder({column("v", "INTEGER", "v")}).error().code, "json-pointer");
  EXPECT_EQ(make_json_decoder({column("v", "INTEGER", "/~2")}).error().code, "json-pointer");
  DecodedColumn unit = column("v", "TIMESTAMP", "/v");
  unit.time_unit = "min";
  EXPECT_EQ(make_json_decoder({unit}).error().code, "time-unit");
}

}  // namespace
}  // namespace leat::format
