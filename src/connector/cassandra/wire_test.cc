#include "connector/cassandra/wire.h"

#include <gtest/gtest.h>

#include <limits>

namespace leat::connector::cql {
namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<std::uint8_t>(byte));
  return text;
}

std::string vint(std::int64_t number) {
  std::string out;
  put_vint(out, number);
  return out;
}

TEST(CqlWire, NumbersAreBigEndian) {
  std::string out;
  put_short(out, 0x0102);
  put_int(out, -2);
  put_long(out, 0x0102030405060708);
  EXPECT_EQ(hex(out), "0102fffffffe0102030405060708");
}

TEST(CqlWire, VintsAreThoseOfTheSpecification) {
  EXPECT_EQ(hex(vint(0)), "00");
  EXPECT_EQ(hex(vint(-1)), "01");
  EXPECT_EQ(hex(vint(63)), "7e");
  EXPECT_EQ(hex(vint(64)), "8080");
  EXPECT_EQ(hex(vint(256000)), "c7d000");
  EXPECT_EQ(hex(vint(std::numeric_limits<std::int64_t>::min())), "ffffffffffffffffff");
}

TEST(CqlWire, VintsComeBack) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    for (const std::int64_t delta : {-1, 0, 1}) {
      const auto number =
          static_cast<std::int64_t>((std::uint64_t{1} << bits) + static_cast<std::uint64_t>(delta));
      const std::string bytes = vint(number);
      WireReader reader(bytes);
      EXPECT_EQ(reader.read_vint(), number);
      EXPECT_TRUE(reader.done());
    }
  }
}

TEST(CqlWire, AMissingByteFailsEverythingAfterIt) {
  WireReader reader(
      std::string_view("\x00\x05"
                       "abc",
                       5));
  EXPECT_EQ(reader.read_string(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.read_int(), 0);
  EXPECT_FALSE(reader.read_bytes().value_or("").size() > 0);
}

TEST(CqlWire, ACountThatCanNotBeThereFails) {
  std::string bytes;
  put_int(bytes, 3);
  bytes += "12345678";
  WireReader enough(bytes);
  EXPECT_EQ(enough.read_count(2), 3U);
  WireReader tight(bytes);
  EXPECT_EQ(tight.read_count(4), 0U);
  EXPECT_FALSE(tight.ok());
}

TEST(CqlWire, NullIsNotEmpty) {
  std::string bytes;
  put_null(bytes);
  put_bytes(bytes, "");
  WireReader reader(bytes);
  EXPECT_FALSE(reader.read_bytes().has_value());
  EXPECT_TRUE(reader.read_bytes().has_value());
  EXPECT_TRUE(reader.done());
}

TEST(CqlWire, AddressesHaveTheirText) {
  EXPECT_EQ(inet_text(std::string_view("\x7f\x00\x00\x01", 4)), "127.0.0.1");
  EXPECT_EQ(inet_text(std::string(15, '\0') + '\x01'), "::1");
  EXPECT_EQ(inet_text("abc"), "");
}

}  // namespace
}  // namespace leat::connector::cql
