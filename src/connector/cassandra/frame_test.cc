#include "connector/cassandra/frame.h"

#include <gtest/gtest.h>

#include <random>

#include "connector/cassandra/checksum.h"
#include "connector/cassandra/wire.h"

namespace leat::connector::cql {
namespace {

/// Both ends of a connection: what the writer put out, marked as a server's, is fed to the reader.
class CqlFrame : public testing::TestWithParam<std::tuple<int, bool>> {
 protected:
  CqlFrame()
      : framing_{.version = static_cast<std::uint8_t>(std::get<0>(GetParam())),
                 .lz4 = std::get<1>(GetParam())},
        writer_(framing_),
        reader_(framing_) {
    if (framing_.version >= 5) {
      writer_.start_segments();
      reader_.start_segments();
    }
  }

  void write(const std::string& body, std::int16_t stream = 7) {
    std::string& out = writer_.begin(Opcode::query, stream);
    // A client's message in a server's place: only this bit tells them apart.
    out[out.size() - envelope_header_bytes] |= static_cast<char>(0x80);
    out += body;
    writer_.end();
  }
  std::string take_output() {
    std::string bytes(writer_.output());
    writer_.sent(bytes.size());
    return bytes;
  }
  void feed(std::string_view bytes) {
    std::memcpy(reader_.room(bytes.size()).data(), bytes.data(), bytes.size());
    reader_.received(bytes.size());
  }
  /// Bodies of all messages that are whole.
  std::vector<std::string> read_all() {
    std::vector<std::string> bodies;
    while (true) {
      const auto envelope = reader_.next();
      if (!envelope) {
        failure_ = envelope.error().code;
        return bodies;
      }
      if (!*envelope) return bodies;
      EXPECT_EQ((*envelope)->stream, 7);
      EXPECT_EQ((*envelope)->opcode, Opcode::query);
      bodies.emplace_back((*envelope)->body);
    }
  }

  Framing framing_;
  FrameWriter writer_;
  FrameReader reader_;
  std::string failure_;
};

std::string noise(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string out(bytes, '\0');
  for (char& byte : out) byte = static_cast<char>(random());
  return out;
}

TEST_P(CqlFrame, MessagesOfAllSizesComeBack) {
  std::vector<std::string> bodies;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{500},
                                 segment_payload_bytes_max - envelope_header_bytes,
                                 segment_payload_bytes_max, std::size_t{1} << 20}) {
    bodies.push_back(std::string(size, 'a'));
    bodies.push_back(noise(size, 1));
  }
  for (const std::string& body : bodies) write(body);
  feed(take_output());
  EXPECT_EQ(read_all(), bodies);
  EXPECT_EQ(failure_, "");
}

TEST_P(CqlFrame, BytesMayComeInAnyPieces) {
  std::vector<std::string> bodies;
  for (unsigned i = 0; i < 50; ++i) bodies.push_back(noise(i * 97, i));
  bodies.push_back(noise(300'000, 99));
  for (const std::string& body : bodies) write(body);
  const std::string bytes = take_output();
  std::vector<std::string> read;
  std::mt19937 random(3);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t piece = std::min<std::size_t>(1 + random() % 5000, bytes.size() - at);
    feed(std::string_view(bytes).substr(at, piece));
    at += piece;
    for (std::string& body : read_all()) read.push_back(std::move(body));
  }
  EXPECT_EQ(read, bodies);
}

TEST_P(CqlFrame, WhatIsSentInPiecesIsWhole) {
  for (int i = 0; i < 20; ++i) write(std::string(1000, 'x'));
  std::string bytes;
  while (writer_.waiting() > 0) {
    const std::string_view output = writer_.output();
    const std::size_t piece = std::min<std::size_t>(output.size(), 777);
    bytes += output.substr(0, piece);
    writer_.sent(piece);
  }
  feed(bytes);
  EXPECT_EQ(read_all().size(), 20U);
}

TEST_P(CqlFrame, AnAbandonedMessageLeavesNoTrace) {
  write("before");
  writer_.begin(Opcode::query, 9) += "half";
  writer_.abandon();
  write("after");
  feed(take_output());
  EXPECT_EQ(read_all(), (std::vector<std::string>{"before", "after"}));
}

TEST_P(CqlFrame, AnyFlippedBitOfASegmentIsNoticed) {
  if (framing_.version < 5) GTEST_SKIP() << "version 4 has no checksums";
  write(std::string(40, 'y'));
  const std::string bytes = take_output();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    reader_ = FrameReader(framing_);
    reader_.start_segments();
    failure_.clear();
    feed(flipped);
    EXPECT_TRUE(read_all().empty()) << bit;
    EXPECT_EQ(failure_, "protocol-violated") << bit;
  }
}

INSTANTIATE_TEST_SUITE_P(Framings, CqlFrame,
                         testing::Combine(testing::Values(4, 5), testing::Bool()),
                         [](const auto& parameters) {
                           return fmt::format("v{}{}", std::get<0>(parameters.param),
                                              std::get<1>(parameters.param) ? "_lz4" : "");
                         });

// The bytes are those that another client's implementation makes of the same payload.
TEST(CqlSegment, HasTheChecksumsOfTheSpecification) {
  EXPECT_EQ(crc24(std::string_view("\x0c\x00\x02", 3)), 0x9f67d7U);
  EXPECT_EQ(payload_crc32("hello world!"), 0x1329906eU);
}

TEST(CqlEnvelope, WhatIsNoMessageIsRefused) {
  FrameReader reader({.version = 4});
  const std::string_view http = "HTTP/1.1 400 Bad Request\r\n";
  std::memcpy(reader.room(http.size()).data(), http.data(), http.size());
  reader.received(http.size());
  const auto envelope = reader.next();
  ASSERT_FALSE(envelope.has_value());
  EXPECT_EQ(envelope.error().code, "protocol-violated");
}

TEST(CqlEnvelope, ALengthBeyondAllMeasureIsRefusedAtOnce) {
  FrameReader reader({.version = 4});
  std::string bytes("\x84\x00\x00\x00\x08", 5);
  put_int(bytes, 0x7fffffff);
  std::memcpy(reader.room(bytes.size()).data(), bytes.data(), bytes.size());
  reader.received(bytes.size());
  EXPECT_FALSE(reader.next().has_value());
}

}  // namespace
}  // namespace leat::connector::cql
