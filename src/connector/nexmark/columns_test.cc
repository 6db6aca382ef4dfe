#include "connector/nexmark/columns.h"

#include <random>

#include <gmock/gmock.h>

#include "format/decoding_test_support.h"

namespace leat::connector {
namespace {

using format::column;
using format::Decoded;
using testing::ElementsAre;
using testing::HasSubstr;

const NexmarkRecipe recipe{.seed = 7, .first_ms = 1'767'225'600'000, .events_per_second = 100'000};

/// Every field of every kind, and what an event is.
std::vector<DecodedColumn> all_columns() {
  std::vector<DecodedColumn> columns = {column("event_type", "INTEGER", "/event_type")};
  for (const NexmarkKind kind : {NexmarkKind::person, NexmarkKind::auction, NexmarkKind::bid}) {
    for (const NexmarkField& field : fields_of(kind)) {
      const std::string name = fmt::format("{}_{}", name_of(kind), field.name);
      const std::string pointer = fmt::format("/{}/{}", name_of(kind), field.name);
      switch (field.type) {
        case NexmarkField::Type::number:
          columns.push_back(column(name, "BIGINT", pointer));
          break;
        case NexmarkField::Type::text:
          columns.push_back(column(name, "VARCHAR", pointer));
          break;
        case NexmarkField::Type::time:
          columns.push_back(column(name, "TIMESTAMP", pointer));
          columns.back().time_unit = "ms";
      }
    }
  }
  return columns;
}

Decoded decode(std::unique_ptr<format::Decoder> decoder, const format::WantedColumns& wanted,
               const std::vector<std::string>& records) {
  decoder->begin_slice();
  return format::decode_slice(*decoder, format::schema_of(wanted.columns),
                              format::slice_of(records), wanted.reads);
}

std::vector<std::string> numbers(std::uint64_t count) {
  std::vector<std::string> numbers;
  for (std::uint64_t i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

/// By both decoders, which agree.
Decoded decode_both(const format::WantedColumns& wanted, std::uint64_t count) {
  std::vector<std::string> events(count);
  for (std::uint64_t i = 0; i < count; ++i) append_nexmark_event(recipe, i, events[i]);
  const Decoded by_json =
      decode(*format::make_json_decoder(wanted.columns, wanted.reads), wanted, events);
  Decoded by_number = decode(*make_nexmark_decoder(recipe, wanted), wanted, numbers(count));
  EXPECT_EQ(by_number.rows, by_json.rows);
  EXPECT_EQ(by_number.record_of, by_json.record_of);
  EXPECT_EQ(by_number.refused, by_json.refused);
  return by_number;
}

TEST(NexmarkColumns, AreWhatIsReadFromJson) {
  EXPECT_EQ(decode_both({.columns = all_columns(), .reads = {}}, 5000).rows.size(), 5000u);
}

TEST(NexmarkColumns, DoNotDependOnWhatElseIsRead) {
  std::mt19937 random(1);
  for (int turn = 0; turn < 40; ++turn) {
    format::WantedColumns wanted{.columns = all_columns(), .reads = {}};
    for (std::size_t i = 0; i < wanted.columns.size(); ++i)
      wanted.reads.push_back(random() % 3 == 0);
    decode_both(wanted, 200);
  }
}

TEST(NexmarkColumns, AreMissingInEventsOfOtherKinds) {
  DecodedColumn price = column("price", "BIGINT", "/bid/price");
  price.required = true;
  DecodedColumn offset = column("at", "BIGINT", "");
  offset.field = "$offset";
  const Decoded of_bids = decode_both({.columns = {price, offset}, .reads = {false, true}}, 100);
  EXPECT_EQ(of_bids.rows.size(), 92u);
  EXPECT_EQ(of_bids.refused[0], "0: price: missing, and the column is required");
  DecodedColumn city = column("city", "VARCHAR", "/person/city");
  city.default_json = R"("nowhere")";
  EXPECT_EQ(decode_both({.columns = {city, offset}, .reads = {}}, 3).rows[2], R"(["nowhere",2])");
}

TEST(NexmarkColumns, RefusesWhatIsNoNumber) {
  const format::WantedColumns wanted{.columns = {column("t", "INTEGER", "/event_type")}};
  const Decoded decoded = decode(
      *make_nexmark_decoder(recipe, wanted), wanted,
      {"4", "-1", "", "1.5", "{}", "18446744073709551616", std::string(format::tombstone), "1"});
  EXPECT_THAT(decoded.rows, ElementsAre("[2]", "[1]"));
  ASSERT_EQ(decoded.refused.size(), 6u);
  EXPECT_THAT(decoded.refused[0], HasSubstr("not the number of an event of nexmark"));
  EXPECT_THAT(decoded.refused[5], HasSubstr("tombstone"));
}

TEST(NexmarkColumns, SaysWhichThereAre) {
  const auto refusal = [](const DecodedColumn& one) {
    const auto made = make_nexmark_decoder(recipe, {.columns = {one}});
    EXPECT_FALSE(made);
    return made ? std::string() : made.error().code + ": " + made.error().message;
  };
  EXPECT_THAT(refusal(column("x", "BIGINT", "/bid/prize")),
              HasSubstr("nexmark-column: column x: events of nexmark have no \"/bid/prize\""));
  EXPECT_THAT(refusal(column("x", "BIGINT", "/bid/prize")), HasSubstr("/bid/price"));
  EXPECT_THAT(refusal(column("x", "INTEGER", "/bid/price")), HasSubstr("is read as bigint"));
  EXPECT_THAT(refusal(column("x", "BIGINT", "/event_type")), HasSubstr("is read as integer"));
  EXPECT_THAT(refusal(column("x", "VARCHAR", "/auction/seller")), HasSubstr("is read as bigint"));
  EXPECT_THAT(refusal(column("x", "TIMESTAMP", "/bid/dateTime")), HasSubstr("unit: ms"));
}

}  // namespace
}  // namespace leat::connector
