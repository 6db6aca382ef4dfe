#include "format/shared_decoder.h"

#include <random>

#include "format/decoding_test_support.h"

namespace leat::format {
namespace {

/// Streams over one topic, as a pipeline may have them: what they demand differs.
std::vector<WantedColumns> readers() {
  DecodedColumn required = column("kind", "INTEGER", "/kind");
  required.required = true;
  DecodedColumn otherwise = column("price", "BIGINT", "/bid/price");
  otherwise.default_json = "-1";
  DecodedColumn needed = column("seller", "BIGINT", "/auction/seller");
  needed.required = true;
  DecodedColumn from_text = column("price", "BIGINT", "/bid/price");
  from_text.numbers_from_text = true;
  DecodedColumn offset = column("at", "BIGINT", "");
  offset.field = "$offset";
  DecodedColumn no_value = column("gone", "BOOLEAN", "");
  no_value.field = "$tombstone";
  return {
      {{column("kind", "INTEGER", "/kind"), column("price", "BIGINT", "/bid/price"),
        column("url", "VARCHAR", "/bid/url")},
       {}},
      {{required, column("seller", "BIGINT", "/auction/seller"), offset}, {false, true, true}},
      {{otherwise, column("tags", "VARCHAR[]", "/tags")}, {}},
      {{needed, column("all", "VARCHAR", "")}, {}},
      {{from_text, column("url", "VARCHAR", "/bid/url")}, {true, false}},
      {{column("kind", "INTEGER", "/kind"), no_value}, {}},
      {{offset}, {}},
  };
}

/// What each reader gets of a slice, only of columns that it reads.
std::vector<Decoded> decode_by(const std::vector<std::unique_ptr<Decoder>>& decoders,
                               const std::vector<WantedColumns>& wanted, const Slice& slice) {
  std::vector<Decoded> decoded;
  for (std::size_t i = 0; i < decoders.size(); ++i) {
    decoded.push_back(
        decode_slice(*decoders[i], schema_of(wanted[i].columns), slice, wanted[i].reads));
  }
  return decoded;
}

std::vector<std::unique_ptr<Decoder>> alone(const std::vector<WantedColumns>& wanted) {
  std::vector<std::unique_ptr<Decoder>> decoders;
  for (const WantedColumns& reader : wanted) {
    decoders.push_back(*make_json_decoder(reader.columns, reader.reads));
  }
  return decoders;
}

void expect_same(const std::vector<Decoded>& shared, const std::vector<Decoded>& wanted) {
  ASSERT_EQ(shared.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(shared[i].rows, wanted[i].rows) << "reader " << i;
    EXPECT_EQ(shared[i].record_of, wanted[i].record_of) << "reader " << i;
    EXPECT_EQ(shared[i].refused, wanted[i].refused) << "reader " << i;
  }
}

const std::vector<std::string> good = {
    R"({"kind": 2, "bid": {"price": 7, "url": "https://example.org/\u0062"}, "tags": ["a", null]})",
    R"({"kind": 1, "auction": {"seller": 9}, "tags": []})",
    R"({"kind": 2, "auction": {"seller": 4}, "bid": {"price": null, "url": "u"}})",
    R"({"kind": 3, "auction": {"seller": 1}, "bid": {"price": 1, "url": "u", "price": 2}})",
};
const std::vector<std::string> bad = {
    R"({"kind": 2, "bid": {"price": "7"}})", R"({"kind": 2, "bid": )", R"({"kind": "two"})",
    R"({"kind": null, "tags": 7})",          R"({"tags": ["x"]})",     std::string(tombstone),
};

TEST(SharedDecoder, GivesEachReaderWhatItWouldReadAlone) {
  const std::vector<WantedColumns> wanted = readers();
  const auto shared = *make_json_decoders(wanted);
  const auto each = alone(wanted);
  std::mt19937 random(7);
  const auto any_of = [&](const auto& records) { return records[random() % records.size()]; };
  std::uint64_t refused = 0;
  for (int epoch = 0; epoch < 20; ++epoch) {
    for (const auto& decoder : shared) decoder->begin_slice();
    for (const auto& decoder : each) decoder->begin_slice();
    std::vector<Slice> slices;
    for (int n = 0; n < 4; ++n) {
      std::vector<std::string> values(random() % 3 == 0 ? 5000 : random() % 10);
      for (std::string& value : values) value = any_of(good);
      // Slices with a record that does not suit all are rare, so that there are some of all kinds.
      if (random() % 40 == 0 && !values.empty()) values[random() % values.size()] = any_of(bad);
      slices.push_back(slice_of(values));
    }
    for (const Slice& slice : slices) {
      const auto wanted_rows = decode_by(each, wanted, slice);
      expect_same(decode_by(shared, wanted, slice), wanted_rows);
      for (const Decoded& of : wanted_rows) refused += of.refused.size();
    }
  }
  EXPECT_GT(refused, 0u);
}

TEST(SharedDecoder, RefusesWhatAReaderRequiresForThatReaderAlone) {
  std::vector<WantedColumns> wanted = readers();
  wanted.resize(4);
  const auto shared = *make_json_decoders(wanted);
  const Slice slice = slice_of({good[0], good[1], good[0]});
  const auto decoded = decode_by(shared, wanted, slice);
  EXPECT_EQ(decoded[0].rows.size(), 3u);
  EXPECT_EQ(decoded[3].rows.size(), 1u);
  EXPECT_EQ(decoded[3].refused.size(), 2u);
  expect_same(decoded, decode_by(alone(wanted), wanted, slice));
}

TEST(SharedDecoder, ReadsASliceAgainFromItsBeginning) {
  std::vector<WantedColumns> wanted = readers();
  wanted.resize(3);
  const auto shared = *make_json_decoders(wanted);
  const Slice slice = slice_of(std::vector<std::string>(3000, good[1]));
  const auto first = decode_by(shared, wanted, slice);
  expect_same(decode_by(shared, wanted, slice), first);
}

TEST(SharedDecoder, TellsAColumnThatCannotBeRead) {
  std::vector<WantedColumns> wanted = readers();
  wanted[1].columns[1].pointer = "seller";
  const auto shared = make_json_decoders(wanted);
  ASSERT_FALSE(shared.has_value());
  EXPECT_EQ(shared.error().code, "json-pointer");
  EXPECT_NE(shared.error().message.find("seller"), std::string::npos);
}

}  // namespace
}  // namespace leat::format
