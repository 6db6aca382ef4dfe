#include "runtime/catch_up.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include "runtime/bounded_input.h"
#include "runtime/epoch_loop.h"

namespace leat::runtime {
namespace {

/// Which run left what is there, as text: only the very same part goes on with it.
constexpr const char* purpose_file = "/purpose";

std::string purpose_of(const CatchUp::Setup& setup) {
  std::string purpose = nlohmann::json(definitions_of(setup.graph)).dump();
  if (const auto& replay = setup.options.replay) {
    purpose +=
        fmt::format("\nview {} from {} {}", replay->view, replay->from_offset ? "offset" : "time",
                    replay->from_offset ? replay->from_offset->value() : *replay->from_time);
  }
  return purpose;
}

/// Where a replay begins in each partition of a topic.
Result<std::map<std::string, Offset>> begins_of(const CatchUp::Setup& setup) {
  std::map<std::string, Offset> begins;
  if (!setup.options.replay) return begins;
  const Replay& replay = *setup.options.replay;
  for (const pipeline::TopicNode& node : setup.graph.topics) {
    log::Topic* topic = node.source.empty() ? setup.topics.find(node.name) : nullptr;
    if (topic == nullptr) {
      return user_error("not-replayable",
                        "view {} stands on {}, which a source is itself: only topics in the log "
                        "can be read from a record in their middle",
                        replay.view, node.name);
    }
    for (Partition partition(0); partition < Partition(topic->partition_count()); ++partition) {
      const log::PartitionLog& log = topic->partition(partition);
      begins[fmt::format("{}/{}", node.name, partition)] = LEAT_TRY(replay.begin_in(log));
    }
  }
  return begins;
}

/// What was prepared knows of records that this engine has not read yet: its commit was lost.
bool is_ahead(const Assembly& assembly, const std::map<std::string, Offset>& ends) {
  return std::ranges::any_of(assembly.last_commit.positions, [&](const auto& position) {
    const auto end = ends.find(position.first);
    return position.second > (end == ends.end() ? Offset(0) : end->second);
  });
}

/// True when the directory holds what a run for this purpose left.
Result<bool> is_for(io::FileSystem& files, const std::string& path, const std::string& purpose) {
  if (!LEAT_TRY(files.exists(path))) return false;
  const auto file = LEAT_TRY(files.open(path, io::OpenMode::read));
  std::string text(LEAT_TRY(file->size()), '\0');
  const std::size_t read = LEAT_TRY(file->read_at(text, 0));
  return read == text.size() && text == purpose;
}

/// The purpose is written before anything else, and durably: it never names another's state.
Status begin(io::FileSystem& files, const std::string& directory, const std::string& purpose) {
  LEAT_TRY(files.create_directories(directory));
  const auto file = LEAT_TRY(files.open(directory + purpose_file, io::OpenMode::create));
  LEAT_TRY(file->append(purpose));
  LEAT_TRY(file->sync());
  return files.sync_directory(directory);
}

/// Inputs that other engine has read, and that are not there.
Status check_inputs(const Assembly& assembly, const std::map<std::string, Offset>& ends) {
  std::set<std::string> topics, present;
  for (const StreamSlot& slot : assembly.streams) topics.insert(slot.topic);
  for (const auto& input : assembly.inputs) present.insert(input->id());
  for (const auto& [id, end] : ends) {
    const std::string topic = id.substr(0, id.find('/'));
    if (end == Offset(0) || present.contains(id) || !topics.contains(topic)) continue;
    if (assembly.options.rebuild) continue;
    return user_error("records-gone",
                      "{} was read earlier and is not there any more, but streams and views that "
                      "are new or changed need its records; put it back, or run once with "
                      "--rebuild to do without",
                      id);
  }
  return {};
}

}  // namespace

std::string CatchUp::directory_in(const std::string& data_directory) {
  return data_directory + "/catch_up";
}

Status CatchUp::remove(const std::string& data_directory) {
  std::error_code error;
  std::filesystem::remove_all(directory_in(data_directory), error);
  if (!error) return {};
  return external_error("io-error", "{}: can't be removed: {}; look at its permissions",
                        directory_in(data_directory), error.message());
}

Result<bool> CatchUp::is_begun(const Setup& setup) {
  const std::string directory = directory_in(setup.options.data_directory);
  return is_for(setup.options.context.files, directory + purpose_file, purpose_of(setup));
}

Result<std::unique_ptr<Assembly>> CatchUp::open(const Setup& setup) {
  io::FileSystem& files = setup.options.context.files;
  const std::string directory = directory_in(setup.options.data_directory);
  if (!LEAT_TRY(is_begun(setup))) {
    LEAT_TRY(remove(setup.options.data_directory));
    LEAT_TRY(begin(files, directory, purpose_of(setup)));
  }
  Options options = setup.options;
  options.replay.reset();
  options.data_directory = directory;
  options.once = true;
  options.bound = {.topics = &setup.topics,
                   .ends = setup.ends,
                   .begins = LEAT_TRY(begins_of(setup)),
                   .progress = setup.progress};
  return Assembly::build(setup.graph, setup.connectors, std::move(options));
}

Result<std::unique_ptr<Assembly>> CatchUp::run(const Setup& setup) {
  auto assembly = LEAT_TRY(open(setup));
  if (is_ahead(*assembly, setup.ends)) {
    assembly.reset();
    LEAT_TRY(remove(setup.options.data_directory));
    assembly = LEAT_TRY(open(setup));
  }
  LEAT_TRY(check_inputs(*assembly, setup.ends));
  for (const auto& [name, table] : assembly->tables) table->start();
  Status done;
  {
    EpochLoop loop(*assembly);
    done = loop.begin();
    if (done) done = loop.catch_up(setup.options.stop);
  }
  for (const auto& [name, table] : assembly->tables) table->stop();
  LEAT_TRY(std::move(done));
  assembly->last_commit = LEAT_TRY(CommitRecord::load(*assembly->store, *assembly->family));
  return assembly;
}

bool needs_all_anew(const pipeline::Graph& graph, const PipelineChange& change,
                    const Connectors& connectors) {
  return std::ranges::any_of(graph.sinks, [&](const pipeline::SinkNode& sink) {
    return !sink.from_topic && connectors.is_remote(sink.connector) &&
           !pipeline::keeps_rows(graph, sink.from) && change.computes_rows_of(sink.from);
  });
}

pipeline::Graph part_to_compute(const pipeline::Graph& graph, const Definitions& definitions,
                                const PipelineChange& change, const Connectors& connectors) {
  std::set<std::string> wanted;
  const std::function<void(const std::string&)> want = [&](const std::string& node) {
    if (!wanted.insert(node).second || !definitions.contains(node)) return;
    for (const std::string& input : inputs_of(definitions.at(node))) want(input);
  };
  for (const auto& [node, definition] : definitions) {
    if (change.is_computed(node)) want(node);
  }
  std::set<std::string> tables;
  const auto is_unwanted = [&](const char* kind) {
    return [&wanted, kind](const auto& node) { return !wanted.contains(kind + node.name); };
  };
  pipeline::Graph part = graph;
  part.log.reset();
  part.panels.clear();
  part.tests.clear();
  part.sinks_at_rest.clear();
  std::erase_if(part.streams, is_unwanted("stream/"));
  std::erase_if(part.views, is_unwanted("view/"));
  std::erase_if(part.topics, is_unwanted("topic/"));
  for (const pipeline::StreamNode& stream : part.streams) {
    for (const sql::Lookup& lookup : stream.query.lookups) tables.insert(lookup.table);
  }
  std::erase_if(part.tables, [&](const pipeline::TableNode& node) {
    return node.kept ? !wanted.contains("view/" + node.name) : !tables.contains(node.name);
  });
  std::erase_if(part.sources, [&](const pipeline::SourceNode& node) {
    const auto maker = connectors.sources.find(node.connector);
    return !wanted.contains("topic/" + node.topic) || maker == connectors.sources.end() ||
           !maker->second.replayable;
  });
  std::erase_if(part.sinks, [&](const pipeline::SinkNode& node) {
    const bool computed = !node.from_topic && change.computes_rows_of(node.from);
    return !computed || !connectors.sinks.contains(node.connector) ||
           connectors.is_remote(node.connector);
  });
  return part;
}

}  // namespace leat::runtime
