#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <vector>

#include "runtime/assembly.h"
#include "runtime/committer.h"
#include "runtime/input_planner.h"
#include "runtime/late_row.h"
#include "runtime/latency.h"
#include "runtime/worker_pool.h"

namespace leat::runtime {

/// The engine's one loop. Each turn is an epoch: take in what has arrived, bring every view up to
/// it, make it visible; and when it is time, hand it to the committer. Runs on one thread; what
/// other threads may call says so.
class EpochLoop {
 public:
  explicit EpochLoop(Assembly& assembly);
  ~EpochLoop();

  /// Before run(): what views say of no input at all (an aggregate without GROUP BY has a row then
  /// too) is made visible, so that the views above them, sinks and followers know of it.
  Status begin();
  /// Turns until `stop` is asked for, everything has ended (`once`), or something fails.
  Status run(std::stop_token stop);
  /// In place of run(), for who moves input and time himself: epochs until nothing is left to read
  /// and no watermark moves, and a commit of them. One thread.
  Status settle();
  /// One epoch of them, without a commit: what it took in comes again after a crash. False: there
  /// was none to run.
  Result<bool> step();
  /// In place of run(), where inputs end at given positions: reads all up to there and commits. One
  /// thread. Errors: `stopping` (transient) when `stop` was asked for, what ended an input.
  Status catch_up(const std::stop_token& stop);
  /// Every source has ended: one more epoch closes what is open, and one more commit shows it all.
  Status finish();

  /// Called by the committer's thread after a commit. Set before `run`.
  void on_committed(std::function<void()> notify) { on_committed_ = std::move(notify); }
  /// There may be something to read. Any thread.
  void wake();
  /// Runs `action` between two epochs and returns when it has run; false: the epoch took longer
  /// than this (it waits for a table), and it will not run. It may ask for visible() and nothing
  /// else of the loop. Any thread but the loop's own.
  bool between_epochs(const std::function<void()>& action,
                      std::chrono::milliseconds patience = std::chrono::seconds(5));
  /// The live sources have ended: topics get nothing more (`once`). Any thread.
  void close_inputs() {
    inputs_closed_ = true;
    wake();
  }
  /// Epochs pause, so that nothing more is taken in while the disk has no room. Any thread.
  void set_paused(bool paused) {
    paused_ = paused;
    wake();
  }

  /// Any thread.
  Epoch visible() const { return Epoch(visible_.load()); }
  Epoch wait_for_epoch(Epoch seen, std::chrono::milliseconds timeout) const;
  std::shared_ptr<const state::Snapshot> snapshot() const {
    return assembly_.timeline->take_snapshot();
  }
  const Latency& latency() const { return latency_; }
  const Committer& committer() const { return committer_; }
  std::uint64_t records_in() const { return records_in_; }

  /// What the loop publishes of itself after each epoch. Any thread.
  struct Counts {
    std::vector<StreamTally> streams;
    std::vector<op::EventTimeUs> watermarks;  ///< by stream
    std::vector<CommitRecord::OfView> views;
    std::vector<Epoch> views_touched;
    struct Refusals {
      std::uint64_t rows;
      std::string last;
    };
    std::vector<Refusals> views_refused;  ///< rows of their inputs
    struct Input {
      std::string topic, name;
      std::int32_t number;
      Offset position;
      std::uint64_t lag;
      bool ended;
      std::uint64_t missed;
    };
    std::vector<Input> inputs;
  };
  Counts counts() const;

 private:
  // One epoch, in this order.
  void begin_epoch();
  Status read_input();
  Status read_slices(unsigned worker);
  Status take_slice(SliceWork& work);
  void fold_slices();
  bool advance_watermarks();
  bool rows_end() const;
  Status update_views();
  Status update_level(std::size_t level);
  void note_touched(ViewSlot& view) const;
  op::EventTimeUs watermark_of(const ViewSlot& slot) const;
  void set_late_aside(ViewSlot& view, std::size_t input, const ChangeChunk& changes,
                      const std::vector<op::LateRow>& late);
  Status absorb_into(ViewSlot& view, unsigned worker, std::size_t input,
                     const ChangeChunk& changes);
  const ChangeChunk& part_of(ViewSlot& view, const ChangeChunk& changes, std::size_t begin,
                             std::size_t end);
  void report_refusals(ViewSlot& view);
  Status write_outputs();
  Status write_view_to_sinks(ViewSlot& view);
  void publish();
  void put_slices_back();
  void publish_stream(StreamSlot& slot);
  void publish_view(ViewSlot& slot);

