#include <gmock/gmock.h>

#include "format/decoding_test_support.h"

namespace leat::format {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Decoded decode_csv(const std::vector<DecodedColumn>& columns, CsvOptions options,
                   const std::vector<std::string>& values) {
  auto decoder = make_csv_decoder(columns, std::move(options));
  if (!decoder) {
    ADD_FAILURE() << decoder.error().message;
    return {};
  }
  return decode_all(**decoder, schema_of(columns), slice_of(values));
}

CsvOptions header(std::vector<std::string> names) {
  CsvOptions options;
  options.header = std::move(names);
  return options;
}

TEST(CsvDecoder, FindsColumnsByFieldOrName) {
  DecodedColumn renamed = column("b", "VARCHAR", "");
  renamed.field = "Second Field";
  EXPECT_THAT(decode_csv({renamed, column("c", "INTEGER", "")}, header({"a", "Second Field", "c"}),
                         {"x,y,3", "x,,", "x,\"\", 4 "})
                  .rows,
              ElementsAre("[\"y\",3]", "[null,null]", "[\"\",4]"));
  renamed.field = "Second Feild";
  const auto decoder = make_csv_decoder({renamed}, header({"a", "Second Field"}));
  EXPECT_EQ(decoder.error().code, "unknown-column");
  EXPECT_THAT(decoder.error().message, HasSubstr("did you mean \"Second Field\""));
}

TEST(CsvDecoder, FollowsRfc4180Quoting) {
  const auto columns = std::vector{column("a", "VARCHAR", ""), column("b", "VARCHAR", "")};
  EXPECT_THAT(decode_csv(columns, header({"a", "b"}),
                         {"\"x,y\",\"he said \"\"hi\"\" twice\"", "\"line\nbreak\",\"\"\"\"",
                          "\"\",", " x , y"})
                  .rows,
              ElementsAre(R"(["x,y","he said \"hi\" twice"])", R"(["line\nbreak","\""])",
                          R"(["",null])", R"([" x "," y"])"));
  const Decoded bad = decode_csv(columns, header({"a", "b"}),
                                 {"\"x,y", "\"x\"y,z", "x\"y,z", "1", "1,2,3", "\xff,1", "ok,1"});
  EXPECT_THAT(bad.rows, ElementsAre("[\"ok\",\"1\"]"));
  EXPECT_THAT(
      bad.refused,
      ElementsAre("0: : malformed CSV: a quoted field without its end at byte 0",
                  "1: : malformed CSV: text after the closing quote of a field at byte 3",
                  "2: : malformed CSV: a quote inside of a field that is not quoted at byte 1",
                  "3: : malformed CSV: 1 fields where the header has 2",
                  "4: : malformed CSV: 3 fields where the header has 2",
                  "5: : malformed CSV: invalid UTF-8 at byte 0"));
}

TEST(CsvDecoder, ReadsEachTypeFromText) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"INTEGER", "+007", "7"},
      {"DOUBLE", ".5", "0.5"},
      {"DOUBLE", "-inf", "null"},
      {"DECIMAL(5,2)", "123.456", "123.46"},
      {"BOOLEAN", "YES", "true"},
      {"BOOLEAN", "0", "false"},
      {"UUID", "25f9f031-493e-42f3-bd5d-4af2e9e9ee53", "\"25f9f031-493e-42f3-bd5d-4af2e9e9ee53\""},
      {"DATE", "2024-01-31", "\"2024-01-31\""},
      {"TIMESTAMP", "2024-01-31 10:00:00.5+01", "\"2024-01-31T09:00:00.500Z\""},
      {"INTEGER[]", "\"[1,2]\"", "[1,2]"},
      {"JSON", "{}", "{}"},
  };
  for (const auto& [type, text, expected] : cases) {
    EXPECT_THAT(decode_csv({column("v", type, "")}, header({"v"}), {text}).rows,
                ElementsAre("[" + std::string(expected) + "]"))
        << type << " " << text;
  }
  for (const auto& [type, text] :
       std::vector<std::pair<const char*, const char*>>{{"INTEGER", "1.5"},
                                                        {"INTEGER", "x"},
                                                        {"INTEGER", "1 2"},
                                                        {"TINYINT", "300"},
                                                        {"BOOLEAN", "maybe"},
                                                        {"DOUBLE", "1e400"},
                                                        {"DOUBLE", "1,5"},
                                                        {"TIMESTAMP", "yesterday"},
                                                        {"INTEGER[]", "[1"},
                                                        {"JSON", "{} {}"}}) {
    const Decoded decoded = decode_csv({column("v", type, "")}, header({"v"}), {text});
    EXPECT_THAT(decoded.rows, IsEmpty()) << type << " " << text;
    EXPECT_EQ(decoded.refused.size(), 1u);
  }
}

TEST(CsvDecoder, TakesItsOwnNullTextAndDelimiter) {
  CsvOptions options = header({"a", "b"});
  options.delimiter = ';';
  options.null_text = "\\N";
  DecodedColumn required = column("b", "VARCHAR", "");
  required.required = true;
  DecodedColumn with_default = column("a", "INTEGER", "");
  with_default.default_json = "9";
  const Decoded decoded =
      decode_csv({with_default, required}, options, {"\\N;", "1;\\N", "2;\"\\N\""});
  EXPECT_THAT(decoded.rows, ElementsAre("[9,\"\"]", "[2,\"\\\\N\"]"));
  EXPECT_THAT(decoded.refused, ElementsAre("1: b: null, and the column is required"));
}

}  // namespace
}  // namespace leat::format
