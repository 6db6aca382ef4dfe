#include "runtime/assembly.h"

#include <algorithm>
#include <set>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "base/check.h"
#include "log/topics.h"
#include "operator/view.h"
#include "runtime/bounded_input.h"
#include "runtime/dead_letters.h"
#include "runtime/refused_row.h"
#include "runtime/stream_decoders.h"

namespace leat::runtime {
namespace {

/// Among the cursors: where the topics are kept that the rest of the store speaks of.
constexpr const char* log_key = "$log";
/// Opening the store and the topics writes a little.
constexpr std::uint64_t start_bytes_min = 16u << 20;

log::TopicConfig config_of(const pipeline::TopicNode& node) {
  log::TopicConfig config{.partitions = node.partitions,
                          .retention_ms = node.retention_ms,
                          .retention_bytes = node.retention_bytes,
                          .compacted = node.compacted};
  if (node.compression == "none") config.compression = log::Compression::none;
  if (node.compression == "zstd") config.compression = log::Compression::zstd;
  return config;
}

bool drops_late(const pipeline::ViewPart& part) {
  return std::visit(
      [](const auto& definition) {
        if constexpr (requires { definition.late; }) return definition.late == op::Late::drop;
        return false;
      },
      part.definition);
}

/// Whether a part's query asks when the records of an input's rows came.
bool asks_for_time(const pipeline::ViewPart& part, std::size_t input) {
  const auto asks = [](const sql::ViewInput& rows) { return sql::reads_came(rows.sql); };
  if (const auto* view = std::get_if<op::AggregateView>(&part.definition)) {
    return sql::reads_came(view->query.pre);
  }
  if (const auto* view = std::get_if<op::SelectView>(&part.definition)) {
    return asks(view->inputs[input]);
  }
  if (const auto* view = std::get_if<op::JoinView>(&part.definition)) {
    return asks(input == 0 ? view->query.left : view->query.right);
  }
  if (const auto* view = std::get_if<op::KeyedView>(&part.definition)) {
    return asks(view->query.inputs[input]);
  }
  return false;
}

unsigned power_of_two_at_least(unsigned number) {
  unsigned power = 1;
  while (power < number) power *= 2;
  return power;
}

}  // namespace

Result<std::unique_ptr<Assembly>> Assembly::build(pipeline::Graph graph, Connectors connectors,
                                                  Options options) {
  std::unique_ptr<Assembly> assembly(
      new Assembly(std::move(graph), std::move(connectors), std::move(options)));
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  assembly->workers = assembly->options.workers == 0 ? cores : assembly->options.workers;
  assembly->shards = power_of_two_at_least(2 * assembly->workers);
  LEAT_TRY(assembly->open_directory());
  LEAT_TRY(assembly->open_topics());
  LEAT_TRY(assembly->take_over_definitions());
  LEAT_TRY(assembly->make_tables());
  assembly->make_indexes();
  LEAT_TRY(assembly->make_streams());
  LEAT_TRY(assembly->make_views());
  LEAT_TRY(assembly->make_reference_tables());
  LEAT_TRY(assembly->make_sinks());
  LEAT_TRY(assembly->make_histories());
  LEAT_TRY(assembly->connect_all());
  LEAT_TRY(assembly->recover());
  LEAT_TRY(assembly->make_sources());
  return assembly;
}

Status Assembly::open_directory() {
  io::FileSystem& files = options.context.files;
  LEAT_TRY(files.create_directories(options.data_directory));
  lock = LEAT_TRY(files.lock(options.data_directory + "/lock",
                             fmt::format("process {} (leat run)", ::getpid())));
  // The store can't be opened without writing, and not every fault there is one to recover from.
  const std::uint64_t free = LEAT_TRY(files.free_bytes(options.data_directory));
  if (free < start_bytes_min) {
    return transient_error("disk-full",
                           "{}: no room: {} bytes are left on its disk, and a start needs {}; "
                           "free some, nothing is lost",
                           options.data_directory, free, start_bytes_min);
  }
  state::Store::Options of_store = options.store;
  limit_memory(of_store);
  of_store.warn = [](const std::string& message) { spdlog::warn("{}", message); };
  store = LEAT_TRY(state::Store::open(options.data_directory + "/store", of_store));
  // Whatever the store has synced, its folder's own name has not been.
  LEAT_TRY(files.sync_directory(options.data_directory));
  LEAT_TRY(store->make_families(std::vector<std::string>{"engine", "cursors"}));
  family = LEAT_TRY(store->family("engine"));
  LEAT_TRY(open_cursors());
  timeline = std::make_unique<state::Timeline>(*store);
  last_commit = LEAT_TRY(CommitRecord::load(*store, *family));
  first_epoch = Epoch(1);
  if (last_commit.epoch != Epoch(0)) go_on_after(last_commit.epoch);
  database = options.database ? options.database : LEAT_TRY(sql::Database::open());
  for (unsigned worker = 0; worker < workers; ++worker) {
    sessions.push_back(LEAT_TRY(database->connect()));
  }
  return {};
}

void Assembly::go_on_after(Epoch epoch) {
  first_epoch = Epoch((epoch.value() / epochs_per_run + 1) * epochs_per_run + 1);
  timeline->publish(epoch);
  timeline->committed(epoch);
}

Status Assembly::open_topics() {
  LEAT_TRY(check_same_log());
  log::TopicsOptions of_topics{.clock = &options.context.clock};
  of_topics.warn = [](const std::string& message) { spdlog::warn("{}", message); };
  if (options.disk_failed) of_topics.disk_failed = options.disk_failed;
  feeds = LEAT_TRY(log::open_embedded_topics(options.context.files,
                                             options.data_directory + "/topics", of_topics));
  topics = feeds.get();
  constexpr log::TopicConfig letters_config{.partitions = 2};
  if (graph.log) {
    LEAT_TRY(open_system_log());
    LEAT_TRY(topics->open(dead_letters_topic, letters_config));
  }
  if (options.bound) topics = options.bound->topics;
  for (const pipeline::TopicNode& node : graph.topics) {
    if (!node.source.empty()) continue;
    log::Topic* topic = options.bound ? topics->find(node.name)
                                      : LEAT_TRY(topics->open(node.name, config_of(node)));
    LEAT_CHECK(topic != nullptr);
    for (Partition partition(0); partition < Partition(topic->partition_count()); ++partition) {
      inputs.push_back(
          bounded(std::make_unique<LogInput>(node.name, partition, topic->partition(partition))));
    }
  }
  log::Topic* letters = LEAT_TRY(feeds->open(dead_letters_topic, letters_config));
  dead_letters = &letters->partition(Partition(0));
  sink_letters = &letters->partition(sink_letters_partition);
  return {};
}

std::unique_ptr<InputPartition> Assembly::bounded(std::unique_ptr<InputPartition> input) const {
  if (!options.bound) return input;
  const auto found_in = [&](const std::map<std::string, Offset>& offsets) {
    const auto found = offsets.find(input->id());
    return found == offsets.end() ? Offset(0) : found->second;
  };
  const Offset begin = found_in(options.bound->begins);
  const Offset end = found_in(options.bound->ends);
  return std::make_unique<BoundedInput>(std::move(input), begin, end);
}

/// Positions in the store are of one log's offsets.
Status Assembly::check_same_log() {
  const std::string log = graph.log ? graph.log->connector : "embedded";
  const std::string known = LEAT_TRY(store->get(*cursors, log_key)).value_or("embedded");
  if (log == known) return {};
  if (last_commit.epoch != Epoch(0)) {
    return user_error("log-changed",
                      "{}: its topics are kept in another place ({}) than the pipeline says now "
                      "({}), and what it holds is of those; put `log:` back, or name another "
                      "directory with --data",
                      options.data_directory, known, log);
  }
  const auto batch = store->new_batch();
  batch->put(*cursors, log_key, log);
  return store->commit(*batch);
}

Status Assembly::open_system_log() {
  const auto maker = connectors.logs.find(graph.log->connector);
  LEAT_CHECK(maker != connectors.logs.end());
  connector::Context context = options.context;
  context.owner = identity;
  context.durable_directory = options.data_directory + "/" + graph.log->connector + "_log";
  system_log = LEAT_TRY(maker->second.open(graph.log->settings, context));
  topics = system_log.get();
  return {};
}

Result<std::vector<std::string>> Assembly::csv_header_of(const pipeline::StreamNode& node) const {
  const std::vector<std::string>& written = node.format_settings.list("header");
  if (node.format != "csv" || !written.empty()) return written;
  for (const pipeline::SourceNode& source : graph.sources) {
    if (source.topic != node.input) continue;
    const auto found = connectors.sources.find(source.connector);
    if (found == connectors.sources.end() || !found->second.csv_header) continue;
    return found->second.csv_header(source.settings, options.context);
  }
  // No header line anywhere: the declared columns are the record's fields, in their order.
  std::vector<std::string> names;
  for (const DecodedColumn& column : node.columns) {
    if (column.field.starts_with('$')) continue;  // of the record, not in it
    names.push_back(column.field.empty() ? column.name : column.field);
  }
  return names;
}

const Schema& Assembly::schema_of(const std::string& name) const {
  if (const auto stream = find_stream(name)) return streams[*stream].node->schema;
  const auto view = find_part(name);
  LEAT_CHECK(view.has_value());
  return views[*view].part->schema;
}

/// By stream and worker; none for a stream over a stream.
Result<std::vector<std::vector<std::unique_ptr<format::Decoder>>>> Assembly::make_decoders() const {
  std::vector<TopicReader> readers;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < graph.streams.size(); ++i) {
    const pipeline::StreamNode& node = graph.streams[i];
    if (!node.from_topic) continue;
    TopicReader reader{&node, LEAT_TRY(csv_header_of(node)), {}};
    for (const pipeline::SourceNode& source : graph.sources) {
      const auto found = connectors.sources.find(source.connector);
      if (source.topic != node.input || found == connectors.sources.end()) continue;
      if (const auto& decoder = found->second.decoder) {
        reader.of_source = [&](format::WantedColumns wanted) {
          return decoder(source.settings, std::move(wanted));
        };
      }
    }
    readers.push_back(std::move(reader));
    places.push_back(i);
  }
  std::vector<std::vector<std::unique_ptr<format::Decoder>>> decoders(graph.streams.size());
  for (std::size_t worker = 0; worker < sessions.size(); ++worker) {
    auto made = LEAT_TRY(make_stream_decoders(readers));
    for (std::size_t n = 0; n < made.size(); ++n) {
      decoders[places[n]].push_back(std::move(made[n]));
    }
  }
  return decoders;
}

