#pragma once

#include <cstdint>
#include <string_view>

namespace leat::connector::cql {

/// How many replicas must have answered.
enum class Consistency : std::uint16_t {
  any = 0x0,
  one = 0x1,
  two = 0x2,
  three = 0x3,
  quorum = 0x4,
  all = 0x5,
  local_quorum = 0x6,
  each_quorum = 0x7,
  serial = 0x8,
  local_serial = 0x9,
  local_one = 0xA,
};

/// "LOCAL_QUORUM", as Cassandra writes it; "an unknown level" for any other number.
std::string_view name_of(Consistency consistency);
/// From a name in small letters or capitals; `local_quorum` when it is none.
Consistency consistency_of(std::string_view name);

}  // namespace leat::connector::cql
