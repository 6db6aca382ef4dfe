#include "connector/cassandra/value_writer.h"

#include <gmock/gmock.h>

#include "model/duck_test_database.h"

namespace leat::connector::cql {
namespace {

using testing::HasSubstr;
using Kind = CqlType::Kind;

/// Writes the value of an SQL expression as a CQL type: hexadecimal bytes with their length, NULL,
/// or why not.
std::string written(const std::string& expression, const CqlType& to) {
  DuckTestDatabase database;
  const std::string sql = "SELECT " + expression;
  const Type type = database.schema_of(sql)[0].type;
  const auto writer = ValueWriter::make(type, to);
  if (!writer) return writer.error().code;
  const std::vector<Chunk> chunks = database.chunks(sql);
  const VectorShape shape = VectorShape::of(type);
  std::string bytes, reason;
  if (!writer->append(VectorReader(shape, chunks.at(0).vector(0)), 0, bytes, reason)) return reason;
  WireReader reader(bytes);
  const Cell cell = reader.read_bytes();
  EXPECT_TRUE(reader.done());
  if (!cell) return "NULL";
  std::string text;
  for (const char byte : *cell) text += fmt::format("{:02x}", static_cast<std::uint8_t>(byte));
  return text;
}

std::string written(const std::string& expression, Kind kind) {
  return written(expression, CqlType{.kind = kind});
}

std::string mapped(const std::string& expression, bool vectors = true) {
  DuckTestDatabase database;
  const auto type = cql_type_for(database.type_of(expression), vectors);
  return type ? type->to_cql() : type.error().code;
}

TEST(CqlValue, NullIsNull) { EXPECT_EQ(written("NULL::INTEGER", Kind::int_), "NULL"); }

TEST(CqlValue, IntegersAreTakenByAllThatCanHoldThem) {
  EXPECT_EQ(written("(-2)::TINYINT", Kind::bigint), "fffffffffffffffe");
  EXPECT_EQ(written("127::HUGEINT", Kind::tinyint), "7f");
  EXPECT_EQ(written("128::HUGEINT", Kind::tinyint), "128 is beyond what tinyint can hold");
  EXPECT_EQ(written("18446744073709551615::UBIGINT", Kind::bigint),
            "18446744073709551615 is beyond what bigint can hold");
  EXPECT_EQ(written("340282366920938463463374607431768211455::UHUGEINT", Kind::bigint),
            "340282366920938463463374607431768211455 is beyond what bigint can hold");
}

TEST(CqlValue, AVarintIsAsShortAsItCanBe) {
  EXPECT_EQ(written("0", Kind::varint), "00");
  EXPECT_EQ(written("127", Kind::varint), "7f");
  EXPECT_EQ(written("128", Kind::varint), "0080");
  EXPECT_EQ(written("-128", Kind::varint), "80");
  EXPECT_EQ(written("-129", Kind::varint), "ff7f");
  EXPECT_EQ(written("340282366920938463463374607431768211455::UHUGEINT", Kind::varint),
            "00ffffffffffffffffffffffffffffffff");
}

TEST(CqlValue, ADecimalIsItsScaleAndDigits) {
  EXPECT_EQ(written("12.345::DECIMAL(10,3)", Kind::decimal), "000000033039");
  EXPECT_EQ(written("-0.01::DECIMAL(38,2)", Kind::decimal), "00000002ff");
  EXPECT_EQ(written("7::BIGINT", Kind::decimal), "0000000007");
  EXPECT_EQ(written("1.5::DECIMAL(4,1)", Kind::double_), "3ff8000000000000");
}

TEST(CqlValue, TimesKeepWhatTheirTypeCanSay) {
  EXPECT_EQ(written("TIMESTAMP '1970-01-01 00:00:01.234567'", Kind::timestamp), "00000000000004d2");
  EXPECT_EQ(written("TIMESTAMP '1969-12-31 23:59:59.9999'", Kind::timestamp), "ffffffffffffffff");
  EXPECT_EQ(written("TIMESTAMP_S '1970-01-01 00:00:01'", Kind::timestamp), "00000000000003e8");
  EXPECT_EQ(written("DATE '1970-01-02'", Kind::timestamp), "0000000005265c00");
  EXPECT_EQ(written("DATE '1969-12-31'", Kind::date), "7fffffff");
  EXPECT_EQ(written("TIME '00:00:01'", Kind::time), "000000003b9aca00");
  EXPECT_EQ(written("TIME '24:00:00'", Kind::time), "Cassandra's time ends before 24:00");
  EXPECT_EQ(written("'infinity'::TIMESTAMP", Kind::timestamp),
            "Cassandra has no infinite timestamp");
  EXPECT_EQ(written("INTERVAL '1 month 2 days 1 second'", Kind::duration), "0204f077359400");
}

TEST(CqlValue, TextTakesEveryScalar) {
  EXPECT_EQ(written("'é'", Kind::text), "c3a9");
  EXPECT_EQ(written("2026", Kind::text), "32303236");
  EXPECT_EQ(written("DATE '2026-01-02'", Kind::text), "323032362d30312d3032");
  EXPECT_EQ(written("true", Kind::text), "74727565");
  EXPECT_EQ(written("'é'", Kind::ascii), "the text has characters that are not ASCII");
  EXPECT_EQ(written("[1]", Kind::text), "type-mismatch");
}

TEST(CqlValue, UuidsAndAddresses) {
  EXPECT_EQ(written("'00112233-4455-6677-8899-aabbccddeeff'::UUID", Kind::uuid),
            "00112233445566778899aabbccddeeff");
  EXPECT_EQ(written("'10.0.0.1'", Kind::inet), "0a000001");
  EXPECT_EQ(written("'::1'", Kind::inet), "00000000000000000000000000000001");
  EXPECT_EQ(written("'here'", Kind::inet), "`here` is no IP address");
}

TEST(CqlValue, NestedValuesHaveTheirParts) {
  const CqlType list{.kind = Kind::list, .parameters = {{.kind = Kind::tinyint}}};
  EXPECT_EQ(written("[1, NULL]::TINYINT[]", list), "000000020000000101ffffffff");
  EXPECT_EQ(written("[1, 2]::TINYINT[2]", list), "0000000200000001010000000102");
  const CqlType map{.kind = Kind::map,
                    .parameters = {{.kind = Kind::text}, {.kind = Kind::boolean}}};
  EXPECT_EQ(written("MAP {'a': true}", map),
            "000000010000000161"
            "0000000101");
}

TEST(CqlValue, AStructsFieldsGoToAUserTypeByName) {
  const CqlType type{.kind = Kind::user_type,
                     .parameters = {{.kind = Kind::text}, {.kind = Kind::tinyint}},
                     .field_names = {"city", "code"},
                     .keyspace = {},
                     .name = "place"};
  EXPECT_EQ(written("{'CODE': 1::TINYINT, 'city': 'x'}", type), "00000001780000000101");
  EXPECT_EQ(written("{'code': 1::TINYINT}", type), "ffffffff0000000101");
  EXPECT_EQ(written("{'code': 1::TINYINT, 'other': 2}", type), "type-mismatch");
  const CqlType tuple{.kind = Kind::tuple, .parameters = type.parameters};
  EXPECT_EQ(written("{'a': 'x', 'b': 1::TINYINT}", tuple), "00000001780000000101");
  EXPECT_EQ(written("{'a': 'x'}", tuple), "type-mismatch");
}

TEST(CqlValue, VectorsHaveNoLengthsWhereTheyNeedNone) {
  const CqlType floats{
      .kind = Kind::vector, .parameters = {{.kind = Kind::float_}}, .dimension = 2};
  EXPECT_EQ(written("[1, 2]::FLOAT[2]", floats), "3f80000040000000");
  EXPECT_EQ(written("[1, 2]::FLOAT[]", floats), "3f80000040000000");
  EXPECT_EQ(written("[1]::FLOAT[]", floats), "a list of 1 elements is no vector<float, 2>");
  EXPECT_EQ(written("[1, NULL]::FLOAT[2]", floats), "a vector can't have NULL elements");
  EXPECT_EQ(written("[1, 2, 3]::FLOAT[3]", floats), "type-mismatch");
  const CqlType texts{.kind = Kind::vector, .parameters = {{.kind = Kind::text}}, .dimension = 2};
  EXPECT_EQ(written("['a', 'bc']", texts), "0161026263");
}

TEST(CqlValue, WhatCanNotBeWrittenSaysWhatToDo) {
  const auto writer = ValueWriter::make(Type::of(DUCKDB_TYPE_DOUBLE), {.kind = Kind::int_});
  ASSERT_FALSE(writer.has_value());
  EXPECT_THAT(writer.error().message, HasSubstr("DOUBLE can't be written as Cassandra's int"));
  EXPECT_THAT(writer.error().message, HasSubstr("cast the column"));
  EXPECT_EQ(written("1", Kind::counter), "type-mismatch");
}

TEST(CqlValue, NewTablesHaveTheTypesThatLoseNothing) {
  EXPECT_EQ(mapped("1::UTINYINT"), "smallint");
  EXPECT_EQ(mapped("1::UBIGINT"), "varint");
  EXPECT_EQ(mapped("now()"), "timestamp");
  EXPECT_EQ(mapped("'{}'::JSON"), "text");
  EXPECT_EQ(mapped("'101'::BIT"), "text");
  EXPECT_EQ(mapped("[[1]]"), "list<frozen<list<int>>>");
  EXPECT_EQ(mapped("MAP {'a': [1.5::DOUBLE]}"), "map<text, frozen<list<double>>>");
  EXPECT_EQ(mapped("{'a': 1, 'b': 'x'}"), "tuple<int, text>");
  EXPECT_EQ(mapped("[1, 2, 3]::FLOAT[3]"), "vector<float, 3>");
  EXPECT_EQ(mapped("[1, 2, 3]::FLOAT[3]", false), "list<float>");
}

}  // namespace
}  // namespace leat::connector::cql
