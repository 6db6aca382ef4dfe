#include "model/row_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/chunk_copy.h"
#include "model/duck_test_database.h"

namespace leat {
namespace {

/// Values of one type, as DuckDB makes them: seeded, with NULLs, repeats and the extremes.
struct Values {
  const char* type;
  const char* sql;       ///< an expression over `i` and `r` (a random number below 1)
  const char* extremes;  ///< more values, comma-separated
};

const Values values_of_types[] = {
    {"BOOLEAN", "r < 0.5", "true"},
    {"TINYINT", "(r * 250)::INT - 127", "-128, 127, 0"},
    {"SMALLINT", "(r * 65000)::INT - 32767", "-32768, 32767"},
    {"INTEGER", "(r * 1000)::INT - 500", "-2147483648, 2147483647"},
    {"BIGINT", "(r * 1e18)::BIGINT - 500000000000000000",
     "-9223372036854775808, 9223372036854775807"},
    {"HUGEINT", "((r - 0.5) * 1e30)::HUGEINT",
     "-170141183460469231731687303715884105728, 170141183460469231731687303715884105727, -1, 0"},
    {"UTINYINT", "(r * 255)::INT", "0, 255"},
    {"USMALLINT", "(r * 65535)::INT", "0, 65535"},
    {"UINTEGER", "(r * 4e9)::BIGINT", "0, 4294967295"},
    {"UBIGINT", "(r * 1.8e19)::UBIGINT", "0, 18446744073709551615"},
    {"UHUGEINT", "(r * 1e38)::UHUGEINT", "0, 340282366920938463463374607431768211455"},
    {"FLOAT", "(r - 0.5) * 1e6", "'nan', '-nan', 'inf', '-inf', '-0.0', 0.0, 1e-45"},
    {"DOUBLE", "(r - 0.5) * 1e6", "'nan', '-nan', 'inf', '-inf', '-0.0', 0.0, 5e-324"},
    {"DECIMAL(4,1)", "(r - 0.5) * 1000", "-999.9, 999.9"},
    {"DECIMAL(9,3)", "(r - 0.5) * 1000", "-999999.999, 999999.999"},
    {"DECIMAL(18,3)", "(r - 0.5) * 1000", "-0.001, 0.001"},
    {"DECIMAL(38,10)", "(r - 0.5) * 1e20", "-0.0000000001, 0"},
    {"VARCHAR", "substr('aAbß€\U0001F600zzzzzzzzzzzz', 1 + (r * 6)::INT, (r * 100)::INT % 17)",
     "'', 'a' || chr(0), 'a' || chr(0) || chr(0), 'a' || chr(0) || 'b', 'a' || chr(1), chr(255)"},
    {"BLOB", "unhex(substr('00ff00010002fffe00', 1 + 2 * (r * 4)::INT, 2 * ((r * 100)::INT % 5)))",
     "'\\x00', '\\x00\\x00', '\\x00\\xFF', '\\x00\\x01', '\\xFF', ''"},
    {"UUID", "md5(((r * 50)::INT)::VARCHAR)",
     "'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'"},
    {"DATE", "DATE '1970-01-01' + ((r - 0.5) * 100000)::INT", "'infinity', '-infinity'"},
    {"TIME", "TIME '00:00:00' + INTERVAL (r * 86399) SECOND", "'00:00:00', '23:59:59.999999'"},
    {"TIMETZ",
     "('12:' || lpad(((r * 59)::INT)::VARCHAR, 2, '0') || ':00' || CASE WHEN r < 0.3 THEN '+02' "
     "WHEN r < 0.6 THEN '-03:30' ELSE '+00' END)",
     "'10:00:00+00', '12:00:00+02', '11:00:00+01'"},
    {"TIMESTAMP", "TIMESTAMP '1970-01-01' + INTERVAL ((r - 0.5) * 1e9) SECOND",
     "'infinity', '-infinity', '1969-12-31 23:59:59.999999'"},
    {"TIMESTAMP_S", "TIMESTAMP '1970-01-01' + INTERVAL ((r - 0.5) * 1e9) SECOND", "'1970-01-01'"},
    {"TIMESTAMP_MS", "TIMESTAMP '1970-01-01' + INTERVAL ((r - 0.5) * 1e9) SECOND", "'1970-01-01'"},
    {"TIMESTAMP_NS", "TIMESTAMP '1970-01-01' + INTERVAL ((r - 0.5) * 1e9) SECOND", "'1970-01-01'"},
    {"TIMESTAMPTZ", "TIMESTAMPTZ '1970-01-01 00:00:00+00' + INTERVAL ((r - 0.5) * 1e9) SECOND",
     "'1970-01-01 00:00:00+00'"},
    {"INTERVAL", "INTERVAL ((r * 40)::INT - 20) DAY + INTERVAL ((r * 1000)::INT % 5 - 2) MONTH",
     "'1 month', '30 days', '720 hours', '-1 month', '1 month -1 day', '29 days', '24 hours', "
     "'-1 month 1 day', '-29 days', '1 day -1 hour', '29 days 48 hours', '31 days -48 hours', '1 "
     "month 1 day', '-29 "
     "days -700 hours', '23 hours'"},
    {"INTEGER[]", "list_transform(range((r * 100)::BIGINT % 4), x -> (x * r * 7)::INT)",
     "[], [1], [1, 2]"},
    {"VARCHAR[]",
     "list_transform(range((r * 100)::BIGINT % 4), x -> repeat('q' || chr(0), (x * r * 9)::INT))",
     "[], [''], ['', '']"},
    {"INTEGER[][]", "[range((r * 100)::BIGINT % 4), range((r * 10)::BIGINT % 3)]",
     "[], [[]], [[1], []]"},
    {"INTEGER[3]", "[(r * 3)::INT, (r * 30)::INT % 3, 7]", "[0, 0, 0]"},
    {"STRUCT(a INTEGER, b VARCHAR)", "{'a': (r * 5)::INT, 'b': repeat('x', (r * 50)::INT % 15)}",
     "{'a': 0, 'b': ''}"},
    {"STRUCT(a INTEGER[], b STRUCT(c DOUBLE))", "{'a': [(r * 5)::INT], 'b': {'c': (r * 3)::INT}}",
     "{'a': [], 'b': {'c': '-0.0'::DOUBLE}}"},
    {"MAP(VARCHAR, INTEGER)", "MAP {'k' || (r * 3)::INT: (r * 10)::INT % 3}", "MAP {}"},
};

class RowCodecOfType : public testing::TestWithParam<Values> {
 protected:
  RowCodecOfType() {
    const Values& values = GetParam();
    const std::string type = values.type;
    duck_.chunks("SELECT setseed(0.42)");
    duck_.chunks("CREATE TABLE t AS SELECT (" + std::string(values.sql) + ")::" + type +
                 " AS v, i FROM (SELECT i, random() AS r FROM range(1400) t(i))");
    duck_.chunks("INSERT INTO t SELECT NULL, i FROM range(150) t(i)");
    duck_.chunks("INSERT INTO t SELECT v::" + type +
                 ", 5000 + row_number() OVER () FROM (SELECT "
                 "unnest([" +
                 casts(values.extremes, type) + "]) AS v)");
    duck_.chunks("INSERT INTO t SELECT v, i + 10000 FROM t WHERE i % 3 = 0");
  }

