#include "runtime/committed_pipeline.h"

#include <charconv>

#include "io/file_system.h"
#include "log/checked_file.h"
#include "runtime/commit_record.h"

namespace leat::runtime {
namespace {

/// Of a partition of the embedded log; 0 where nothing was removed, or of any other input.
Result<Offset> first_offset_in(const std::string& directory) {
  const auto text =
      LEAT_TRY(log::read_checked_file(io::posix_file_system(), directory, "first_offset"));
  std::int64_t first = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), first);
  return Offset(first);
}

}  // namespace

Result<CommittedPipeline> committed_pipeline(const std::string& data_directory) {
  const auto store = LEAT_TRY(state::Store::open(data_directory + "/store", {.read_only = true}));
  const state::Family* family = LEAT_TRY(store->family("engine"));
  CommitRecord record = LEAT_TRY(CommitRecord::load(*store, *family));
  CommittedPipeline committed{.definitions = std::move(record.definitions), .inputs = {}};
  for (const auto& [id, position] : record.positions) {
    const Offset first = LEAT_TRY(first_offset_in(data_directory + "/topics/" + id));
    committed.inputs[id] = {.first = first, .position = position};
  }
  return committed;
}

CommittedPipeline committed_pipeline(const Engine& engine) {
  CommittedPipeline committed{.definitions = definitions_of(engine.graph()), .inputs = {}};
  for (const TopicState& topic : engine.status().topics) {
    for (const PartitionState& partition : topic.partitions) {
      const std::string name =
          partition.name.empty() ? std::to_string(partition.partition) : partition.name;
      committed.inputs[topic.name + "/" + name] = {.first = Offset(partition.first_offset),
                                                   .position = Offset(partition.read_offset)};
    }
  }
  return committed;
}

}  // namespace leat::runtime
