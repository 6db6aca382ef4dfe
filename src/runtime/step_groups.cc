#include "runtime/step_groups.h"

#include <algorithm>
#include <numeric>

namespace leat::runtime {

std::vector<std::size_t> step_groups(const Assembly& assembly) {
  std::vector<std::size_t> groups(assembly.streams.size());
  std::iota(groups.begin(), groups.end(), 0);
  for (const ViewSlot& view : assembly.views) {
    std::optional<std::size_t> first;
    for (const std::size_t stream : view.streams) {
      if (!assembly.streams[stream].watermark) continue;
      if (!first) first = stream;
      std::ranges::replace(groups, std::size_t{groups[stream]}, std::size_t{groups[*first]});
    }
  }
  return groups;
}

}  // namespace leat::runtime
