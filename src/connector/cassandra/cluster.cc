#include "connector/cassandra/cluster.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/check.h"

namespace leat::connector::cql {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t reconnect_first_ms = 100;
constexpr std::int64_t reconnect_max_ms = 10'000;
/// Events come in swarms: the topology is read once they are over.
constexpr auto event_pause = 300ms;
constexpr auto refresh_retry = 1s;
/// Opening waits so long for the other nodes before it goes on with those that are there.
constexpr auto other_nodes_wait = 1s;

constexpr auto warning_pause = 10s;
/// Streams of a connection that are left for our own questions.
constexpr std::size_t reserved_streams = 16;

Time now_steady() { return std::chrono::steady_clock::now(); }

}  // namespace

Cluster::Cluster(ClusterOptions options)
    : options_(std::move(options)),
      datacenter_(options_.datacenter),
      backoff_(reconnect_first_ms, reconnect_max_ms),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  LEAT_CHECK(wake_ >= 0);
  last_error_ = {Domain::external, "cassandra-unreachable", "Cassandra was not asked yet", true};
  for (const Endpoint& host : options_.hosts) {
    auto node = std::make_unique<Node>();
    node->endpoint = host;
    nodes_.push_back(std::move(node));
  }
}

Cluster::~Cluster() {
  on_stop_.reset();
  close(wake_);
}

void Cluster::use(std::stop_token stop) {
  on_stop_.reset();
  std::uint64_t woken = 0;
  [[maybe_unused]] const ssize_t read_bytes = read(wake_, &woken, sizeof woken);
  stop_ = std::move(stop);
  on_stop_.emplace(stop_, [wake = wake_] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake, &one, sizeof one);
  });
}

void Cluster::notice(const std::string& text) const {
  if (options_.on_notice) options_.on_notice(text);
}

bool Cluster::all_failed() const {
  return std::ranges::all_of(nodes_, [](const auto& node) { return node->failures > 0; });
}

bool Cluster::all_settled() const {
  return std::ranges::all_of(nodes_, [](const auto& node) {
    return !node->local || node->announced || node->failures > 0;
  });
}

std::size_t Cluster::ready() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(nodes_, [](const auto& node) { return node->announced; }));
}

Status Cluster::open() {
  const Time end = now_steady() + options_.connection.connect_timeout;
  while (generation_ == 0) {
    LEAT_TRY(drive(end + 1s));
    const bool too_late = now_steady() > end + 1s;
    if (ready() == 0 && (all_failed() || too_late)) return std::unexpected(last_error_);
    if (too_late) {
      return transient_error("cassandra-unreachable",
                             "Cassandra does not say which nodes it has; its log may say why");
    }
  }
  const bool own = std::ranges::any_of(nodes_, [](const auto& node) { return node->local; });
  if (!own) {
    std::map<std::string, int> names;
    std::string known;
    for (const NodeDescription& node : topology_.nodes) ++names[node.ring.datacenter];
    for (const auto& [name, count] : names) known += (known.empty() ? "" : ", ") + name;
    return user_error("cassandra-datacenter",
                      "the cluster {} has no data centre `{}`; set `datacenter` to one of: {}",
                      name(), datacenter_, known);
  }
  const Time others = now_steady() + other_nodes_wait;
  while (!all_settled() && now_steady() < others) LEAT_TRY(drive(others));
  if (ready() == 0) return std::unexpected(last_error_);
  return {};
}

Status Cluster::drive(Time until) {
  const Time now = now_steady();
  if (stop_.stop_requested()) {
    end_all({Domain::external, "stopping", "the sink is being stopped", true});
    return std::unexpected(last_error_);
  }
  const std::size_t ready_before = ready();
  for (const auto& node : nodes_) settle(*node, now);
  bool happened = ready() != ready_before;
  connect_nodes(now);
  if (auto topology = reader_.take()) {
    apply(std::move(*topology), now);
    happened = true;
  }
  refresh(now);
  poll_until(happened ? now : next_deadline(until, now));
  return {};
}

