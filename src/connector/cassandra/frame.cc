#include "connector/cassandra/frame.h"

#include <lz4.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "connector/cassandra/checksum.h"
#include "connector/cassandra/wire.h"

namespace leat::connector::cql {
namespace {

constexpr unsigned length_bits = 17;
constexpr std::uint64_t length_mask = segment_payload_bytes_max;
constexpr std::size_t crc24_bytes = 3;
constexpr std::size_t crc32_bytes = 4;
constexpr std::size_t lz4_gain_max = 255;  ///< a block can't grow by more than this factor

/// Bytes of a segment's header without its checksum.
std::size_t header_bytes(const Framing& framing) { return framing.lz4 ? 5 : 3; }

void put_little_endian(std::string& out, std::uint64_t number, std::size_t bytes) {
  out.append(reinterpret_cast<const char*>(&number), bytes);
}

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), bytes.size());
  return number;
}

/// Appends `bytes` as one LZ4 block to `out`; returns its length.
std::size_t append_block(std::string_view bytes, std::string& out) {
  const std::size_t begin = out.size();
  const int bound = LZ4_compressBound(static_cast<int>(bytes.size()));
  out.resize(begin + static_cast<std::size_t>(bound));
  const int length =
      LZ4_compress_default(bytes.data(), out.data() + begin, static_cast<int>(bytes.size()), bound);
  LEAT_CHECK(length > 0);
  out.resize(begin + static_cast<std::size_t>(length));
  return static_cast<std::size_t>(length);
}

std::unexpected<Error> violated(std::string_view what) {
  return transient_error("protocol-violated",
                         "Cassandra sent {}; is the port that of CQL (`native_transport_port`), "
                         "and does nothing on the way change the bytes?",
                         what);
}

}  // namespace

std::string& FrameWriter::begin(Opcode opcode, std::int16_t stream) {
  begun_ = envelopes_.size();
  opcode_ = opcode;
  put_byte(envelopes_, framing_.version);
  put_byte(envelopes_, 0);
  put_short(envelopes_, static_cast<std::uint16_t>(stream));
  put_byte(envelopes_, static_cast<std::uint8_t>(opcode));
  put_int(envelopes_, 0);
  return envelopes_;
}

void FrameWriter::end() {
  if (framing_.lz4 && !segments_ && opcode_ != Opcode::startup && opcode_ != Opcode::options) {
    compress_body();
  }
  const std::size_t length = envelopes_.size() - begun_;
  overwrite_int(envelopes_, begun_ + 5, static_cast<std::int32_t>(length - envelope_header_bytes));
  if (!segments_ || envelopes_.size() <= segment_payload_bytes_max) return;
  // The messages before this one have filled a segment.
  if (begun_ > 0) put_envelopes(begun_);
  if (length > segment_payload_bytes_max) {
    put_segments(envelopes_);
    envelopes_.clear();
  }
}

void FrameWriter::compress_body() {
  const std::size_t body = begun_ + envelope_header_bytes;
  const std::size_t length = envelopes_.size() - body;
  if (length == 0) return;
  scratch_.clear();
  put_int(scratch_, static_cast<std::int32_t>(length));
  append_block(std::string_view(envelopes_).substr(body), scratch_);
  if (scratch_.size() >= length) return;
  envelopes_.replace(body, length, scratch_);
  envelopes_[begun_ + 1] = flag_compressed;
}

std::string_view FrameWriter::output() {
  if (!envelopes_.empty()) put_envelopes(envelopes_.size());
  return std::string_view(output_).substr(sent_);
}

void FrameWriter::sent(std::size_t bytes) {
  sent_ += bytes;
  // Moving what is left costs no more than what has been sent.
  if (sent_ < output_.size() - sent_) return;
  output_.erase(0, sent_);
  sent_ = 0;
}

/// Moves the first `bytes` of whole messages to the output.
void FrameWriter::put_envelopes(std::size_t bytes) {
  const std::string_view whole(envelopes_.data(), bytes);
  if (segments_) {
    put_segment(whole, true);
  } else {
    output_ += whole;
  }
  envelopes_.erase(0, bytes);
}

void FrameWriter::put_segments(std::string_view envelope) {
  for (std::size_t at = 0; at < envelope.size(); at += segment_payload_bytes_max) {
    put_segment(envelope.substr(at, segment_payload_bytes_max), false);
  }
}

void FrameWriter::put_segment(std::string_view payload, bool self_contained) {
  std::string_view sent = payload;
  std::uint64_t header = payload.size();
  unsigned bits = length_bits;
  if (framing_.lz4) {
    scratch_.clear();
    if (append_block(payload, scratch_) < payload.size()) {
      sent = scratch_;
      header = sent.size() | static_cast<std::uint64_t>(payload.size()) << length_bits;
    }
    bits += length_bits;
  }
  if (self_contained) header |= std::uint64_t{1} << bits;
  const std::size_t begin = output_.size();
  put_little_endian(output_, header, header_bytes(framing_));
  put_little_endian(output_, crc24(std::string_view(output_).substr(begin)), crc24_bytes);
  output_ += sent;
  put_little_endian(output_, payload_crc32(sent), crc32_bytes);
}

