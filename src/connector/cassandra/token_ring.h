#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "connector/cassandra/token.h"

namespace leat::connector::cql {

/// A node as the ring sees it.
struct RingNode {
  std::string datacenter, rack;
  std::vector<Token> tokens;
};

/// How a keyspace's rows are spread: `class` (with or without its Java package) and its options, as
/// in system_schema.keyspaces.
using Replication = std::map<std::string, std::string>;

/// Which nodes keep a token's rows, for one keyspace. Immutable.
class TokenRing {
 public:
  TokenRing() = default;
  /// A strategy that is not known gives a ring without nodes.
  TokenRing(const std::vector<RingNode>& nodes, const Replication& replication);

  /// Indices of the nodes, the first owner first. Empty where nothing is known.
  std::span<const std::uint32_t> replicas(Token token) const;

 private:
  struct Entry {
    Token token;
    std::vector<std::uint32_t> nodes;
  };
  std::vector<Entry> entries_;  ///< by token
};

}  // namespace leat::connector::cql
