#pragma once

#include <cstdint>
#include <string_view>

namespace leat::connector::cql {

/// A place on the ring.
using Token = std::int64_t;

/// Of a partition key's bytes, as Cassandra's Murmur3Partitioner has it.
Token token_of(std::string_view partition_key);

}  // namespace leat::connector::cql