char* FrameReader::Buffer::grow(std::size_t more) {
  if (begin == end) begin = end = 0;
  if (bytes.size() - end < more && begin > 0) {
    std::memmove(bytes.data(), bytes.data() + begin, end - begin);
    end -= begin;
    begin = 0;
  }
  if (bytes.size() - end < more) bytes.resize(std::max(end + more, 2 * bytes.size()));
  return bytes.data() + end;
}

std::span<char> FrameReader::room(std::size_t bytes) {
  char* at = raw_.grow(bytes);
  return {at, raw_.bytes.size() - raw_.end};
}

Result<std::optional<Envelope>> FrameReader::next() {
  if (!segments_) return take_envelope(raw_);
  while (true) {
    auto envelope = LEAT_TRY(take_envelope(payload_));
    if (envelope) return envelope;
    if (!payload_.view().empty() && !partial_) return violated("a segment that ends in a message");
    if (!LEAT_TRY(take_segment())) return std::optional<Envelope>();
  }
}

Result<bool> FrameReader::take_segment() {
  const std::string_view raw = raw_.view();
  const std::size_t header_length = header_bytes(framing_);
  if (raw.size() < header_length + crc24_bytes) return false;
  if (little_endian(raw.substr(header_length, crc24_bytes)) !=
      crc24(raw.substr(0, header_length))) {
    return violated("a segment whose header has a wrong checksum");
  }
  std::uint64_t header = little_endian(raw.substr(0, header_length));
  const std::size_t length = header & length_mask;
  header >>= length_bits;
  std::size_t length_before = 0;
  if (framing_.lz4) {
    length_before = header & length_mask;
    header >>= length_bits;
  }
  const bool self_contained = (header & 1) != 0;

  const std::size_t begin = header_length + crc24_bytes;
  if (raw.size() < begin + length + crc32_bytes) return false;
  const std::string_view payload = raw.substr(begin, length);
  if (little_endian(raw.substr(begin + length, crc32_bytes)) != payload_crc32(payload)) {
    return violated("a segment whose payload has a wrong checksum");
  }
  if (self_contained && partial_ && !payload_.view().empty()) {
    return violated("a message within another one");
  }
  partial_ = !self_contained;
  LEAT_TRY(take_payload(payload, length_before));
  raw_.begin += begin + length + crc32_bytes;
  return true;
}

Status FrameReader::take_payload(std::string_view payload, std::size_t length_before) {
  if (length_before == 0) {
    std::memcpy(payload_.grow(payload.size()), payload.data(), payload.size());
    payload_.end += payload.size();
    return {};
  }
  char* out = payload_.grow(length_before);
  const int length = LZ4_decompress_safe(payload.data(), out, static_cast<int>(payload.size()),
                                         static_cast<int>(length_before));
  if (length != static_cast<int>(length_before)) {
    return violated("a segment that can't be decompressed");
  }
  payload_.end += length_before;
  return {};
}

Result<std::optional<Envelope>> FrameReader::take_envelope(Buffer& buffer) {
  const std::string_view bytes = buffer.view();
  if (bytes.size() < envelope_header_bytes) return std::optional<Envelope>();
  WireReader reader(bytes.substr(0, envelope_header_bytes));
  Envelope envelope;
  const std::uint8_t version = reader.read_byte();
  envelope.version = version & 0x7F;
  envelope.flags = reader.read_byte();
  envelope.stream = static_cast<std::int16_t>(reader.read_short());
  envelope.opcode = static_cast<Opcode>(reader.read_byte());
  const auto length = static_cast<std::uint32_t>(reader.read_int());
  // A server that does not know our version answers in its own.
  if ((version & 0x80) == 0 || envelope.version < 1 || envelope.version > 6) {
    return violated("what is no message of the native protocol");
  }
  if (length > body_bytes_max) return violated("a message of more than 256 MiB");
  if (bytes.size() < envelope_header_bytes + length) return std::optional<Envelope>();
  envelope.body = bytes.substr(envelope_header_bytes, length);
  buffer.begin += envelope_header_bytes + length;
  if ((envelope.flags & flag_compressed) != 0) {
    envelope.body = LEAT_TRY(decompressed(envelope.body));
  }
  return std::optional(envelope);
}

Result<std::string_view> FrameReader::decompressed(std::string_view body) {
  if (!framing_.lz4 || segments_) return violated("a compressed message that nobody asked for");
  WireReader reader(body);
  const auto length = static_cast<std::uint32_t>(reader.read_int());
  const std::string_view block = reader.rest();
  if (!reader.ok() || length > body_bytes_max || length > block.size() * lz4_gain_max) {
    return violated("a message that can't be decompressed");
  }
  scratch_.resize(length);
  if (length == 0) return std::string_view();
  if (LZ4_decompress_safe(block.data(), scratch_.data(), static_cast<int>(block.size()),
                          static_cast<int>(length)) != static_cast<int>(length)) {
    return violated("a message that can't be decompressed");
  }
  return std::string_view(scratch_);
}

}  // namespace leat::connector::cql