  /// "a, b" → "(a)::T, (b)::T", splitting at the outer commas.
  static std::string casts(std::string_view list, const std::string& type) {
    std::string out;
    std::string item;
    int depth = 0;
    bool quoted = false;
    for (const char c : std::string(list) + ",") {
      if (c == '\'') quoted = !quoted;
      if (!quoted) depth += (c == '[' || c == '{' || c == '(') - (c == ']' || c == '}' || c == ')');
      if (c == ',' && depth == 0 && !quoted) {
        out += (out.empty() ? "(" : ", (") + item + ")::" + type;
        item.clear();
      } else {
        item += c;
      }
    }
    return out;
  }

  Type type() { return *Type::parse(GetParam().type); }
  DuckTestDatabase duck_;
};

constexpr std::size_t column_zero[] = {0};

std::vector<std::string> keys_of(const KeyCodec& codec, const std::vector<Chunk>& chunks,
                                 std::span<const std::size_t> columns) {
  std::vector<std::string> keys;
  EncodedRows encoded;
  for (const Chunk& chunk : chunks) {
    codec.encode(chunk, columns, encoded);
    EXPECT_EQ(encoded.size(), chunk.size());
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      keys.emplace_back(encoded[row]);
      std::string alone;
      codec.append(chunk, columns, row, alone);
      EXPECT_EQ(alone, keys.back());
    }
  }
  return keys;
}

TEST_P(RowCodecOfType, KeysSortAsDuckDbSorts) {
  const KeyCodec codec({type()});
  const auto keys =
      keys_of(codec, duck_.chunks("SELECT v FROM t ORDER BY v ASC NULLS FIRST"), column_zero);
  ASSERT_GT(keys.size(), 1500u);
  for (std::size_t i = 1; i < keys.size(); ++i) {
    ASSERT_LE(keys[i - 1], keys[i]) << "row " << i;
  }
}

TEST_P(RowCodecOfType, KeysAreEqualWhereGroupByIs) {
  const KeyCodec codec({type()});
  const auto chunks = duck_.chunks(
      "SELECT v, g::BIGINT FROM t JOIN (SELECT v AS w, row_number() OVER () AS g FROM (SELECT v "
      "FROM t GROUP BY v)) ON v IS NOT DISTINCT FROM w");
  const auto keys = keys_of(codec, chunks, column_zero);
  std::map<std::string, std::int64_t> group_of;
  std::map<std::int64_t, std::string> key_of;
  std::size_t at = 0;
  for (const Chunk& chunk : chunks) {
    const auto* groups = static_cast<const std::int64_t*>(duckdb_vector_get_data(chunk.vector(1)));
    for (std::size_t row = 0; row < chunk.size(); ++row, ++at) {
      EXPECT_EQ(group_of.emplace(keys[at], groups[row]).first->second, groups[row]);
      EXPECT_EQ(key_of.emplace(groups[row], keys[at]).first->second, keys[at]);
    }
  }
  EXPECT_GT(group_of.size(), 1u);
}

TEST_P(RowCodecOfType, KeysComeBackToEqualKeys) {
  const KeyCodec codec({type()});
  const Schema schema({{"v", type()}});
  EncodedRows encoded;
  EncodedRows again;
  for (const Chunk& chunk : duck_.chunks("SELECT v FROM t")) {
    codec.encode(chunk, column_zero, encoded);
    std::vector<std::string_view> keys;
    for (std::size_t row = 0; row < encoded.size(); ++row) keys.push_back(encoded[row]);
    Chunk decoded(schema);
    const Status status = codec.decode(keys, column_zero, decoded, 0);
    ASSERT_TRUE(status) << status.error().message;
    decoded.set_size(chunk.size());
    codec.encode(decoded, column_zero, again);
    for (std::size_t row = 0; row < encoded.size(); ++row) ASSERT_EQ(encoded[row], again[row]);
  }
}

TEST_P(RowCodecOfType, ColumnsThatAreLeftOutArePassedOver) {
  const Type bigint = Type::of(DUCKDB_TYPE_BIGINT);
  const RowCodec codec({type(), bigint, type(), bigint});
  const Schema schema({{"w", type()}, {"i", bigint}});
  const std::vector<std::size_t> places = {RowCodec::left_out, RowCodec::left_out, 0, 1};
  for (const Chunk& chunk : duck_.chunks("SELECT v, i, v AS w, -i FROM t")) {
    EncodedRows encoded;
    codec.encode(chunk, encoded);
    std::vector<std::string_view> rows;
    for (std::size_t row = 0; row < encoded.size(); ++row) rows.push_back(encoded[row]);
    for (const auto texts : {RowCodec::Texts::copied, RowCodec::Texts::pointed_at}) {
      Chunk decoded(schema);
      ASSERT_TRUE(codec.decode(rows, places, decoded, 0, texts));
      decoded.set_size(chunk.size());
      const RowCodec of_two({type(), bigint});
      EncodedRows again;
      EncodedRows wanted;
      of_two.encode(copy_of(decoded), again);
      of_two.encode(chunk, std::vector<std::size_t>{2, 3}, wanted);
      for (std::size_t row = 0; row < rows.size(); ++row) ASSERT_EQ(again[row], wanted[row]);
    }
  }
}

TEST_P(RowCodecOfType, RowsComeBackByteForByte) {
  const RowCodec codec({type(), Type::of(DUCKDB_TYPE_BIGINT), type()});
  const Schema schema({{"v", type()}, {"i", Type::of(DUCKDB_TYPE_BIGINT)}, {"w", type()}});
  EncodedRows encoded;
  EncodedRows again;
  for (const Chunk& chunk : duck_.chunks("SELECT v, i, v FROM t")) {
    codec.encode(chunk, encoded);
    Chunk decoded(schema);
    // In two parts, so that lists go on where they ended.
    std::vector<std::string_view> rows;
    for (std::size_t row = 0; row < encoded.size(); ++row) rows.push_back(encoded[row]);
    const std::span all(rows);
    const std::size_t half = rows.size() / 2;
    ASSERT_TRUE(codec.decode(all.first(half), decoded, 0));
    ASSERT_TRUE(codec.decode(all.subspan(half), decoded, half));
    decoded.set_size(chunk.size());
    codec.encode(copy_of(decoded), again);
    ASSERT_EQ(encoded.size(), again.size());
    for (std::size_t row = 0; row < encoded.size(); ++row) ASSERT_EQ(encoded[row], again[row]);
  }
}

TEST_P(RowCodecOfType, DamagedBytesAreAnErrorNotACrash) {
  const std::vector<Type> types{type(), type()};
  const std::size_t columns[] = {0, 1};
  const RowCodec rows(types);
  const KeyCodec keys(types);
  const Schema schema({{"v", type()}, {"w", type()}});
  const auto chunks = duck_.chunks("SELECT v, v FROM t WHERE v IS NOT NULL LIMIT 20");
  EncodedRows row_bytes;
  EncodedRows key_bytes;
  rows.encode(chunks.at(0), row_bytes);
  keys.encode(chunks.at(0), columns, key_bytes);
  const auto refuses = [&](std::string bytes, bool key) {
    Chunk out(schema);
    const std::string_view view = bytes;
    return !(key ? keys.decode({&view, 1}, columns, out, 0) : rows.decode({&view, 1}, out, 0));
  };
  for (std::size_t row = 0; row < row_bytes.size(); ++row) {
    const std::string as_row(row_bytes[row]);
    const std::string as_key(key_bytes[row]);
    EXPECT_TRUE(refuses(as_row + '\0', false));
    EXPECT_TRUE(refuses(as_key + '\0', true));
    for (std::size_t cut = 0; cut < as_row.size(); ++cut) {
      EXPECT_TRUE(refuses(as_row.substr(0, cut), false));
    }
    for (std::size_t cut = 0; cut < as_key.size(); ++cut) {
      EXPECT_TRUE(refuses(as_key.substr(0, cut), true));
    }
    EXPECT_TRUE(refuses("\2" + as_key.substr(1), true));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, RowCodecOfType, testing::ValuesIn(values_of_types),
                         [](const auto& param) {
                           std::string name;
                           for (const char c : std::string(param.param.type)) {
                             if (std::isalnum(static_cast<unsigned char>(c)) != 0) name += c;
                             if (c == '[') name += "List";
                           }
                           return name;
                         });

TEST(KeyCodec, SortsByAllColumnsInTurn) {
  DuckTestDatabase duck;
  const auto chunks = duck.chunks(
      "SELECT a, b, c FROM (SELECT CASE WHEN i % 7 = 0 THEN NULL ELSE (i % 5)::INTEGER END AS a, "
      "CASE WHEN i % 11 = 0 THEN NULL ELSE repeat('k', (i % 4)::INTEGER) END AS b, (i * 37 % "
      "101)::DOUBLE "
      "AS c FROM range(1800) t(i)) ORDER BY b NULLS FIRST, a NULLS FIRST, c NULLS FIRST");
  const KeyCodec codec(
      {Type::of(DUCKDB_TYPE_VARCHAR), Type::of(DUCKDB_TYPE_INTEGER), Type::of(DUCKDB_TYPE_DOUBLE)});
  const std::size_t columns[] = {1, 0, 2};
  EXPECT_TRUE(std::ranges::is_sorted(keys_of(codec, chunks, columns)));
}

TEST(KeyCodec, FixedWidthKeysAreAllOfOneLength) {
  DuckTestDatabase duck;
  const KeyCodec codec({Type::of(DUCKDB_TYPE_INTEGER), Type::of(DUCKDB_TYPE_BIGINT)});
  ASSERT_EQ(codec.fixed_width(), 14u);
  const std::size_t columns[] = {0, 1};
  for (const std::string& key :
       keys_of(codec, duck.chunks("SELECT NULL::INTEGER, 5::BIGINT UNION ALL SELECT 1, NULL"),
               columns)) {
    EXPECT_EQ(key.size(), 14u);
  }
  EXPECT_EQ(KeyCodec({Type::of(DUCKDB_TYPE_VARCHAR)}).fixed_width(), std::nullopt);
}

TEST(RowCodec, RowsWithoutColumnsAreEmpty) {
  DuckTestDatabase duck;
  const auto chunks = duck.chunks("SELECT i FROM range(3) t(i)");
  EncodedRows rows;
  RowCodec(std::vector<Type>()).encode(chunks.at(0), rows);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[2], "");
}

TEST(ChunkCopy, TakesTheChosenRowsAndNothingPointsBack) {
  DuckTestDatabase duck;
  auto chunks = duck.chunks(
      "SELECT 'text number ' || i AS t, [i, i + 1] AS l FROM range(100) t(i) ORDER BY i");
  const std::uint32_t rows[] = {99, 0, 50, 50};
  Chunk copy = copy_of(chunks.at(0), rows);
  append_row(chunks.at(0), 7, copy);
  chunks.clear();
  ASSERT_EQ(copy.size(), 5u);
  const auto* texts = static_cast<const duckdb_string_t*>(duckdb_vector_get_data(copy.vector(0)));
  EXPECT_EQ(text_of(texts[0]), "text number 99");
  EXPECT_EQ(text_of(texts[3]), "text number 50");
  EXPECT_EQ(text_of(texts[4]), "text number 7");
  const auto* lists = static_cast<const duckdb_list_entry*>(duckdb_vector_get_data(copy.vector(1)));
  const auto* elements = static_cast<const std::int64_t*>(
      duckdb_vector_get_data(duckdb_list_vector_get_child(copy.vector(1))));
  EXPECT_EQ(lists[4].length, 2u);
  EXPECT_EQ(elements[lists[4].offset + 1], 8);
}

}  // namespace
}  // namespace leat