Status Assembly::make_streams() {
  auto decoders = LEAT_TRY(make_decoders());
  for (const pipeline::StreamNode& node : graph.streams) {
    StreamSlot slot{.node = &node};
    Schema input;
    if (node.from_topic) {
      std::vector<Column> columns;
      for (const DecodedColumn& column : node.columns)
        columns.push_back({column.name, column.type});
      input = Schema(std::move(columns));
      slot.topic = node.input;
    } else {
      input = schema_of(node.input);
      slot.topic = streams[*find_stream(node.input)].topic;
    }
    slot.stage = LEAT_TRY(StreamStage::make({.node = &node,
                                             .index = streams.size(),
                                             .input = sql::with_came(input, node.query.sql),
                                             .decoders = std::move(decoders[streams.size()]),
                                             .sessions = sessions,
                                             .lookups = &lookups,
                                             .clock = &options.context.clock}));
    slot.recent =
        std::make_unique<RecentRows>(node.schema, static_cast<std::size_t>(node.recent_rows_max));
    slot.feed = std::make_shared<ChangeFeed>(changes_kept_max());
    if (node.event_time) slot.watermark.emplace(*node.event_time);
    slot.tally.expectations.resize(node.expectations.size());
    streams.push_back(std::move(slot));
  }
  return {};
}

