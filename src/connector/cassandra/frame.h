// Envelopes, and the segments that version 5 wraps them in (docs/formats/cql.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace leat::connector::cql {

enum class Opcode : std::uint8_t {
  error = 0x00,
  startup = 0x01,
  ready = 0x02,
  authenticate = 0x03,
  options = 0x05,
  supported = 0x06,
  query = 0x07,
  result = 0x08,
  prepare = 0x09,
  execute = 0x0A,
  registration = 0x0B,
  event = 0x0C,
  batch = 0x0D,
  auth_challenge = 0x0E,
  auth_response = 0x0F,
  auth_success = 0x10,
};

enum Flag : std::uint8_t {
  flag_compressed = 0x01,
  flag_tracing = 0x02,
  flag_payload = 0x04,
  flag_warnings = 0x08,
};

inline constexpr std::size_t envelope_header_bytes = 9;
inline constexpr std::size_t body_bytes_max = 256 << 20;
inline constexpr std::size_t segment_payload_bytes_max = (1 << 17) - 1;

/// A message as it came.
struct Envelope {
  std::uint8_t version = 0;
  std::uint8_t flags = 0;
  std::int16_t stream = 0;
  Opcode opcode = Opcode::error;
  std::string_view body;  ///< decompressed; valid until the reader's next call
};

/// How one connection's messages look.
struct Framing {
  std::uint8_t version = 5;
  bool lz4 = false;
};

/// Puts requests into bytes to be sent. Used by one thread.
class FrameWriter {
 public:
  explicit FrameWriter(Framing framing) : framing_(framing) {}

  /// Envelopes go into segments from now on (version 5).
  void start_segments() { segments_ = true; }
  /// Begins a message; its body is appended to what this returns. Exactly one `end` or `abandon`
  /// follows.
  std::string& begin(Opcode opcode, std::int16_t stream);
  void end();
  /// Forgets the message that was begun.
  void abandon() { envelopes_.resize(begun_); }
  /// Bytes to be sent: of all messages that have ended. `sent` takes them off from the front.
  std::string_view output();
  void sent(std::size_t bytes);
  /// Bytes of messages that wait, roughly.
  std::size_t waiting() const { return output_.size() - sent_ + envelopes_.size(); }

 private:
  void compress_body();
  void put_segment(std::string_view payload, bool self_contained);
  void put_segments(std::string_view envelope);
  void put_envelopes(std::size_t bytes);

  Framing framing_;
  bool segments_ = false;
  std::size_t begun_ = 0;
  Opcode opcode_ = Opcode::options;
  std::string envelopes_;  ///< whole messages that are not in `output_` yet, and the begun one
  std::string output_;
  std::size_t sent_ = 0;
  std::string scratch_;
};

/// Takes messages out of received bytes. Used by one thread. After an error nothing more can be
/// read: the connection has to end.
class FrameReader {
 public:
  explicit FrameReader(Framing framing) : framing_(framing) {}

  /// For what the two sides have agreed on by now.
  void use(Framing framing) { framing_ = framing; }
  void start_segments() { segments_ = true; }
  /// Room to receive into, at least `bytes`; `received` says how much came.
  std::span<char> room(std::size_t bytes);
  void received(std::size_t bytes) { raw_.end += bytes; }
  /// The next whole message; nothing: more bytes are needed. Error `protocol-violated` (transient:
  /// a new connection may do better).
  Result<std::optional<Envelope>> next();

 private:
  /// Bytes that were received and not yet read; memory is reused.
  struct Buffer {
    std::string bytes;
    std::size_t begin = 0, end = 0;
    std::string_view view() const { return {bytes.data() + begin, end - begin}; }
    char* grow(std::size_t more);
  };

  /// Moves whole segments' payloads into `payload_`. False: more bytes are needed.
  Result<bool> take_segment();
  Status take_payload(std::string_view payload, std::size_t length_before);
  Result<std::optional<Envelope>> take_envelope(Buffer& buffer);
  Result<std::string_view> decompressed(std::string_view body);

  Framing framing_;
  bool segments_ = false;
  bool partial_ = false;  ///< `payload_` holds a message's front, from segments of its own
  Buffer raw_;
  Buffer payload_;
  std::string scratch_;
};

}  // namespace leat::connector::cql
