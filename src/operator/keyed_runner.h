#pragma once

#include <atomic>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/row_codec.h"
#include "operator/keyed_inputs.h"
#include "operator/program_pool.h"
#include "sql/query.h"

namespace leat::op {

/// Rows to be run through a keyed query together, unit by unit: a unit is a key, a session of a
/// key, or with `frames` some of its rows that stand side by side. The rows' bytes (by RowCodec,
/// the columns behind the keys) must stay until it is cleared.
class KeyedFeed {
 public:
  explicit KeyedFeed(std::size_t inputs) : sides_(inputs) {}

  /// Of a session: when its first row was, and when it is over.
  struct Bounds {
    EventTimeUs start;
    EventTimeUs end;
  };
  /// Begins the next unit; they are numbered 0, 1, …
  void begin_unit() {
    for (Side& side : sides_) side.begins.push_back(side.rows.size());
    ++units_;
  }
  void begin_unit(const Bounds& bounds) {
    begin_unit();
    bounds_.push_back(bounds);
  }
  /// With `frames`: `carried` is what the row before the unit's carries on (by RowCodec), empty
  /// where there is none; it must stay as the rows.
  void begin_unit(std::string_view carried) {
    begin_unit();
    carried_.push_back(carried);
  }
  /// Adds a row of the newest unit as often as its weight says.
  void add(std::size_t input, std::string_view row, std::int64_t weight) {
    for (; weight > 0; --weight, ++row_count_) sides_[input].rows.push_back(row);
  }
  void clear() {
    for (Side& side : sides_) side = {};
    bounds_.clear();
    carried_.clear();
    units_ = 0;
    row_count_ = 0;
  }

  /// It should be run before another unit is added: a run takes a fixed time, and memory for all
  /// of its rows.
  bool full() const { return row_count_ >= rows_max || units_ >= units_max; }
  std::size_t unit_count() const { return units_; }
  std::size_t row_count() const { return row_count_; }
  std::span<const std::string_view> rows(std::size_t input) const { return sides_[input].rows; }
  const Bounds& bounds(std::size_t unit) const { return bounds_[unit]; }
  std::string_view carried(std::size_t unit) const { return carried_[unit]; }
  /// Which row of an input is the unit's first; of the number of units: how many there are.
  std::size_t begin_of(std::size_t input, std::size_t unit) const {
    const Side& side = sides_[input];
    return unit < units_ ? side.begins[unit] : side.rows.size();
  }
  std::span<const std::string_view> rows(std::size_t input, std::size_t unit) const {
    const std::size_t begin = begin_of(input, unit);
    return rows(input).subspan(begin, begin_of(input, unit + 1) - begin);
  }

 private:
  struct Side {
    std::vector<std::string_view> rows;
    std::vector<std::size_t> begins;  // of each unit
  };
  static constexpr std::size_t rows_max = 65536;
  static constexpr std::size_t units_max = 16384;

  std::vector<Side> sides_;
  std::vector<Bounds> bounds_;             // of sessions
  std::vector<std::string_view> carried_;  // with frames
  std::size_t units_ = 0;
  std::size_t row_count_ = 0;
};

/// Runs a keyed query over the rows of some units. Any thread: each call uses a session of its own.
///
/// A unit whose run fails (its SQL fails on its rows) has no rows until it can be computed, and the
/// others are unharmed.
class KeyedRunner {
 public:
  /// `inputs` outlives it.
  KeyedRunner(const sql::KeyedQuery& query, const KeyedInputs& inputs, sql::Database& database);

  /// Prepares the query once. Error `sql-invalid`.
  Status prepare();

  /// What came of a unit. Views stay for the call only.
  struct Result {
    std::size_t unit;
    bool computed;
    std::vector<std::string_view>& rows;     ///< by RowCodec, in no order; for the sink to use up
    std::span<const std::uint8_t> survives;  ///< of `survivors`: by fed row, 1 where it came out
    /// With `frames`: which fed row of the unit each of `rows` is made of, and what that carries.
    std::span<const std::size_t> made_of = {};
    std::span<const std::string_view> carried = {};
    std::span<const std::uint8_t> kept = {};  ///< whether it is in the result; 1 where it is
    std::string_view refusal = {};  ///< why it was not computed; with `frames` it is not noted
  };
  using Sink = std::function<Status(const Result& result)>;
  /// Calls `sink` once for each unit, in order.
  Status run(const KeyedFeed& feed, const Sink& sink) {
    return run(feed, 0, feed.unit_count(), sink);
  }

  const RowCodec& output_codec() const { return output_codec_; }
  /// How often a unit could not be computed, and why the last one. Any thread.
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  std::string last_refusal() const;
  void note_refusal(std::string_view message);

 private:
  /// What a run over some units gave, by place of the unit among them.
  struct Output {
    std::vector<EncodedRows> encoded;               // of each result chunk
    std::vector<std::vector<std::size_t>> unit;     // of each result chunk: each row's unit
    std::vector<std::uint8_t> survives;             // by fed row
    std::vector<std::vector<std::size_t>> made_of;  // of each result chunk: each row's fed row
    std::vector<EncodedRows> carried;               // of each result chunk
    std::vector<std::vector<std::uint8_t>> kept;    // of each result chunk
  };
  std::size_t hidden_columns() const;
  void take_numbers(const Chunk& result, Output& output) const;

  Status run(const KeyedFeed& feed, std::size_t first, std::size_t count, const Sink& sink);
  leat::Result<Output> compute(const KeyedFeed& feed, std::size_t first, std::size_t count);
  Status give_out(const Output& output, const KeyedFeed& feed, std::size_t first, std::size_t count,
                  const Sink& sink) const;

  const sql::KeyedQuery& query_;
  const KeyedInputs& inputs_;
  std::vector<Schema> schemas_;  // of the relations, without the added columns
  const RowCodec output_codec_;
  const RowCodec carried_codec_;  // with frames
  ProgramPool programs_;
  std::atomic<std::uint64_t> refused_{0};
  mutable std::mutex refusal_mutex_;
  std::string last_refusal_;
};

}  // namespace leat::op