  // Around the epochs.
  void hold_back();
  void hold_in_step();
  bool bounds_drift() const;
  void note_unread();
  bool time_passes();
  void hold_for_views();
  Result<bool> take_tables();
  Status first_look_at_tables();
  Status fill_indexes();
  Status fill_index(const IndexSlot& index);
  Status run_changes(std::size_t view, std::span<const ChangeChunk> changes);
  InputPartition* furthest_behind() const;
  bool has_input() const;
  bool all_ended() const;
  double read_of_bound() const;
  Status turn(const std::stop_token& stop);
  Status run_epoch(bool due);
  Status commit_if_due(bool force, bool last = false);
  bool under_load() const;
  std::chrono::milliseconds quiet_spacing() const;
  std::chrono::milliseconds loaded_spacing() const;
  bool rows_press() const;
  bool sinks_want_commit(std::chrono::steady_clock::time_point now);
  void tell_committed();
  void wait_for_input(const std::stop_token& stop);
  void run_actions();
  void discover_partitions();
  void note_counts();
  InputPlanner::Progress progress_of(const InputPartition& input) const;
  SliceWork* new_slice_work(unsigned worker);
  unsigned workers_for(std::size_t rows) const;

  Assembly& assembly_;
  std::function<void()> on_committed_;
  WorkerPool pool_;
  const std::size_t slice_bytes_;      // what a worker takes at a time
  const std::size_t epoch_bytes_max_;  // input of one epoch
  InputPlanner planner_;
  Committer committer_;
  Latency latency_;

  Epoch epoch_;                                // the one that runs
  bool input_ended_ = false;                   // every window closes
  bool tables_ready_ = false;                  // those that are kept have rows: records may come
  std::set<const InputPartition*> caught_up_;  // have had nothing left to read once
  std::size_t rows_in_epoch_ = 0;
  std::vector<std::unique_ptr<SliceWork>> slices_;  // of this epoch, in order
  std::vector<std::unique_ptr<SliceWork>> spare_slices_;
  std::mutex slices_mutex_;
  mutable std::mutex slots_mutex_;  // of the refusals and parts in views' slots, and of letters
  LateRowLetters late_letters_;     // of the epoch's rows that came late to views through others
  std::map<std::string, op::EventTimeUs> event_time_per_slice_;  // by input
  std::set<const InputPartition*> held_;                         // too far ahead of the others
  const std::vector<std::size_t> step_groups_;                   // by stream
  std::chrono::steady_clock::time_point last_commit_{};
  std::size_t last_commit_bytes_ = 0;    // of the views' state
  double last_commit_rate_ = 100 << 10;  // bytes a millisecond; at first a guess
  std::chrono::steady_clock::time_point last_discovery_{};
  std::chrono::steady_clock::time_point last_sinks_asked_{};
  bool uncommitted_ = false;
  bool definitions_committed_ = false;
  Epoch committing_;  // the newest epoch that the committer was given, and where inputs stood then
  std::map<std::string, Offset> committing_positions_;
  Offset dead_letters_end_;

  std::atomic<std::uint64_t> visible_{0};
  std::atomic<std::uint64_t> records_in_{0};
  std::atomic<bool> inputs_closed_{false};
  std::atomic<bool> paused_{false};

  mutable std::mutex mutex_;  // of what follows
  mutable std::condition_variable_any changed_;
  bool woken_ = false;
  bool resting_ = true;  // no epochs run, yet or any more: actions run where they are asked for
  struct Action {
    const std::function<void()>* run;
    bool done = false;
  };
  std::deque<Action*> actions_;  ///< of threads that wait for them
  Counts counts_;
};

}  // namespace leat::runtime
