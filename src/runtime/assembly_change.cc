// What an assembly takes over from a data directory whose last pipeline was another one.

#include <algorithm>
#include <set>

#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include "operator/view.h"
#include "runtime/assembly.h"
#include "runtime/catch_up.h"

namespace leat::runtime {
namespace {

using nlohmann::json;

constexpr std::size_t copied_batch_bytes = 4u << 20;
constexpr std::size_t letters_slice_bytes = 1u << 20;

/// Nothing has come in yet, and nothing has gone out: no sink has a row of what a view says of no
/// input at all.
bool is_untouched(const CommitRecord& commit, const pipeline::Graph& graph) {
  const auto at_zero = [](const auto& position) { return position.second == Offset(0); };
  const auto has_rows = [&](const pipeline::SinkNode& sink) {
    const auto view = commit.views.find(sink.from);
    return view != commit.views.end() && view->second.changes > 0;
  };
  return std::ranges::all_of(commit.positions, at_zero) &&
         std::ranges::none_of(graph.sinks, has_rows);
}

/// What comes into the reason of a refusal: "view totals (its select differs), stream rows (new)".
std::string words_of(const PipelineChange& change) {
  std::string words;
  for (const auto& [node, what] : change.nodes()) {
    if (!change.is_computed(node)) continue;
    if (!words.empty()) words += ", ";
    words += std::string(node).replace(node.find('/'), 1, " ");
    if (what.fate == NodeChange::Fate::added) words += " (new)";
    if (!what.items.empty()) words += fmt::format(" (another {})", fmt::join(what.items, ", "));
  }
  return words;
}

/// Views that are as they were, and their parts.
std::set<std::string> kept_parts(const pipeline::Graph& graph, const PipelineChange& change) {
  std::set<std::string> kept;
  for (const pipeline::ViewNode& node : graph.views) {
    if (change.is_computed("view/" + node.name)) continue;
    kept.insert(node.name);
    for (const pipeline::ViewPart& part : node.parts) kept.insert(part.name);
  }
  return kept;
}

Status copy_family(const state::Store& from, const state::Family& old, state::Store& to,
                   state::Family& family) {
  Status written;
  auto batch = to.new_batch();
  LEAT_TRY(from.for_each(old, "", "", [&](std::string_view key, std::string_view value) {
    batch->put(family, key, value);
    if (batch->bytes() < copied_batch_bytes) return true;
    written = to.commit(*batch);
    batch = to.new_batch();
    return written.has_value();
  }));
  LEAT_TRY(std::move(written));
  return to.commit(*batch);
}

}  // namespace

std::string Assembly::family_name_of(const std::string& part) const {
  const auto found = last_commit.families.find(part);
  return found == last_commit.families.end() ? part : found->second;
}

/// Streams and views that mean what they meant keep their state. Those that are new or mean
/// something else are computed from their topics' first records, up to where the others stand:
/// which is the same as if they had always been what they are now, as long as nothing was removed
/// and nothing was written elsewhere.
Status Assembly::take_over_definitions() {
  definitions = definitions_of(graph);
  views_are_new = last_commit.epoch == Epoch(0);
  if (views_are_new) return {};
  const std::string replayed = options.replay ? options.replay->view : "";
  const PipelineChange change(last_commit.definitions, definitions, replayed);
  if (!change.touches_state()) return options.at_rest ? Status() : drop_leftovers();
  if (options.at_rest) {
    return user_error("pipeline-changed",
                      "{}: its streams and views are not those of the pipeline that is noted in "
                      "it; set the environment variables that `leat run` had",
                      options.data_directory);
  }
  if (is_untouched(last_commit, graph)) {
    views_are_new = true;
    return drop_views();
  }
  return take_over(change);
}

Status Assembly::take_over(const PipelineChange& change) {
  const bool some_are_new = std::ranges::any_of(
      definitions, [&](const auto& node) { return change.is_computed(node.first); });
  if (!some_are_new) return swap_in(change, nullptr);
  const pipeline::Graph part = part_to_compute(graph, definitions, change, connectors);
  const Connectors of_part = with_committed_tables(change);
  const CatchUp::Setup catch_up{.graph = part,
                                .connectors = of_part,
                                .options = options,
                                .topics = *topics,
                                .ends = last_commit.positions};
  const std::string hindrance = hindrance_to(change, part);
  if (!options.rebuild && !hindrance.empty()) {
    return user_error("pipeline-changed",
                      "{}: {} must be computed anew, but {}; run once with --rebuild to compute "
                      "that all the same, from what the topics still hold, or name another "
                      "directory with --data",
                      options.data_directory, words_of(change), hindrance);
  }
  const bool is_prepared = LEAT_TRY(CatchUp::is_begun(catch_up));
  if ((!change.keeps_state() && !is_prepared) || needs_all_anew(graph, change, connectors)) {
    spdlog::warn("all streams and views are computed anew from the topics' first records");
    views_are_new = true;
    LEAT_TRY(CatchUp::remove(options.data_directory));
    return begin_anew();
  }
  spdlog::warn("computed anew from the topics' first records: {}", words_of(change));
  auto caught_up = LEAT_TRY(CatchUp::run(catch_up));
  return swap_in(change, std::move(caught_up));
}

/// Why what is computed anew would not be what it always would have been; empty: it would.
std::string Assembly::hindrance_to(const PipelineChange& change,
                                   const pipeline::Graph& part) const {
  for (const auto& input : inputs) {
    if (options.replay || input->position() == Offset(0)) continue;
    if (std::ranges::find(part.topics, input->topic(), &pipeline::TopicNode::name) !=
        part.topics.end()) {
      return fmt::format("retention has removed records of topic {} that it would need",
                         input->topic());
    }
  }
  for (const pipeline::SinkNode& sink : graph.sinks) {
    if (sink.from_topic) continue;
    if (!change.computes_rows_of(sink.from)) continue;
    const bool written = last_commit.sinks.contains(sink.name) ||
                         last_commit.sinks.contains(Changelog::topic_of(sink.name));
    if (written) return fmt::format("sink {} has written rows of {} already", sink.name, sink.from);
    if (!pipeline::keeps_rows(graph, sink.from) && connectors.is_remote(sink.connector)) {
      return fmt::format("sink {} would be without the rows of {} so far", sink.name, sink.from);
    }
  }
  return "";
}

/// In one commit: the computed state takes the place of the old one, which is dropped after it.
Status Assembly::swap_in(const PipelineChange& change, std::unique_ptr<Assembly> computed) {
  CommitRecord now = last_commit;
  const std::set<std::string> kept = kept_parts(graph, change);
  std::erase_if(now.streams,
                [&](const auto& slot) { return !definitions.contains("stream/" + slot.first); });
  std::erase_if(now.views, [&](const auto& slot) { return !kept.contains(slot.first); });
  std::erase_if(now.families, [&](const auto& slot) { return !kept.contains(slot.first); });
  if (computed != nullptr) {
    now.epoch = std::max(now.epoch, computed->last_commit.epoch);
    LEAT_TRY(adopt_state(change, *computed, now));
    LEAT_TRY(adopt_letters(change, *computed, now));
  }
  const auto batch = store->new_batch();
  CommitWriter(*family, last_commit).write(now, *batch);
  for (const auto& [view, name] : last_commit.families) {
    if (!now.families.contains(view)) batch->remove(*family, "family/" + view);
  }
  for (const auto& [view, name] : now.families) batch->put(*family, "family/" + view, name);
  put_definitions(*batch);
  LEAT_TRY(store->commit(*batch));
  last_commit = std::move(now);
  last_commit.definitions = definitions;
  go_on_after(last_commit.epoch);
  computed.reset();  // before its directory goes: its store may still be writing there
  return drop_leftovers();
}

Status Assembly::adopt_state(const PipelineChange& change, Assembly& computed, CommitRecord& now) {
  const std::uint64_t run = first_epoch.value() / epochs_per_run;
  for (const ViewSlot& slot : computed.views) {
    const std::string& name = slot.part->name;
    if (!change.is_computed("view/" + slot.node->name) || slot.is_index) continue;
    now.families[name] = fmt::format("{}@{}", name, run);
    const std::string family_name = op::family_of_view(now.families[name]);
    LEAT_TRY(store->drop_family(family_name));  // of a run that was killed right here
    state::Family* made = LEAT_TRY(store->family(family_name));
    const state::Family* old =
        LEAT_TRY(computed.store->family(op::family_of_view(computed.family_name_of(name))));
    LEAT_TRY(copy_family(*computed.store, *old, *store, *made));
    now.views[name] = computed.last_commit.views[name];
  }
  for (const StreamSlot& slot : computed.streams) {
    const std::string& name = slot.node->name;
    if (change.is_computed("stream/" + name)) {
      now.streams[name] = computed.last_commit.streams[name];
    }
  }
  for (const SinkSlot& slot : computed.sinks) {
    now.sinks[slot.name] = computed.last_commit.sinks[slot.name];
  }
  // A sink in another system gets the view as it is now.
  for (const pipeline::SinkNode& sink : graph.sinks) {
    const auto found = now.sinks.find(Changelog::topic_of(sink.name));
    if (found == now.sinks.end() || !change.is_computed("view/" + sink.from)) continue;
    found->second = Changelog::gone(found->second);
  }
  return {};
}

/// Records that a stream refuses which is new or another one; what others refused is there already.
Status Assembly::adopt_letters(const PipelineChange& change, Assembly& computed,
                               CommitRecord& now) {
  LEAT_TRY(dead_letters->truncate_to(last_commit.dead_letters));
  Offset position = computed.dead_letters->first_offset();
  Slice slice;
  while (position < computed.last_commit.dead_letters) {
    LEAT_TRY(computed.dead_letters->read(position, letters_slice_bytes, slice));
    std::vector<log::NewRecord> letters;
    for (const Record& record : slice.records) {
      const json letter = json::parse(record.value, nullptr, false);
      if (!letter.is_object()) continue;
      const std::string stream = letter.value("stream", "");
      if (change.is_computed("stream/" + stream)) letters.push_back({.value = record.value});
    }
    if (!letters.empty()) LEAT_TRY(dead_letters->append(letters, std::nullopt));
    if (slice.next <= position) break;
    position = slice.next;
  }
  now.dead_letters = dead_letters->next_offset();
  if (now.dead_letters > dead_letters->durable_offset()) {
    LEAT_TRY(dead_letters->sync(Offset(now.dead_letters.value() - 1)));
  }
  return {};
}

/// What is in the store and of no view any more, and what a run that is over left of a catch-up.
Status Assembly::drop_leftovers() {
  const std::vector<std::string> used = view_families();
  for (const std::string& name : store->family_names()) {
    if (!name.starts_with(op::family_of_view(""))) continue;
    if (std::ranges::find(used, name) == used.end()) LEAT_TRY(store->drop_family(name));
  }
  if (options.bound) return {};
  return CatchUp::remove(options.data_directory);
}

void Assembly::put_definitions(state::CommitBatch& batch) const {
  for (const auto& [node, definition] : definitions) {
    const auto found = last_commit.definitions.find(node);
    if (found != last_commit.definitions.end() && found->second == definition) continue;
    batch.put(*family, "definition/" + node, json(definition).dump());
  }
  for (const auto& [node, definition] : last_commit.definitions) {
    if (!definitions.contains(node)) batch.remove(*family, "definition/" + node);
  }
  batch.remove(*family, "definition");
}

Status Assembly::drop_views() {
  for (const std::string& name : store->family_names()) {
    if (name.starts_with(op::family_of_view(""))) LEAT_TRY(store->drop_family(name));
  }
  return {};
}

Status Assembly::begin_anew() {
  LEAT_TRY(drop_views());
  CommitRecord anew;
  anew.epoch = last_commit.epoch;
  const auto batch = store->new_batch();
  LEAT_TRY(store->for_each(*family, "", "", [&](std::string_view key, std::string_view) {
    batch->remove(*family, key);
    return true;
  }));
  batch->put(*family, "epoch", fmt::format("{}", anew.epoch));
  if (graph.log) {
    // Those that were copied to the other system can't be taken back.
    anew.dead_letters = last_commit.dead_letters;
    batch->put(*family, "dead_letters", fmt::format("{{\"0\":{}}}", anew.dead_letters));
  }
  // Changelogs go on where they are: what sinks have read is not read again.
  for (const auto& [name, prepared] : last_commit.sinks) {
    if (!name.starts_with(Changelog::topic_of(""))) continue;
    anew.sinks[name] = prepared;
    batch->put(*family, "sink/" + name, prepared);
  }
  last_commit = std::move(anew);
  LEAT_TRY(store->commit(*batch));
  return {};
}

}  // namespace leat::runtime