/// Of views, their parts and their indexes, each once.
std::vector<std::string> Assembly::view_families() const {
  std::vector<std::string> families;
  for (const pipeline::ViewNode& node : graph.views) {
    for (const pipeline::ViewPart& part : node.parts) {
      families.push_back(op::family_of_view(family_name_of(part.name)));
    }
    families.push_back(op::family_of_view(family_name_of(node.name)));
  }
  std::set<std::string> of_indexes;
  for (const pipeline::StreamNode& stream : graph.streams) {
    for (const sql::Lookup& lookup : stream.query.lookups) {
      if (lookup.view) of_indexes.insert(op::family_of_view(family_name_of(IndexSlot(lookup))));
    }
  }
  families.insert(families.end(), of_indexes.begin(), of_indexes.end());
  return families;
}

Status Assembly::make_views() {
  const std::vector<std::string> families = view_families();
  LEAT_TRY(store->make_families(families));
  budget = std::make_unique<op::MemoryBudget>(
      memory_cap ? memory_cap->rows_at_first() : options.state_memory_max,
      std::max<std::size_t>(1, families.size()));
  const op::Resources resources{.store = *store,
                                .timeline = *timeline,
                                .database = *database,
                                .workers = workers,
                                .shards = shards,
                                .budget = budget.get()};
  for (const pipeline::ViewNode& node : graph.views) {
    for (const pipeline::ViewPart& part : node.parts) LEAT_TRY(make_view(node, part, resources));
    LEAT_TRY(make_view(node, node, resources));
  }
  for (IndexSlot& index : indexes) LEAT_TRY(attach_index(index, resources));
  return {};
}