/// Notices what has become of a node's connection.
void Cluster::settle(Node& node, Time now) {
  if (node.connection == nullptr) return;
  if (node.connection->state() == Connection::State::ready && !node.announced) {
    node.announced = true;
    if (node.failures > 0) notice(fmt::format("Cassandra at {} is back", node.endpoint.text()));
    node.failures = 0;
    last_error_ = {Domain::external, "cassandra-unreachable", "Cassandra was there", true};
    if (on_connected) on_connected(*node.connection);
  }
  if (node.connection->state() != Connection::State::ended) return;
  const Error& error = node.connection->error();
  // What somebody has to mend is worth more than that another node is down.
  if (last_error_.retryable || !error.retryable) last_error_ = error;
  if (node.failures == 0) notice(error.message);
  node.next_try = now + std::chrono::milliseconds(backoff_.wait_ms(node.failures++));
  node.announced = false;
  node.connection.reset();
  if (control_ != &node) return;
  control_ = nullptr;
  refresh_at_ = now;
}

void Cluster::connect_nodes(Time now) {
  for (const auto& node : nodes_) {
    if (node->connection != nullptr || !node->local || node->next_try > now) continue;
    node->connection = std::make_unique<Connection>(node->endpoint, options_.connection, now);
    watch(*node->connection);
  }
}

void Cluster::watch(Connection& connection) {
  connection.on_event = [this](const EventMessage& event) { take_event(event); };
  connection.on_warning = [this, &connection](const std::string& warning) {
    // Every request may have one, and they are all alike.
    const Time now = now_steady();
    if (now < next_warning_) return;
    next_warning_ = now + warning_pause;
    notice(fmt::format("Cassandra at {} warns: {}", connection.node(), warning));
  };
}

void Cluster::take_event(const EventMessage& event) {
  const Time soon = now_steady() + event_pause;
  if (event.type == "SCHEMA_CHANGE") {
    // Of a keyspace, whose replication may be another now; tables have names with a dot.
    if (event.subject.find('.') == std::string::npos) refresh_at_ = std::min(refresh_at_, soon);
    return;
  }
  refresh_at_ = std::min(refresh_at_, soon);
  if (event.change != "UP" && event.change != "NEW_NODE") return;
  for (const auto& node : nodes_) {
    if (node->endpoint.text() == event.subject) node->next_try = soon;
  }
}

/// Reads the topology when it is time to, and listens for its changes.
void Cluster::refresh(Time now) {
  if (reader_.started() || now < refresh_at_) return;
  const bool subscribe = control_ == nullptr;
  if (subscribe) {
    for (const auto& node : nodes_) {
      if (node->announced && node->connection->has_room()) control_ = node.get();
    }
  }
  if (control_ == nullptr || !control_->connection->has_room()) return;
  reader_.start(*control_->connection, subscribe, now);
  // Should it go wrong: reading a topology puts this off.
  refresh_at_ = now + refresh_retry;
}

Cluster::Node* Cluster::node_of(const NodeDescription& description) {
  if (description.contact && control_ != nullptr) return control_;
  for (const auto& node : nodes_) {
    if (!node->host_id.empty() ? node->host_id == description.host_id
                               : node->endpoint == description.endpoint) {
      return node.get();
    }
  }
  return nullptr;
}

