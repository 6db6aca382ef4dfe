#include "connector/cassandra/response.h"

namespace leat::connector::cql {
namespace {

enum ResultKind : std::int32_t {
  result_void = 1,
  result_rows = 2,
  result_set_keyspace = 3,
  result_prepared = 4,
  result_schema_change = 5,
};

enum MetadataFlag : std::uint32_t {
  metadata_global_table = 0x01,
  metadata_more_pages = 0x02,
  metadata_left_out = 0x04,
  metadata_changed = 0x08,
};

constexpr std::size_t tracing_id_bytes = 16;
constexpr std::size_t column_bytes_min = 4;  ///< an empty name and a type's number
constexpr std::size_t cell_bytes_min = 4;
/// Rows without columns take no bytes: how many of them are believed.
constexpr std::size_t empty_rows_max = 1 << 20;

void read_columns(WireReader& reader, std::uint32_t flags, Metadata& metadata) {
  std::string keyspace, table;
  if ((flags & metadata_global_table) != 0) {
    keyspace = reader.read_string();
    table = reader.read_string();
  }
  for (std::size_t i = 0; i < metadata.column_count && reader.ok(); ++i) {
    ColumnSpec column{keyspace, table, {}, {}};
    if ((flags & metadata_global_table) == 0) {
      column.keyspace = reader.read_string();
      column.table = reader.read_string();
    }
    column.name = reader.read_string();
    column.type = CqlType::read(reader);
    metadata.columns.push_back(std::move(column));
  }
}

Metadata read_result_metadata(WireReader& reader) {
  Metadata metadata;
  const auto flags = static_cast<std::uint32_t>(reader.read_int());
  metadata.column_count = reader.read_count(1);
  if ((flags & metadata_more_pages) != 0) {
    metadata.paging_state = reader.read_bytes().value_or(std::string_view());
  }
  if ((flags & metadata_changed) != 0) metadata.new_id = reader.read_short_bytes();
  if ((flags & metadata_left_out) != 0) return metadata;
  if (metadata.column_count > reader.rest().size() / column_bytes_min) reader.fail();
  read_columns(reader, flags, metadata);
  return metadata;
}

Metadata read_value_metadata(WireReader& reader) {
  Metadata metadata;
  const auto flags = static_cast<std::uint32_t>(reader.read_int());
  metadata.column_count = reader.read_count(1);
  const std::size_t keys = reader.read_count(2);
  for (std::size_t i = 0; i < keys; ++i) {
    const std::uint16_t place = reader.read_short();
    if (place >= metadata.column_count) reader.fail();
    metadata.partition_key.push_back(place);
  }
  read_columns(reader, flags, metadata);
  return metadata;
}

PreparedMessage read_prepared(WireReader& reader, std::uint8_t version) {
  PreparedMessage prepared;
  prepared.id = reader.read_short_bytes();
  if (version >= 5) prepared.result_metadata_id = reader.read_short_bytes();
  prepared.values = read_value_metadata(reader);
  prepared.result = read_result_metadata(reader);
  return prepared;
}

Message read_result(WireReader& reader, std::uint8_t version) {
  switch (reader.read_int()) {
    case result_void:
    case result_set_keyspace:
    case result_schema_change:
      return DoneMessage{};
    case result_rows: {
      Rows rows;
      rows.metadata = read_result_metadata(reader);
      rows.read(reader);
      return rows;
    }
    case result_prepared:
      return read_prepared(reader, version);
    default:
      reader.fail();
      return DoneMessage{};
  }
}

EventMessage read_event(WireReader& reader) {
  EventMessage event;
  event.type = reader.read_string();
  event.change = reader.read_string();
  if (event.type == "SCHEMA_CHANGE") {
    const std::string_view target = reader.read_string();
    event.subject = reader.read_string();
    if (target != "KEYSPACE") event.subject += fmt::format(".{}", reader.read_string());
  } else if (event.type == "STATUS_CHANGE" || event.type == "TOPOLOGY_CHANGE") {
    const auto [address, port] = reader.read_inet();
    event.subject = fmt::format("{}:{}", address, port);
  }
  return event;
}

Message read_message(WireReader& reader, const Envelope& envelope) {
  switch (envelope.opcode) {
    case Opcode::error:
      return read_server_error(reader);
    case Opcode::ready:
      return ReadyMessage{};
    case Opcode::authenticate:
      return AuthenticateMessage{std::string(reader.read_string())};
    case Opcode::supported:
      return SupportedMessage{reader.read_string_multimap()};
    case Opcode::result:
      return read_result(reader, envelope.version);
    case Opcode::event:
      return read_event(reader);
    case Opcode::auth_challenge:
      return AuthChallengeMessage{};
    case Opcode::auth_success:
      return AuthSuccessMessage{};
    default:
      reader.fail();
      return DoneMessage{};
  }
}

}  // namespace

void Rows::read(WireReader& reader) {
  const std::int32_t count = reader.read_int();
  const std::size_t columns = metadata.column_count;
  const std::size_t count_max =
      columns == 0 ? empty_rows_max : reader.rest().size() / (cell_bytes_min * columns);
  if (count < 0 || static_cast<std::size_t>(count) > count_max) return reader.fail();
  count_ = static_cast<std::size_t>(count);
  bytes_ = reader.rest();
  cells_.reserve(count_ * columns);
  for (std::size_t i = 0; i < count_ * columns && reader.ok(); ++i) {
    const Cell cell = reader.read_bytes();
    const std::size_t end = bytes_.size() - reader.rest().size();
    const std::size_t length = cell ? cell->size() : 0;
    cells_.push_back(
        {static_cast<std::uint32_t>(end - length), cell ? static_cast<std::int32_t>(length) : -1});
  }
  if (!reader.ok()) {
    count_ = 0;
    cells_.clear();
  }
}

Result<Response> read_response(const Envelope& envelope) {
  Response response;
  WireReader reader(envelope.body);
  if ((envelope.flags & flag_tracing) != 0) reader.take(tracing_id_bytes);
  if ((envelope.flags & flag_warnings) != 0) response.warnings = reader.read_string_list();
  if ((envelope.flags & flag_payload) != 0) {
    for (std::uint16_t i = reader.read_short(); i > 0 && reader.ok(); --i) {
      reader.read_string();
      reader.read_bytes();
    }
  }
  response.message = read_message(reader, envelope);
  if (!reader.ok()) {
    return transient_error("protocol-violated",
                           "Cassandra sent a message of kind {:#04x} that ends early or "
                           "contradicts itself ({} bytes)",
                           static_cast<unsigned>(envelope.opcode), envelope.body.size());
  }
  return response;
}

}  // namespace leat::connector::cql