Status Assembly::make_view(const pipeline::ViewNode& node, const pipeline::ViewPart& part,
                           const op::Resources& resources) {
  ViewSlot slot{.node = &node, .part = &part, .index = views.size()};
  slot.drops_late = drops_late(part);
  std::vector<Schema> schemas;
  for (const std::string& input : part.inputs) schemas.push_back(schema_of(input));
  if (node.of_table) schemas.push_back(node.schema);
  slot.view =
      LEAT_TRY(op::make_view(family_name_of(part.name), part.definition, schemas, resources));
  slot.feed = std::make_shared<ChangeFeed>(changes_kept_max());
  slot.output.resize(shards);
  std::set<std::size_t> from;
  for (std::size_t i = 0; i < part.inputs.size(); ++i) {
    const auto upstream = find_part(part.inputs[i]);
    if (!upstream) {
      from.insert(*find_stream(part.inputs[i]));
      continue;
    }
    ViewSlot& below = views[*upstream];
    slot.level = std::max(slot.level, below.level + 1);
    from.insert(below.streams.begin(), below.streams.end());
    below.dependents.push_back({.view = slot.index, .input = i});
  }
  slot.streams.assign(from.begin(), from.end());
  views.push_back(std::move(slot));
  return {};
}

/// Tells every stream who takes its rows. Slots don't move any more from here on.
Status Assembly::connect_all() {
  for (StreamSlot& slot : streams) {
    if (slot.node->from_topic) continue;
    streams[*find_stream(slot.node->input)].stage->add_child(slot.stage.get());
  }
  for (ViewSlot& slot : views) {
    for (std::size_t i = 0; i < slot.part->inputs.size(); ++i) {
      const auto stream = find_stream(slot.part->inputs[i]);
      if (!stream) continue;
      streams[*stream].stage->add_view({.view = slot.view.get(),
                                        .node = slot.node,
                                        .index = slot.index,
                                        .input = i,
                                        .drops_late = slot.drops_late,
                                        .timed = asks_for_time(*slot.part, i),
                                        .context = &slot.context});
    }
  }
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    const std::string& from = sinks[i].node->from;  // never a topic
    if (const auto stream = find_stream(from)) {
      streams[*stream].stage->add_sink({sinks[i].sink.get(), i, sinks[i].node->name});
    } else {
      views[*find_view(from)].sinks.push_back(i);
    }
  }
  return {};
}

