#include "connector/cassandra/value_reader.h"

#include <gmock/gmock.h>

#include "connector/cassandra/value_writer.h"
#include "model/duck_test_database.h"
#include "model/row_codec.h"

namespace leat::connector::cql {
namespace {

using testing::HasSubstr;
using Kind = CqlType::Kind;

CqlType of(Kind kind, std::vector<CqlType> parameters = {}) {
  return {.kind = kind, .parameters = std::move(parameters)};
}

/// Whether a value that was written as a CQL type is read as it was.
void expect_kept(const std::string& expression, const CqlType& through) {
  DuckTestDatabase database;
  const std::string sql = "SELECT " + expression + " AS v";
  const Schema schema = database.schema_of(sql);
  const auto writer = ValueWriter::make(schema[0].type, through);
  const auto reader = ValueReader::make(through, schema[0].type);
  ASSERT_TRUE(writer.has_value() && reader.has_value()) << expression;
  const std::vector<Chunk> chunks = database.chunks(sql);
  const VectorShape shape = VectorShape::of(schema[0].type);
  std::string bytes, reason;
  ASSERT_TRUE(writer->append(VectorReader(shape, chunks[0].vector(0)), 0, bytes, reason)) << reason;

  Chunk read(schema);
  VectorWriter out(shape, read.vector(0));
  WireReader wire(bytes);
  ASSERT_TRUE(reader->read(wire.read_bytes(), out, 0, reason)) << expression << ": " << reason;
  read.set_size(1);
  const RowCodec codec({schema[0].type});
  EncodedRows wanted, got;
  codec.encode(chunks[0], wanted);
  codec.encode(read, got);
  EXPECT_EQ(got[0], wanted[0]) << expression;
}

/// Why bytes can't be read; empty: they can.
std::string fault(const CqlType& from, const std::string& type, std::string_view bytes) {
  const Type to = Type::parse(type).value();
  const auto reader = ValueReader::make(from, to);
  if (!reader) return reader.error().message;
  Chunk chunk(Schema({{"v", to}}));
  const VectorShape shape = VectorShape::of(to);
  VectorWriter out(shape, chunk.vector(0));
  std::string reason;
  return reader->read(bytes, out, 0, reason) ? "" : reason;
}

TEST(CqlRead, ScalarsAreWhatWasWritten) {
  expect_kept("NULL::INTEGER", of(Kind::int_));
  expect_kept("(-2)::TINYINT", of(Kind::tinyint));
  expect_kept("(-300)::SMALLINT", of(Kind::smallint));
  expect_kept("2147483647::INTEGER", of(Kind::int_));
  expect_kept("(-5)::BIGINT", of(Kind::int_));
  expect_kept("(-9223372036854775807)::BIGINT", of(Kind::bigint));
  expect_kept("(-170141183460469231731687303715884105727)::HUGEINT", of(Kind::varint));
  expect_kept("0::HUGEINT", of(Kind::varint));
  expect_kept("128::BIGINT", of(Kind::varint));
  expect_kept("(-12345.678)::DECIMAL(18, 3)", of(Kind::decimal));
  expect_kept("0.5::DECIMAL(4, 2)", of(Kind::decimal));
  expect_kept("1.5::FLOAT", of(Kind::float_));
  expect_kept("1.5::DOUBLE", of(Kind::float_));
  expect_kept("(-1e300)::DOUBLE", of(Kind::double_));
  expect_kept("true", of(Kind::boolean));
  expect_kept("''", of(Kind::text));
  expect_kept("'a text that is longer than twelve bytes, ä'", of(Kind::text));
  expect_kept("'abc'", of(Kind::ascii));
  expect_kept("'10.1.2.3'", of(Kind::inet));
  expect_kept("'2001:db8::1'", of(Kind::inet));
  expect_kept("'\\x00\\xFF'::BLOB", of(Kind::blob));
  expect_kept("'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'::UUID", of(Kind::uuid));
  expect_kept("'0f81d4fa-7dec-11d0-a765-00a0c91e6bf6'::UUID", of(Kind::timeuuid));
  expect_kept("DATE '1969-12-31'", of(Kind::date));
  expect_kept("TIME '23:59:59.999999'", of(Kind::time));
  expect_kept("TIMESTAMP '1969-12-31 23:59:59.999'", of(Kind::timestamp));
  expect_kept("TIMESTAMPTZ '2026-02-03 04:05:06.007+00'", of(Kind::timestamp));
  expect_kept("INTERVAL '2 months -3 days 4.5 seconds'", of(Kind::duration));
}

TEST(CqlRead, NestedValuesAreWhatWasWritten) {
  expect_kept("[1, NULL, 3]", of(Kind::list, {of(Kind::int_)}));
  expect_kept("['a', 'a text that is longer than twelve bytes']", of(Kind::set, {of(Kind::text)}));
  expect_kept("[]::INTEGER[]", of(Kind::list, {of(Kind::int_)}));
  expect_kept("[[1], [2, 3]]", of(Kind::list, {of(Kind::list, {of(Kind::int_)})}));
  expect_kept("map {'a': 1, 'b': 2}", of(Kind::map, {of(Kind::text), of(Kind::int_)}));
  expect_kept("{'a': 1, 'b': NULL::VARCHAR}", of(Kind::tuple, {of(Kind::int_), of(Kind::text)}));
  CqlType user = of(Kind::user_type, {of(Kind::text), of(Kind::int_), of(Kind::boolean)});
  user.field_names = {"city", "zip", "other"};
  expect_kept("{'zip': 12345, 'city': 'Oslo'}", user);
  CqlType vector = of(Kind::vector, {of(Kind::float_)});
  vector.dimension = 3;
  expect_kept("[1, 2, 3]::FLOAT[3]", vector);
  expect_kept("[1, 2, 3]::FLOAT[]", vector);
  vector.parameters[0] = of(Kind::text);
  vector.dimension = 2;
  expect_kept("['a', 'bc']::VARCHAR[2]", vector);
}

TEST(CqlRead, AnotherTypeIsNamedWithTheOneToDeclare) {
  EXPECT_EQ(fault(of(Kind::int_), "text", ""),
            "is int in Cassandra and VARCHAR in the pipeline; declare it as integer");
  EXPECT_THAT(fault(of(Kind::bigint), "integer", ""), HasSubstr("declare it as bigint"));
  EXPECT_THAT(fault(of(Kind::text), "json", ""), HasSubstr("declare it as text"));
  EXPECT_THAT(fault(of(Kind::list, {of(Kind::text)}), "text", ""), HasSubstr("as text[]"));
  EXPECT_THAT(fault(of(Kind::map, {of(Kind::text), of(Kind::int_)}), "text", ""),
              HasSubstr("as map(text, integer)"));
  EXPECT_THAT(fault(of(Kind::tuple, {of(Kind::text), of(Kind::uuid)}), "struct(a text)", ""),
              HasSubstr("as struct(f1 text, f2 uuid)"));
}

TEST(CqlRead, WhatCantBeHeldIsSaid) {
  using namespace std::string_view_literals;
  EXPECT_EQ(fault(of(Kind::int_), "integer", "abc"), "a value of 3 bytes is no int");
  EXPECT_EQ(fault(of(Kind::int_), "integer", ""), "");  // Cassandra's empty value: NULL
  EXPECT_THAT(fault(of(Kind::varint), "hugeint", std::string(17, '\x7f')), HasSubstr("beyond"));
  EXPECT_THAT(fault(of(Kind::varint), "tinyint", "\x00\x80"sv), HasSubstr("TINYINT"));
  EXPECT_THAT(fault(of(Kind::decimal), "decimal(4, 1)", "\x00\x00\x00\x02\x05"sv),
              HasSubstr("DECIMAL(4, 1)"));
  EXPECT_EQ(fault(of(Kind::decimal), "decimal(4, 1)", "\x00\x00\x00\x02\x0a"sv), "");
  EXPECT_THAT(fault(of(Kind::decimal), "decimal(4, 1)", "\x80\x00\x00\x00\x0a"sv),
              HasSubstr("DECIMAL(4, 1)"));
  EXPECT_THAT(fault(of(Kind::decimal), "decimal(4, 1)", "\x00"sv), HasSubstr("DECIMAL"));
  EXPECT_THAT(fault(of(Kind::list, {of(Kind::int_)}), "integer[]", "\x00\x00\x00\x09"sv),
              HasSubstr("is no list<int>"));
  EXPECT_THAT(fault(of(Kind::uuid), "uuid", "abc"), HasSubstr("is no uuid"));
}

}  // namespace
}  // namespace leat::connector::cql
