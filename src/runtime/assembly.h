#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "log/topics.h"
#include "operator/view.h"
#include "pipeline/graph.h"
#include "runtime/change_feed.h"
#include "runtime/changelog.h"
#include "runtime/commit_record.h"
#include "runtime/connectors.h"
#include "runtime/engine.h"
#include "runtime/input.h"
#include "runtime/lookup_table.h"
#include "runtime/memory_cap.h"
#include "runtime/pipeline_change.h"
#include "runtime/recent_rows.h"
#include "runtime/reference_loader.h"
#include "runtime/sink_status.h"
#include "runtime/stream_stage.h"
#include "runtime/view_index.h"
#include "runtime/watermark.h"
#include "sql/program.h"
#include "state/store.h"
#include "state/timeline.h"

namespace leat::runtime {

/// With `once`, what can't be read for longer ends the run.
inline constexpr std::chrono::seconds once_patience{60};

/// A stream and all that the engine keeps for it.
struct StreamSlot {
  const pipeline::StreamNode* node = nullptr;
  std::unique_ptr<StreamStage> stage;
  std::unique_ptr<RecentRows> recent;
  std::shared_ptr<ChangeFeed> feed;
  std::optional<Watermark> watermark;
  StreamTally tally;  ///< since the data directory began
  std::string topic;  ///< that its records come from in the end
};

/// A view, or a part of one, and all that the engine keeps for it.
struct ViewSlot {
  const pipeline::ViewNode* node = nullptr;  ///< the view that it is, or is a part of
  const pipeline::ViewPart* part = nullptr;  ///< what it computes
  std::size_t index = 0;
  std::unique_ptr<op::ViewOperator> view;
  std::shared_ptr<ChangeFeed> feed;
  std::size_t level = 0;  ///< 0: over streams; else one more than the highest of its inputs
  std::vector<std::size_t> streams;  ///< those that its rows come from in the end, by index
  struct Dependent {
    std::size_t view = 0;
    std::size_t input = 0;  ///< which of its inputs this one is
  };
  std::vector<Dependent> dependents;
  std::vector<std::size_t> sinks;
  op::EpochContext context;  ///< of the epoch that runs
  CommitRecord::OfView counts;
  Epoch touched;  ///< the newest epoch that may have changed its rows
  std::vector<std::vector<ChangeChunk>> output;     ///< of this epoch, by shard
  std::vector<std::unique_ptr<ChangeChunk>> parts;  ///< of what it takes in until it merges
  std::uint64_t rows_refused = 0;                   ///< rows of its input that its SQL fails on
  std::string last_refusal;
  std::uint64_t refusals_reported = 0;
  std::chrono::steady_clock::time_point next_report{};

  bool is_index = false;    ///< an op::IndexView of the view
  bool drops_late = false;  ///< late rows are only counted

  /// Whether users know it: it is no mere part.
  bool is_shown() const { return part == node; }
};

/// A table that is kept.
struct ReferenceSlot {
  const pipeline::TableNode* node = nullptr;
  std::size_t view = 0;  ///< that has its rows
  std::unique_ptr<ReferenceLoader> loader;
};

/// Rows of a view by columns that streams look them up by.
struct IndexSlot {
  explicit IndexSlot(const sql::Lookup& lookup);

  std::unique_ptr<ViewIndex> rows;
  pipeline::ViewPart part;  ///< as which it stands among the views
  std::size_t view = 0;     ///< where it does
};

/// A sink that commits with the epoch: a file, or the changelog of a sink in another system.
struct SinkSlot {
  const pipeline::SinkNode* node = nullptr;
  std::string name;  ///< in the commit
  std::unique_ptr<connector::EpochSink> sink;
};

/// A sink in another system.
struct RemoteSinkSlot {
  const pipeline::SinkNode* node = nullptr;
  connector::SinkInput input;
  std::unique_ptr<connector::Sink> sink;
  log::Topic* topic = nullptr;     ///< what it reads: its changelog, or a topic
  Changelog* changelog = nullptr;  ///< one of `sinks`; null: it reads a topic
  std::unique_ptr<SinkStatus> status = std::make_unique<SinkStatus>();
};

/// A source in the graph: either live (it fills a topic) or replayable (its partitions are inputs).
struct SourceSlot {
  const pipeline::SourceNode* node = nullptr;
  std::unique_ptr<connector::LiveSource> live;
  std::unique_ptr<connector::ReplayableSource> replayable;
  std::unique_ptr<connector::SourceStatus> status = std::make_unique<connector::SourceStatus>();
  std::int32_t partitions = 0;  ///< of a replayable one, discovered so far
  bool discovery_failed = false;
  bool discovered_all = false;
};

/// Everything that a running pipeline is made of, put together from the checked graph and brought
/// to where the last commit left it. The epoch loop then moves it.
class Assembly {
 public:
  static Result<std::unique_ptr<Assembly>> build(pipeline::Graph graph, Connectors connectors,
                                                 Options options);

  const pipeline::Graph graph;
  const Connectors connectors;
  const Options options;
  unsigned workers = 1;
  unsigned shards = 1;

