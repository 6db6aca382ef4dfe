#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/cassandra/connection.h"
#include "connector/cassandra/token_ring.h"

namespace leat::connector::cql {

/// A node as the cluster describes it.
struct NodeDescription {
  std::string host_id;
  Endpoint endpoint;  ///< where it says that clients reach it
  RingNode ring;
  bool contact = false;  ///< it is the one that was asked
};

/// Which nodes there are, and how each keyspace's rows are spread over them.
struct Topology {
  std::string cluster_name;
  std::string release;  ///< of Cassandra, of the node that was asked
  std::vector<NodeDescription> nodes;
  std::map<std::string, Replication> keyspaces;
};

/// Reads the topology from a connection's node, in the background: answers come through the
/// connection's `drive`.
class TopologyReader final : public AnswerHandler {
 public:
  /// Asks. Only while `has_room`; `connection` must stay until `finished` or its end. `subscribe`:
  /// for events, too.
  void start(Connection& connection, bool subscribe, Time now);
  bool started() const { return waiting_ > 0; }
  /// What was read, once; nothing: still reading, or it went wrong and has to be started again.
  std::optional<Topology> take();

  void answered(Connection& connection, std::uint64_t tag, Response& response) override;
  void unanswered(Connection& connection, std::uint64_t tag, const Error& error) override;

 private:
  enum Question : std::uint64_t {
    about_local,
    about_peers,
    about_old_peers,
    about_keyspaces,
    about_events
  };
  void ask(Connection& connection, Question question, std::string_view cql, Time now);
  Status take_rows(Question question, const Rows& rows, const Connection& connection);
  Status take_node(const Rows& rows, std::size_t row, bool contact, const Connection& connection);

  Topology reading_;
  unsigned waiting_ = 0;
  bool failed_ = false;
  bool complete_ = false;
  Time asked_;
};

/// A cell's map of texts; empty when it is none.
std::map<std::string, std::string> read_text_map(Cell cell);
/// The elements of a cell's list or set of texts.
std::vector<std::string> read_text_list(Cell cell);
/// The column of that name; nothing: there is none.
std::optional<std::size_t> column_of(const Rows& rows, std::string_view name);

}  // namespace leat::connector::cql
