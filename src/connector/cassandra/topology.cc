#include "connector/cassandra/topology.h"

#include <charconv>
#include <utility>

#include "connector/cassandra/request.h"

namespace leat::connector::cql {
namespace {

/// The cell of the first of these columns that is there and has a value.
Cell first_cell(const Rows& rows, std::size_t row, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const auto column = column_of(rows, name);
    if (!column) continue;
    if (const Cell cell = rows.cell(row, *column)) return cell;
  }
  return std::nullopt;
}

std::string first_text(const Rows& rows, std::size_t row, std::string_view name) {
  return std::string(first_cell(rows, row, {name}).value_or(std::string_view()));
}

}  // namespace

std::optional<std::size_t> column_of(const Rows& rows, std::string_view name) {
  const auto& columns = rows.metadata.columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  return std::nullopt;
}

std::map<std::string, std::string> read_text_map(Cell cell) {
  std::map<std::string, std::string> map;
  WireReader reader(cell.value_or(std::string_view()));
  for (std::size_t i = cell ? reader.read_count(8) : 0; i > 0 && reader.ok(); --i) {
    const Cell key = reader.read_bytes();
    const Cell value = reader.read_bytes();
    if (reader.ok() && key && value) map.emplace(*key, *value);
  }
  return map;
}

std::vector<std::string> read_text_list(Cell cell) {
  std::vector<std::string> list;
  WireReader reader(cell.value_or(std::string_view()));
  for (std::size_t i = cell ? reader.read_count(4) : 0; i > 0 && reader.ok(); --i) {
    if (const Cell element = reader.read_bytes()) list.emplace_back(*element);
  }
  return list;
}

void TopologyReader::start(Connection& connection, bool subscribe, Time now) {
  reading_ = {};
  failed_ = complete_ = false;
  asked_ = now;
  if (subscribe) {
    ++waiting_;
    connection.send(Opcode::registration, *this, about_events, now, [](std::string& body) {
      put_string_list(body, {"TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"});
    });
  }
  ask(connection, about_local, "SELECT * FROM system.local", now);
  ask(connection, about_peers, "SELECT * FROM system.peers_v2", now);
  ask(connection, about_keyspaces, "SELECT keyspace_name, replication FROM system_schema.keyspaces",
      now);
}

void TopologyReader::ask(Connection& connection, Question question, std::string_view cql,
                         Time now) {
  if (!connection.has_room()) {
    failed_ = true;
    return;
  }
  ++waiting_;
  connection.send(Opcode::query, *this, question, now, [&](std::string& body) {
    put_query(body, connection.version(), cql, {.consistency = Consistency::one});
  });
}

std::optional<Topology> TopologyReader::take() {
  if (!complete_) return std::nullopt;
  complete_ = false;
  return std::move(reading_);
}

void TopologyReader::answered(Connection& connection, std::uint64_t tag, Response& response) {
  --waiting_;
  const auto question = static_cast<Question>(tag);
  if (const auto* rows = std::get_if<Rows>(&response.message)) {
    if (!take_rows(question, *rows, connection)) failed_ = true;
  } else if (std::holds_alternative<ServerError>(response.message)) {
    if (question == about_peers) {
      // Before Cassandra 4, and in its look-alikes.
      ask(connection, about_old_peers, "SELECT * FROM system.peers", asked_);
    } else {
      failed_ = true;
    }
  }
  if (waiting_ == 0) complete_ = !failed_;
}

void TopologyReader::unanswered(Connection&, std::uint64_t, const Error&) {
  --waiting_;
  failed_ = true;
}

Status TopologyReader::take_rows(Question question, const Rows& rows,
                                 const Connection& connection) {
  if (question == about_keyspaces) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      reading_.keyspaces.emplace(rows.text(row, 0), read_text_map(rows.cell(row, 1)));
    }
    return {};
  }
  for (std::size_t row = 0; row < rows.size(); ++row) {
    LEAT_TRY(take_node(rows, row, question == about_local, connection));
  }
  return {};
}

Status TopologyReader::take_node(const Rows& rows, std::size_t row, bool contact,
                                 const Connection& connection) {
  NodeDescription node;
  node.contact = contact;
  node.host_id = first_text(rows, row, "host_id");
  node.ring.datacenter = first_text(rows, row, "data_center");
  node.ring.rack = first_text(rows, row, "rack");
  const auto tokens = column_of(rows, "tokens");
  for (const std::string& text :
       tokens ? read_text_list(rows.cell(row, *tokens)) : std::vector<std::string>()) {
    Token token = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), token);
    // Another partitioner's tokens are of no use: its rows go to any node.
    if (error == std::errc()) node.ring.tokens.push_back(token);
  }
  node.endpoint = connection.endpoint();
  if (contact) {
    reading_.cluster_name = first_text(rows, row, "cluster_name");
    reading_.release = first_text(rows, row, "release_version");
  } else {
    // A peer that is about to join or to leave has no address yet, or no tokens.
    const Cell address = first_cell(rows, row, {"native_address", "rpc_address"});
    if (!address || node.host_id.empty()) return {};
    node.endpoint.host = inet_text(*address);
    if (node.endpoint.host.empty()) return {};
    if (const Cell port = first_cell(rows, row, {"native_port"})) {
      node.endpoint.port = static_cast<std::uint16_t>(WireReader(*port).read_int());
    }
  }
  reading_.nodes.push_back(std::move(node));
  return {};
}

}  // namespace leat::connector::cql
