// The sinks of an assembly: those that commit with the epoch, and those in other systems with what
// they read.

#include <sodium.h>
#include <spdlog/spdlog.h>

#include "base/check.h"
#include "runtime/assembly.h"

namespace leat::runtime {
namespace {

constexpr const char* identity_key = "$identity";
constexpr std::size_t identity_bytes = 8;
/// Small, so that what sinks have written is freed soon.
constexpr std::uint64_t changelog_segment_bytes = 32u << 20;

std::string new_identity() {
  unsigned char bytes[identity_bytes];
  ::randombytes_buf(bytes, sizeof bytes);
  std::string text(2 * identity_bytes + 1, '\0');
  ::sodium_bin2hex(text.data(), text.size(), bytes, sizeof bytes);
  text.pop_back();  // its terminating NUL
  return text;
}

}  // namespace

Status Assembly::open_cursors() {
  cursors = LEAT_TRY(store->family("cursors"));
  const std::optional<std::string> known = LEAT_TRY(store->get(*cursors, identity_key));
  if (known) {
    identity = *known;
    return {};
  }
  identity = new_identity();
  const auto batch = store->new_batch();
  batch->put(*cursors, identity_key, identity);
  return store->commit(*batch);
}

Status Assembly::make_sinks() {
  for (const pipeline::SinkNode& node : graph.sinks) {
    const auto make = connectors.sinks.find(node.connector);
    LEAT_CHECK(make != connectors.sinks.end());
    if (connectors.is_remote(node.connector)) {
      LEAT_TRY(make_remote_sink(node));
      continue;
    }
    SinkSlot slot{.node = &node, .name = node.name, .sink = {}};
    slot.sink = LEAT_TRY(make->second.with_the_epoch(node, schema_of(node.from), options.context));
    sinks.push_back(std::move(slot));
  }
  return {};
}

Status Assembly::make_histories() {
  const auto make = [&](const pipeline::SinkNode& node) -> Status {
    const auto maker = connectors.sinks.find(node.connector);
    if (maker == connectors.sinks.end() || !maker->second.history) return {};
    if (find_stream(node.name) || find_view(node.name)) return {};
    histories[node.name] = LEAT_TRY(maker->second.history(pipeline::sink_input_of(graph, node),
                                                          node.settings, options.context));
    return {};
  };
  for (const pipeline::SinkNode& node : graph.sinks) LEAT_TRY(make(node));
  // What is at rest can be looked at without them.
  for (const pipeline::SinkNode& node : graph.sinks_at_rest) {
    const Status made = make(node);
    if (!made)
      spdlog::warn("what sink {} wrote can't be read: {}", node.name, made.error().message);
  }
  return {};
}

Status Assembly::make_remote_sink(const pipeline::SinkNode& node) {
  RemoteSinkSlot slot{.node = &node, .input = pipeline::sink_input_of(graph, node), .sink = {}};
  slot.sink = LEAT_TRY(
      connectors.sinks.at(node.connector).remote(slot.input, node.settings, options.context));
  if (node.from_topic) {
    slot.topic = topics->find(node.from);
    LEAT_CHECK(slot.topic != nullptr);
    remote_sinks.push_back(std::move(slot));
    return {};
  }
  const std::string name = Changelog::topic_of(node.name);
  slot.topic = LEAT_TRY(feeds->open(name, {.segment_bytes = changelog_segment_bytes}));
  auto changelog = std::make_unique<Changelog>(slot.topic->partition(Partition(0)), slot.input,
                                               node.target, options.context.clock);
  slot.changelog = changelog.get();
  sinks.push_back({.node = &node, .name = name, .sink = std::move(changelog)});
  remote_sinks.push_back(std::move(slot));
  return {};
}

Status Assembly::recover_sinks() {
  for (SinkSlot& slot : sinks) {
    const auto found = last_commit.sinks.find(slot.name);
    LEAT_TRY(slot.sink->recover(found == last_commit.sinks.end()
                                    ? std::nullopt
                                    : std::optional<std::string>(found->second)));
  }
  // A changelog that nobody writes in this run has a gap after it.
  const auto batch = store->new_batch();
  for (auto& [name, prepared] : last_commit.sinks) {
    const bool present = std::ranges::find(sinks, name, &SinkSlot::name) != sinks.end();
    if (present || !name.starts_with(Changelog::topic_of(""))) continue;
    prepared = Changelog::gone(prepared);
    batch->put(*family, "sink/" + name, prepared);
  }
  if (batch->bytes() > 0) LEAT_TRY(store->commit(*batch));
  for (const RemoteSinkSlot& slot : remote_sinks) {
    if (slot.changelog == nullptr || !slot.changelog->incomplete()) continue;
    if (last_commit.epoch != Epoch(0)) LEAT_TRY(add_present_rows(slot));
  }
  return {};
}

/// The sink is new to rows that are there already.
Status Assembly::add_present_rows(const RemoteSinkSlot& slot) {
  const auto view = find_view(slot.node->from);
  const bool kept = view && views[*view].node->kept();
  if (!kept || (!slot.input.written_anew && !slot.changelog->is_new())) {
    spdlog::warn(
        "sink {}: it gets the rows of the {} {} from now on; run once with --rebuild to give it "
        "all that the topics still hold",
        slot.node->name, view ? "view" : "stream", slot.node->from);
    return {};
  }
  Status status;
  const auto snapshot = timeline->take_snapshot();
  LEAT_TRY(views[*view].view->scan(*snapshot, [&](const Chunk& rows) {
    status = slot.changelog->add_present_rows(rows);
    return status.has_value();
  }));
  return status;
}

}  // namespace leat::runtime
