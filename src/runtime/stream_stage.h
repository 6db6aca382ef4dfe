#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connector/sink.h"
#include "format/decoder.h"
#include "operator/operator.h"
#include "pipeline/graph.h"
#include "runtime/passed_columns.h"
#include "runtime/slice_work.h"
#include "runtime/stream_lookups.h"
#include "sql/came.h"
#include "sql/program.h"

namespace leat::runtime {

/// One stream at work: decodes or takes its parent's rows, runs its SELECT, applies its
/// expectations, and hands the rows on to its views, sinks and child streams. `take_slice` runs on
/// several workers at once, each with decoder and programs of its own.
class StreamStage {
 public:
  struct Setup {
    const pipeline::StreamNode* node = nullptr;
    std::size_t index = 0;  ///< in the graph
    Schema input;           ///< decoded columns, or the parent's schema; then
                            ///< sql::came_column where the query asks for it
    /// Of a stream over a topic: one a worker, which uses it after those of the streams before it.
    std::vector<std::unique_ptr<format::Decoder>> decoders;
    std::span<const std::shared_ptr<sql::Session>> sessions;  ///< one a worker
    const LookupSources* lookups = nullptr;  ///< that its query may join with; outlive the stage
    const Clock* clock = &system_clock();
  };
  static Result<std::unique_ptr<StreamStage>> make(Setup setup);

  struct ViewConsumer {
    op::ViewOperator* view;
    const pipeline::ViewNode* node;
    std::size_t index;
    std::size_t input;                ///< which of the view's inputs the stream is
    bool drops_late;                  ///< late rows are only counted
    bool timed;                       ///< it asks when the rows' records came
    const op::EpochContext* context;  ///< of the epoch that runs
  };
  void add_view(ViewConsumer view) { views_.push_back(view); }
  void add_child(const StreamStage* child) { children_.push_back(child); }
  struct SinkConsumer {
    const connector::EpochSink* sink;
    std::size_t index;
    std::string name;
  };
  void add_sink(SinkConsumer sink) { sinks_.push_back(sink); }

  /// Frees what texts of the last epoch point into. Between epochs.
  void begin_epoch();

  /// The slice's records, for a stream over a topic. Error: the stream stops (an expectation with
  /// `else: fail`, a bug), or `stopping` while it waited for a table.
  Status take_slice(SliceWork& work) const;
  const pipeline::StreamNode& node() const { return node_; }
  std::size_t index() const { return index_; }

 private:
  /// What each worker has for itself.
  struct Tools {
    std::unique_ptr<format::Decoder> decoder;
    std::unique_ptr<sql::Program> select;  // null: rows pass, with all or some of their columns
    std::unique_ptr<sql::Program> beside;  // RowQuery::beside; null: it has none
    std::vector<std::unique_ptr<sql::Program>> expectations;
  };
  enum class Fate : std::uint8_t { filtered, out, late, dead };
  /// A chunk of this stream's rows; row i came from input row `input_row[i]`, which came from the
  /// slice's record `record[i]`.
  struct Rows {
    ChangeChunk changes;
    std::vector<std::uint32_t> input_row;
  };
  /// A run over one input: what came out and what became of each input row.
  struct Pass;
  /// The SELECT over rows that are at hand, from 0.
  class Selecting;
  class SelectingOfChunk;
  class SelectingOfJoined;
  class DecodeInput;

  explicit StreamStage(const Setup& setup)
      : node_(*setup.node),
        index_(setup.index),
        input_(setup.input),
        clock_(*setup.clock),
        timed_(sql::reads_came(node_.query.sql)) {
    const sql::RowQuery& query = node_.query;
    if (!query.passes.empty() && query.lookups.empty()) {
      passed_.emplace(query.passes, query.output, input_);
    }
  }
  bool selects() const { return tools_.front().select != nullptr; }

  Status take_rows(SliceWork& work, const ChangeChunk& parent) const;
  Status decode_as_is(SliceWork& work, Pass& pass) const;
  Status decode_and_select(SliceWork& work, Pass& pass) const;
  Status decode_and_select_apart(SliceWork& work, Pass& pass) const;
  Status decode_and_join(SliceWork& work, Pass& pass) const;
  Status join_and_select(SliceWork& work, Pass& pass, std::span<const Chunk> inputs) const;
  Status select_by_halves(SliceWork& work, Pass& pass, const Selecting& selecting,
                          std::size_t count, std::vector<Chunk>& outputs) const;
  Status collect(Pass& pass, std::vector<Chunk> outputs, std::span<const Chunk> inputs,
                 std::span<const std::uint32_t> record_of, std::uint32_t first_input_row) const;
  /// The rows with when their records came, in a column behind the others.
  static Chunk with_times(const SliceWork& work, const ChangeChunk& changes, const Schema& schema);
  Status collect_passed(Pass& pass, std::span<const Chunk> outputs, std::span<const Chunk> inputs,
                        std::span<const std::uint32_t> record_of,
                        std::uint32_t first_input_row) const;
  Status hand_on(SliceWork& work, Pass& pass, Rows rows) const;
  Status expect(SliceWork& work, Pass& pass, Rows& rows) const;
  Status judge(SliceWork& work, std::size_t expectation, const ChangeChunk& changes,
               std::vector<std::uint32_t>& refused, std::vector<std::string>& reasons) const;
  Status refuse_future(SliceWork& work, Pass& pass, Rows& rows) const;
  op::EventTimeUs newest_allowed() const;
  void take_out(Rows& rows, const std::vector<bool>& goes_on) const;
  Status feed_sink(SliceWork& work, Pass& pass, const Rows& rows, const SinkConsumer& sink) const;
  Status feed_views(SliceWork& work, Pass& pass, const Rows& rows) const;
  Status absorb(SliceWork& work, Pass& pass, const Rows& rows, const ViewConsumer& view) const;
  Status absorb_by_halves(SliceWork& work, Pass& pass, const Rows& rows,
                          const ViewConsumer& view) const;
  void refuse_late(SliceWork& work, Pass& pass, std::uint32_t input_row, const op::LateRow& late,
                   const ViewConsumer& view) const;
  void refuse(SliceWork& work, Pass& pass, std::uint32_t input_row, DeadLetter letter) const;
  void note_event_time(SliceWork& work, const ChangeChunk& changes) const;
  void keep(SliceWork& work, ChangeChunk changes) const;
  void tally(SliceWork& work, const Pass& pass) const;

  const pipeline::StreamNode& node_;
  const std::size_t index_;
  const Schema input_;
  const Clock& clock_;
  const bool timed_;  // the query asks when the records came
  std::optional<PassedColumns> passed_;
  std::unique_ptr<StreamLookups> lookups_;  // null: it joins with no table
  std::vector<Tools> tools_;                // by worker
  std::vector<ViewConsumer> views_;
  std::vector<SinkConsumer> sinks_;
  std::vector<const StreamStage*> children_;
};

}  // namespace leat::runtime