  std::unique_ptr<io::FileLock> lock;
  std::unique_ptr<state::Store> store;
  state::Family* family = nullptr;   ///< the engine's own
  state::Family* cursors = nullptr;  ///< where sinks in other systems stand
  std::string identity;              ///< of the data directory, made at its first start
  std::unique_ptr<state::Timeline> timeline;
  std::unique_ptr<op::MemoryBudget> budget;  ///< of all views
  std::optional<MemoryCap> memory_cap;       ///< moves the budget
  std::unique_ptr<log::Topics> feeds;        ///< in the data directory, also what sinks read
  std::unique_ptr<log::Topics> system_log;   ///< another system's; null: `feeds` are the topics
  log::Topics* topics = nullptr;             ///< of the pipeline: one of both
  // In `feeds`; with a system's log they are copied to its topic once they are committed.
  log::PartitionLog* dead_letters = nullptr;
  log::PartitionLog* sink_letters = nullptr;
  std::shared_ptr<sql::Database> database;
  std::vector<std::shared_ptr<sql::Session>> sessions;  ///< one a worker

  LookupTables tables;
  std::deque<IndexSlot> indexes;
  LookupSources lookups;            ///< both
  std::vector<StreamSlot> streams;  ///< in the graph's order
  std::vector<ViewSlot> views;
  std::vector<ReferenceSlot> reference_tables;
  std::vector<SinkSlot> sinks;
  std::vector<RemoteSinkSlot> remote_sinks;
  std::map<std::string, std::unique_ptr<connector::History>> histories;  ///< by their sinks
  std::vector<SourceSlot> sources;
  InputBell bell;  ///< rung by inputs
  std::vector<std::unique_ptr<InputPartition>> inputs;
  CommitRecord last_commit;
  Definitions definitions;     ///< of the pipeline that runs
  Epoch first_epoch;           ///< the next one to run
  bool views_are_new = false;  ///< no epoch has gone through them yet

  /// Asks a replayable source for partitions that are new, and puts them at their committed
  /// positions.
  Status discover(SourceSlot& source);
  /// Tells the source's status and the log what came of that.
  static void note_discovery(SourceSlot& source, const Status& found);
  std::optional<std::size_t> find_stream(const std::string& name) const;
  std::optional<std::size_t> find_view(const std::string& name) const;
  /// Of a view or of a part of one.
  std::optional<std::size_t> find_part(const std::string& name) const;
  /// Of a stream, a view or a part of one, which there is.
  const Schema& schema_of(const std::string& name) const;
  /// Puts what the pipeline is made of into a commit, where the last one says otherwise.
  void put_definitions(state::CommitBatch& batch) const;

 private:
  /// Epochs of different runs never share a number: a run begins at the next multiple of this.
  static constexpr std::uint64_t epochs_per_run = 1'000'000;

  Assembly(pipeline::Graph graph_, Connectors connectors_, Options options_)
      : graph(std::move(graph_)),
        connectors(std::move(connectors_)),
        options(std::move(options_)) {}

  Status open_directory();
  Status open_topics();
  Status open_system_log();
  Status check_same_log();
  std::unique_ptr<InputPartition> bounded(std::unique_ptr<InputPartition> input) const;
  void go_on_after(Epoch epoch);

  // What to do about another pipeline than the last one: assembly_change.cc.
  Status take_over_definitions();
  Status take_over(const PipelineChange& change);
  std::string hindrance_to(const PipelineChange& change, const pipeline::Graph& part) const;
  Status swap_in(const PipelineChange& change, std::unique_ptr<Assembly> computed);
  Status adopt_state(const PipelineChange& change, Assembly& computed, CommitRecord& now);
  Status adopt_letters(const PipelineChange& change, Assembly& computed, CommitRecord& now);
  Status drop_leftovers();
  Status begin_anew();
  Status drop_views();
  std::string family_name_of(const std::string& part) const;
  std::vector<std::string> view_families() const;
  std::string family_name_of(const IndexSlot& index) const;
  Connectors with_committed_tables(const PipelineChange& change) const;
  Result<std::unique_ptr<connector::ReferenceTable>> committed_table(
      const std::string& table) const;

  Status make_sources();
  Status look_first(SourceSlot& source);
  Status make_tables();
  void make_indexes();
  Status attach_index(IndexSlot& index, const op::Resources& resources);
  Status make_reference_tables();
  Status make_streams();
  Status make_views();
  void limit_memory(state::Store::Options& of_store);
  std::size_t changes_kept_max() const;
  Status make_view(const pipeline::ViewNode& node, const pipeline::ViewPart& part,
                   const op::Resources& resources);
  Status make_sinks();
  Status make_histories();
  Status make_remote_sink(const pipeline::SinkNode& node);
  Status connect_all();
  Status recover();
  Status recover_sinks();
  Status add_present_rows(const RemoteSinkSlot& slot);
  Status open_cursors();
  void add_input(std::unique_ptr<InputPartition> input);
  Result<std::vector<std::string>> csv_header_of(const pipeline::StreamNode& node) const;
  Result<std::vector<std::vector<std::unique_ptr<format::Decoder>>>> make_decoders() const;
};

}  // namespace leat::runtime
