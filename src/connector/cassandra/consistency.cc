#include "connector/cassandra/consistency.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <string>

namespace leat::connector::cql {
namespace {

constexpr std::array<std::string_view, 11> names = {
    "ANY",          "ONE",         "TWO",    "THREE",        "QUORUM",   "ALL",
    "LOCAL_QUORUM", "EACH_QUORUM", "SERIAL", "LOCAL_SERIAL", "LOCAL_ONE"};

}  // namespace

std::string_view name_of(Consistency consistency) {
  const auto number = static_cast<std::size_t>(consistency);
  return number < names.size() ? names[number] : "an unknown level";
}

Consistency consistency_of(std::string_view name) {
  const auto found = std::ranges::find_if(names, [name](std::string_view known) {
    return known.size() == name.size() && strncasecmp(known.data(), name.data(), name.size()) == 0;
  });
  if (found == names.end()) return Consistency::local_quorum;
  return static_cast<Consistency>(found - names.begin());
}

}  // namespace leat::connector::cql
