// What the parts of a running pipeline may have of the process's memory.

#include <algorithm>

#include "base/process_memory.h"
#include "runtime/assembly.h"

namespace leat::runtime {

void Assembly::limit_memory(state::Store::Options& of_store) {
  if (!options.memory_max) return;
  memory_cap.emplace(MemoryCap::Setup{.bytes_max = *options.memory_max,
                                      .resident = resident_bytes,
                                      .give_back = options.give_back_memory});
  of_store.block_cache_bytes = memory_cap->block_cache_max();
  of_store.write_buffer_bytes = memory_cap->write_buffer_max();
}

/// Of one stream or view.
std::size_t Assembly::changes_kept_max() const {
  if (!memory_cap) return options.changes_kept_bytes_max;
  const std::size_t count = graph.streams.size() + graph.views.size();
  return std::min(options.changes_kept_bytes_max, memory_cap->changes_max() / count);
}

}  // namespace leat::runtime
