#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "connector/kafka/message_options.h"
#include "connector/kafka/record_headers.h"
#include "connector/net_changes.h"
#include "connector/sink.h"
#include "format/encoder.h"
#include "model/vector_access.h"

namespace leat::connector::kafka {

/// One message and the row that it came from. The texts are the encoder's.
struct Message {
  static constexpr std::int64_t no_timestamp = -1;
  std::string_view key;    ///< a null pointer: no key
  std::string_view value;  ///< a null pointer: a tombstone
  std::int64_t timestamp_ms = no_timestamp;
  std::uint32_t part = 0, row = 0;
  std::uint32_t first_header = 0, header_count = 0;
};

/// Turns batches of rows into messages. Used by one thread; the memory is reused from batch to
/// batch.
class MessageEncoder {
 public:
  MessageEncoder(const SinkInput& input, MessageOptions options);

  /// Messages of the batch in order; rows that can't be a message are added to `refused`. Valid
  /// until the next call, and as long as the batch is.
  const std::vector<Message>& encode(const SinkBatch& batch, std::vector<RefusedRow>& refused);
  const RecordHeader* headers(const Message& message) const {
    return headers_.data() + message.first_header;
  }

 private:
  /// A piece of bytes_, which moves while it grows.
  struct Piece {
    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    std::size_t begin = none, size = 0;
  };
  struct Place {
    std::size_t part = 0, row = 0;
    bool operator==(const Place&) const = default;
  };
  /// What a batch does to one key.
  struct Transition {
    std::optional<Place> before, after;
  };

  void encode_records(const SinkBatch& batch, std::vector<RefusedRow>& refused);
  void encode_rows(const SinkBatch& batch, std::vector<RefusedRow>& refused);
  void encode_upserts(const SinkBatch& batch, std::vector<RefusedRow>& refused);
  void encode_envelopes(const SinkBatch& batch, std::vector<RefusedRow>& refused);
  std::vector<Transition> transitions(const SinkBatch& batch);

  void bind_readers(const SinkBatch& batch);
  /// Encodes the values of these rows of a part: lines_[part][row] is where each is then.
  void encode_values(const SinkBatch& batch, const std::vector<std::vector<std::uint32_t>>& rows);
  void encode_lines(const Chunk& chunk, const std::vector<std::uint32_t>& rows,
                    std::vector<Piece>& lines);
  bool append_cell(const VectorReader& reader, std::size_t column, std::size_t row);
  Piece append_key(Place place);
  void append_weighted(std::int64_t weight, Piece line);
  void append_envelope(const SinkBatch& batch, const Transition& change);
  /// Adds a message; its headers and timestamp are the row's.
  void add(Place place, Piece key, Piece value);
  /// A message without a key would replace none.
  bool refuse_null_key(Place place, std::vector<RefusedRow>& refused) const;
  void resolve();
  std::string_view text(Piece piece) const {
    if (piece.begin == Piece::none) return {};
    return {bytes_.data() + piece.begin, piece.size};
  }

  const SinkInput input_;
  const MessageOptions options_;
  const format::RowEncoder rows_;
  const std::vector<VectorShape> shapes_;  ///< of all columns
  NetChanges net_;
  KeyCodec codec_;
  std::vector<EncodedRows> encoded_keys_;
  std::vector<std::string> key_prefixes_;  ///< {"a": and ,"b":

  std::string bytes_;
  std::vector<std::vector<VectorReader>> readers_;  ///< by part and column
  std::vector<std::vector<Piece>> lines_;           ///< by part and row
  std::vector<Message> messages_;
  std::vector<std::pair<Piece, Piece>> pieces_;  ///< key and value of each message
  std::vector<RecordHeader> headers_;
  std::vector<std::pair<std::size_t, Piece>> header_pieces_;  ///< of which header
};

}  // namespace leat::connector::kafka
