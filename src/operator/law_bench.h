#pragma once

#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "model/duck_test_database.h"
#include "model/row_codec.h"
#include "operator/view.h"
#include "sql/analyse.h"
#include "state/scratch_directory.h"

namespace leat::op {

/// Rows as they can be compared: what must be equal to the bit, and the doubles, which need not.
using ComparableRows = std::vector<std::pair<std::string, std::vector<double>>>;

ComparableRows comparable(const Schema& schema, const std::vector<Chunk>& chunks);
/// Adds a failure where the rows differ; doubles may by 1e-9 of their size.
void expect_same_rows(const ComparableRows& actual, const ComparableRows& expected,
                      const std::string& what);

/// A stream or a view's changes, made at random, and DuckDB's table of what they add up to.
class RandomInput {
 public:
  RandomInput(std::uint64_t seed, bool taken_back);

  static const Schema& schema();
  /// The next epoch's changes, in order of arrival.
  const std::vector<ChangeChunk>& next_epoch();
  const std::vector<ChangeChunk>& epoch(std::size_t number) const { return epochs_[number - 1]; }
  /// The judge: table `input` holds the sum of all changes.
  DuckTestDatabase& judge() { return judge_; }
  void run(const std::string& sql);

 private:
  std::string random_row(std::int64_t id);
  std::int64_t any(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound));
  }
  void take_back(std::vector<ChangeChunk>& changes);
  void add(std::vector<ChangeChunk>& changes);

  std::mt19937_64 random_;
  const bool taken_back_;
  DuckTestDatabase judge_;
  std::int64_t next_id_ = 0;
  std::vector<std::int64_t> ids_;
  std::vector<std::vector<ChangeChunk>> epochs_;
};

struct Setting {
  unsigned workers = 1;
  unsigned shards = 1;
  bool threads = false;                           ///< workers and shards run at the same time
  std::size_t memory_max = std::size_t{1} << 30;  ///< of each view
  MemoryBudget* budget = nullptr;                 ///< of all
};

/// A view's input made of RandomInput by a SELECT list and a condition.
sql::ViewInput view_input(const std::string& list, const std::string& condition, bool taken_back);

/// Some views over one input, taken through epochs, commits and losses of power together.
class ViewBench {
 public:
  using Make =
      std::function<Result<std::unique_ptr<ViewOperator>>(const std::string&, const Resources&)>;

  ViewBench(sql::Database& database, Setting setting);
  /// `inputs`: how many the view has; all of them are the one input.
  void add(const std::string& name, Make make, std::size_t inputs = 1);
  /// Makes the views and restores what was committed.
  void start();
  /// Runs one epoch over the input; gives the number of late rows of the first view.
  std::size_t run_epoch(const std::vector<ChangeChunk>& input, EventTimeUs watermark,
                        std::mt19937_64& random);
  /// Goes through epochs, commits and losses of power at random; `check` is called after each.
  void live(RandomInput& input, int epochs, std::mt19937_64& random,
            const std::function<void()>& check);
  void commit();
  /// Loses what was not committed, and runs it again; `watermarks`: of each epoch, empty where
  /// there are none.
  void replay(RandomInput& input, std::mt19937_64& random,
              std::span<const EventTimeUs> watermarks = {});
  /// Loses what was not committed; returns the epoch from which input must come again.
  std::uint64_t crash();

  ViewOperator& view(const std::string& name) { return *views_.at(name).view; }
  ComparableRows scan(const std::string& name);
  std::vector<std::string> scan_bytes(const std::string& name);
  /// The sum of all changes that the view gave out: its rows' bytes, sorted.
  std::vector<std::string> sum_of_changes(const std::string& name);
  std::shared_ptr<const state::Snapshot> snapshot() { return timeline_->take_snapshot(); }
  /// Input rows of the first view that were late in the last epoch, each with its chunk.
  const std::vector<std::pair<std::size_t, LateRow>>& late() const { return late_; }
  std::uint64_t epoch() const { return epoch_; }
  /// How many keys with this prefix the view has in the store.
  std::size_t stored(const std::string& name, std::string_view prefix);
  std::size_t committed_bytes() const { return committed_bytes_; }
  bool changes_wanted = true;
  EventTimeUs now = 0;  ///< what the clock says in the next epoch

 private:
  using Sums = std::map<std::string, std::int64_t>;
  struct View {
    Make make;
    std::size_t inputs = 1;
    std::unique_ptr<ViewOperator> view;
    Sums sums;
    Sums committed_sums;
  };
  void run_view(View& view, const EpochContext& context, const std::vector<ChangeChunk>& input,
                const std::vector<unsigned>& worker_of, bool first);
  void add_up(View& view, const std::vector<ChangeChunk>& changes);

  sql::Database& database_;
  const Setting setting_;
  state::ScratchDirectory directory_;
  std::unique_ptr<state::Store> store_;
  std::unique_ptr<state::Timeline> timeline_;
  std::map<std::string, View> views_;
  std::vector<std::pair<std::size_t, LateRow>> late_;
  std::uint64_t epoch_ = 0;
  std::uint64_t committed_epoch_ = 0;
  std::size_t committed_bytes_ = 0;
};

}  // namespace leat::op