Status Assembly::recover() {
  const auto now = options.context.clock.steady();
  for (StreamSlot& slot : streams) {
    const auto found = last_commit.streams.find(slot.node->name);
    if (found == last_commit.streams.end()) continue;
    slot.tally = found->second.tally;
    slot.tally.expectations.resize(slot.node->expectations.size());
    if (slot.watermark) slot.watermark->restore(found->second.watermark, now);
  }
  for (ViewSlot& slot : views) {
    LEAT_TRY(slot.view->restore());
    const auto found = last_commit.views.find(slot.part->name);
    if (found != last_commit.views.end()) slot.counts = found->second;
  }
  LEAT_TRY(recover_sinks());
  if (dead_letters->next_offset() > last_commit.dead_letters) {
    LEAT_TRY(dead_letters->truncate_to(last_commit.dead_letters));
  }
  for (std::unique_ptr<InputPartition>& input : std::exchange(inputs, {})) {
    const auto found = last_commit.positions.find(input->id());
    if (found != last_commit.positions.end()) LEAT_TRY(input->seek(found->second));
    add_input(std::move(input));
  }
  return {};
}

void Assembly::add_input(std::unique_ptr<InputPartition> input) {
  const auto now = options.context.clock.steady();
  for (StreamSlot& slot : streams) {
    if (slot.watermark && slot.topic == input->topic()) {
      slot.watermark->add_partition(input->id(), now);
    }
  }
  inputs.push_back(std::move(input));
}

Status Assembly::make_sources() {
  for (const pipeline::SourceNode& node : graph.sources) {
    const auto found = connectors.sources.find(node.connector);
    LEAT_CHECK(found != connectors.sources.end());
    SourceSlot slot{.node = &node};
    connector::Context context = options.context;
    context.owner = node.pipeline + "." + node.name;
    if (found->second.live) {
      slot.live = LEAT_TRY(found->second.live(node.settings, context));
    } else {
      slot.replayable = LEAT_TRY(found->second.replayable(node.settings, context));
    }
    sources.push_back(std::move(slot));
    if (sources.back().replayable && !node.copied) LEAT_TRY(look_first(sources.back()));
  }
  return {};
}

/// A source that goes on looking is waited for, whatever its system says: a wrong password, too.
Status Assembly::look_first(SourceSlot& source) {
  Status found = discover(source);
  if (found || options.once || !source.replayable->keeps_discovering()) return found;
  note_discovery(source, found);
  return {};
}

void Assembly::note_discovery(SourceSlot& source, const Status& found) {
  if (!found) {
    source.status->set_error(found.error().message);
    source.status->set_state(found.error().retryable ? "retrying" : "failed");
    // The first of a row of failures is worth a line; the rest are in the status.
    if (!source.discovery_failed) {
      spdlog::error("source {}: {}", source.node->name, found.error().message);
    }
  } else if (source.discovery_failed && source.status->partitions_failing == 0) {
    source.status->set_error("");
  }
  source.discovery_failed = !found;
}

Status Assembly::discover(SourceSlot& source) {
  auto readers = LEAT_TRY(source.replayable->discover());
  source.discovered_all = !source.replayable->keeps_discovering();
  for (auto& reader : readers) {
    ReaderInput::Setup setup{.source = source.node->name, .status = *source.status, .bell = bell};
    if (options.once) setup.patience = once_patience;
    auto input = bounded(std::make_unique<ReaderInput>(
        source.node->topic, Partition(source.partitions++), std::move(reader), std::move(setup)));
    const auto found = last_commit.positions.find(input->id());
    if (found != last_commit.positions.end()) LEAT_TRY(input->seek(found->second));
    add_input(std::move(input));
  }
  return {};
}

std::optional<std::size_t> Assembly::find_stream(const std::string& name) const {
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if (streams[i].node->name == name) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> Assembly::find_view(const std::string& name) const {
  const auto part = find_part(name);
  return part && views[*part].is_shown() ? part : std::nullopt;
}

std::optional<std::size_t> Assembly::find_part(const std::string& name) const {
  for (std::size_t i = 0; i < views.size(); ++i) {
    if (views[i].part->name == name) return i;
  }
  return std::nullopt;
}

}  // namespace leat::runtime
