#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "connector/cassandra/connection.h"
#include "connector/cassandra/topology.h"

namespace leat::connector::cql {

struct ClusterOptions {
  std::vector<Endpoint> hosts;  ///< any of the cluster's nodes: the others are learned from them
  /// Requests go to nodes of this data centre; empty: to that of the first host that answers.
  std::string datacenter;
  ConnectionOptions connection;
  /// What an operator wants to know: nodes lost and found, the server's warnings. May be empty.
  std::function<void(const std::string&)> on_notice;
};

/// The nodes of a cluster and a connection to each one of the own data centre: found, lost and
/// found again. Used by one thread, which `drive`s it whenever it waits for something.
class Cluster {
 public:
  explicit Cluster(ClusterOptions options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// Every call returns soon after `stop` was asked for, with the error `stopping`.
  void use(std::stop_token stop);
  /// Connects to the first host that answers and learns the topology. Error: that of the last host.
  Status open();
  /// Waits until `until` for anything to happen, and lets it happen. Afterwards answers may have
  /// come, and connections may have ended or begun. Error `stopping`: all connections have ended.
  Status drive(Time until);
  /// Bytes of new requests leave.
  void flush();

  /// A connection with room for a request about a token of this keyspace's ring: to a replica where
  /// there is one, `turn` choosing which. Null: none has room now.
  Connection* pick(const TokenRing* ring, std::optional<Token> token, unsigned turn);
  /// Any one that is ready and has room, in turn.
  Connection* pick(unsigned turn) { return pick(nullptr, std::nullopt, turn); }
  /// The connection to this node, when it is ready and has room; or null.
  Connection* connection_to(const Endpoint& endpoint);
  std::size_t ready() const;
  /// Why there is no connection.
  const Error& last_error() const { return last_error_; }
  const std::string& name() const { return topology_.cluster_name; }
  const std::string& release() const { return topology_.release; }
  std::size_t node_count() const { return nodes_.size(); }
  const std::string& datacenter() const { return datacenter_; }
  /// Grows whenever rings may have changed.
  std::uint64_t generation() const { return generation_; }
  /// Of the keyspace; null when it is not known. Valid until `generation` grows.
  const TokenRing* ring_of(const std::string& keyspace);

  /// Called with each new connection, which is ready and has room.
  std::function<void(Connection&)> on_connected;

 private:
  struct Node {
    std::string host_id;
    Endpoint endpoint;
    bool local = true;  ///< of the own data centre, or not known yet
    std::unique_ptr<Connection> connection;
    bool announced = false;  ///< `on_connected` was called
    unsigned failures = 0;
    Time next_try = Time::min();
  };

  void connect_nodes(Time now);
  void settle(Node& node, Time now);
  void watch(Connection& connection);
  void take_event(const EventMessage& event);
  void refresh(Time now);
  void apply(Topology topology, Time now);
  Node* node_of(const NodeDescription& description);
  void poll_until(Time until);
  Time next_deadline(Time until, Time now) const;
  void end_all(const Error& error);
  void notice(const std::string& text) const;
  bool all_failed() const;
  bool all_settled() const;

  ClusterOptions options_;
  std::string datacenter_;
  std::vector<std::unique_ptr<Node>> nodes_;
  Topology topology_;
  /// Of `topology_.nodes`; null: no connection is wanted.
  std::vector<Node*> node_of_ring_;
  std::map<std::string, TokenRing> rings_;
  std::uint64_t generation_ = 0;
  TopologyReader reader_;
  Node* control_ = nullptr;  ///< whose events we listen to
  Time refresh_at_ = Time::min();
  Time next_warning_ = Time::min();
  Backoff backoff_;
  Error last_error_;
  int wake_ = -1;  ///< an eventfd: `stop` was asked for
  std::stop_token stop_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace leat::connector::cql