void Cluster::apply(Topology topology, Time now) {
  topology_ = std::move(topology);
  rings_.clear();
  node_of_ring_.clear();
  ++generation_;
  refresh_at_ = Time::max();
  std::vector<std::unique_ptr<Node>> kept;
  for (const NodeDescription& description : topology_.nodes) {
    if (datacenter_.empty() && description.contact) datacenter_ = description.ring.datacenter;
  }
  for (const NodeDescription& description : topology_.nodes) {
    Node* known = node_of(description);
    const auto place =
        std::ranges::find_if(nodes_, [&](const auto& n) { return n.get() == known; });
    std::unique_ptr<Node> node;
    if (known != nullptr && place != nodes_.end()) {
      node = std::move(*place);
      nodes_.erase(place);
    } else {
      node = std::make_unique<Node>();
      if (generation_ > 1) {
        notice(fmt::format("Cassandra has a new node at {}", description.endpoint.text()));
      }
    }
    // The one that was asked keeps the address that it was reached by.
    if (!description.contact && node->endpoint != description.endpoint) {
      node->endpoint = description.endpoint;
      node->next_try = now;
    }
    node->host_id = description.host_id;
    node->local = description.ring.datacenter == datacenter_;
    node_of_ring_.push_back(node->local ? node.get() : nullptr);
    kept.push_back(std::move(node));
  }
  nodes_.swap(kept);
  // What is left is no node of the cluster, or an address of one by another name.
  for (const auto& gone : kept) {
    if (gone.get() == control_) {
      control_ = nullptr;
      refresh_at_ = now;
    }
    if (gone->connection == nullptr) continue;
    gone->connection->end({Domain::external, "cassandra-connection-lost",
                           fmt::format("{} left the cluster", gone->endpoint.text()), true});
  }
}

const TokenRing* Cluster::ring_of(const std::string& keyspace) {
  const auto known = rings_.find(keyspace);
  if (known != rings_.end()) return &known->second;
  const auto replication = topology_.keyspaces.find(keyspace);
  if (replication == topology_.keyspaces.end()) return nullptr;
  std::vector<RingNode> nodes;
  for (const NodeDescription& node : topology_.nodes) nodes.push_back(node.ring);
  return &rings_.emplace(keyspace, TokenRing(nodes, replication->second)).first->second;
}

Connection* Cluster::pick(const TokenRing* ring, std::optional<Token> token, unsigned turn) {
  const auto usable = [](const Node* node) {
    return node != nullptr && node->announced && node->connection->has_room(reserved_streams);
  };
  if (ring != nullptr && token) {
    const auto replicas = ring->replicas(*token);
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      Node* node = node_of_ring_[replicas[(i + turn) % replicas.size()]];
      if (usable(node)) return node->connection.get();
    }
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node* node = nodes_[(i + turn) % nodes_.size()].get();
    if (node->local && usable(node)) return node->connection.get();
  }
  return nullptr;
}

Connection* Cluster::connection_to(const Endpoint& endpoint) {
  for (const auto& node : nodes_) {
    if (node->announced && node->endpoint == endpoint && node->connection->has_room()) {
      return node->connection.get();
    }
  }
  return nullptr;
}

void Cluster::flush() {
  for (const auto& node : nodes_) {
    if (node->announced) node->connection->flush();
  }
}

Time Cluster::next_deadline(Time until, Time now) const {
  // One that is overdue waits for a connection or for room, which answers make.
  if (refresh_at_ > now) until = std::min(until, refresh_at_);
  for (const auto& node : nodes_) {
    if (node->connection != nullptr) {
      until = std::min(until, node->connection->deadline());
    } else if (node->local) {
      until = std::min(until, node->next_try);
    }
  }
  return until;
}

void Cluster::poll_until(Time until) {
  flush();
  std::vector<pollfd> polled = {{wake_, POLLIN, 0}};
  std::vector<Connection*> connections;
  bool ended = false;
  for (const auto& node : nodes_) {
    if (node->connection == nullptr) continue;
    ended = ended || node->connection->state() == Connection::State::ended;
    if (node->connection->descriptor() < 0) continue;
    polled.push_back({node->connection->descriptor(), node->connection->wanted(), 0});
    connections.push_back(node->connection.get());
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now_steady());
  // A connection that has ended is looked at at once.
  const auto wait = ended ? 0 : std::clamp<std::int64_t>(left.count(), 0, 60'000);
  poll(polled.data(), polled.size(), static_cast<int>(wait));
  const Time now = now_steady();
  for (std::size_t i = 0; i < connections.size(); ++i) {
    if (polled[i + 1].revents != 0 || connections[i]->deadline() <= now) {
      connections[i]->drive(now);
    }
  }
}

void Cluster::end_all(const Error& error) {
  last_error_ = error;
  for (const auto& node : nodes_) {
    if (node->connection != nullptr) node->connection->end(error);
    node->announced = false;
  }
}

}  // namespace leat::connector::cql
