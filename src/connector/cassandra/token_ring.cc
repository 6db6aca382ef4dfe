#include "connector/cassandra/token_ring.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

namespace leat::connector::cql {
namespace {

struct Position {
  Token token;
  std::uint32_t node;
};

std::size_t number_of(std::string_view text) {
  // "3/1" is three replicas, one of them transient.
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// The replicas that one data centre still wants, going round the ring.
struct DatacenterChoice {
  std::size_t wanted = 0;
  std::size_t rack_repeats = 0;  ///< how many may share a rack with another one
  std::set<std::string> racks = {};

  bool take(const std::string& rack) {
    if (wanted == 0) return false;
    if (!racks.insert(rack).second) {
      if (rack_repeats == 0) return false;
      --rack_repeats;
    }
    --wanted;
    return true;
  }
};

std::map<std::string, DatacenterChoice> choices_of(const std::vector<RingNode>& nodes,
                                                   const Replication& replication) {
  std::map<std::string, std::set<std::string>> racks;
  std::map<std::string, std::size_t> sizes;
  for (const RingNode& node : nodes) {
    racks[node.datacenter].insert(node.rack);
    ++sizes[node.datacenter];
  }
  std::map<std::string, DatacenterChoice> choices;
  for (const auto& [datacenter, size] : sizes) {
    const auto factor = replication.find(datacenter);
    if (factor == replication.end()) continue;
    const std::size_t replicas = number_of(factor->second);
    const std::size_t rack_count = racks[datacenter].size();
    choices[datacenter] = {.wanted = std::min(replicas, size),
                           .rack_repeats = replicas > rack_count ? replicas - rack_count : 0};
  }
  return choices;
}

/// What `take` accepts of the different nodes from `begin` on round the ring.
template <class Take>
std::vector<std::uint32_t> walk(const std::vector<Position>& ring, std::size_t begin, Take&& take) {
  std::vector<std::uint32_t> found;
  std::set<std::uint32_t> seen;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const std::uint32_t node = ring[(begin + i) % ring.size()].node;
    // A node that was passed over for its rack's sake has further tokens: they do not help it.
    if (!seen.insert(node).second) continue;
    if (take(node)) found.push_back(node);
  }
  return found;
}

}  // namespace

TokenRing::TokenRing(const std::vector<RingNode>& nodes, const Replication& replication) {
  std::vector<Position> ring;
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    for (const Token token : nodes[i].tokens) ring.push_back({token, i});
  }
  std::ranges::sort(ring, {}, &Position::token);

  const auto name = replication.find("class");
  const std::string_view strategy = name == replication.end() ? "" : std::string_view(name->second);
  const bool simple = strategy.ends_with("SimpleStrategy");
  if (!simple && !strategy.ends_with("NetworkTopologyStrategy")) return;
  const auto factor = replication.find("replication_factor");
  const std::size_t wanted = factor == replication.end() ? 0 : number_of(factor->second);
  const auto choices = choices_of(nodes, replication);
  for (std::size_t i = 0; i < ring.size(); ++i) {
    Entry entry{ring[i].token, {}};
    if (simple) {
      std::size_t left = wanted;
      entry.nodes = walk(ring, i, [&left](std::uint32_t) { return left > 0 && left-- > 0; });
    } else {
      auto left = choices;
      entry.nodes = walk(ring, i, [&left, &nodes](std::uint32_t node) {
        const auto choice = left.find(nodes[node].datacenter);
        return choice != left.end() && choice->second.take(nodes[node].rack);
      });
    }
    entries_.push_back(std::move(entry));
  }
}

std::span<const std::uint32_t> TokenRing::replicas(Token token) const {
  if (entries_.empty()) return {};
  const auto found = std::ranges::lower_bound(entries_, token, {}, &Entry::token);
  return found == entries_.end() ? entries_.front().nodes : found->nodes;
}

}  // namespace leat::connector::cql
