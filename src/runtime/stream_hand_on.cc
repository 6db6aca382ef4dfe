// The second half of a stream's work: its rows are there, now they are judged and handed on.

#include <algorithm>
#include <chrono>
#include <numeric>

#include "base/by_halves.h"
#include "model/chunk_copy.h"
#include "runtime/late_row.h"
#include "runtime/stream_pass.h"

namespace leat::runtime {

Status StreamStage::hand_on(SliceWork& work, Pass& pass, Rows rows) const {
  LEAT_TRY(expect(work, pass, rows));
  LEAT_TRY(refuse_future(work, pass, rows));
  if (rows.changes.rows.size() == 0) return {};
  rows.changes.order = (work.order << 32) | work.chunks++;
  for (const std::uint32_t input_row : rows.input_row) pass.mark(input_row, Fate::out);
  note_event_time(work, rows.changes);
  LEAT_TRY(feed_views(work, pass, rows));
  for (const SinkConsumer& sink : sinks_) {
    LEAT_TRY(feed_sink(work, pass, rows, sink));
  }
  for (const StreamStage* child : children_) LEAT_TRY(child->take_rows(work, rows.changes));
  keep(work, std::move(rows.changes));
  return {};
}

Status StreamStage::feed_sink(SliceWork& work, Pass& pass, const Rows& rows,
                              const SinkConsumer& sink) const {
  SliceWork::ForSink& bytes = work.sinks[sink.index];
  std::vector<connector::RefusedRow> refused;
  LEAT_TRY(sink.sink->encode_or_refuse(rows.changes, bytes.bytes, refused));
  bytes.rows += rows.changes.rows.size() - refused.size();
  for (connector::RefusedRow& row : refused) {
    refuse(work, pass, rows.input_row[row.row],
           {.stage = Stage::sink,
            .stream = node_.name,
            .reason = fmt::format("sink {}: {}", sink.name, row.reason)});
  }
  return {};
}

/// Judges each row by every expectation; takes out those that may not go on.
Status StreamStage::expect(SliceWork& work, Pass& pass, Rows& rows) const {
  if (node_.expectations.empty()) return {};
  const std::size_t count = rows.changes.rows.size();
  std::vector<bool> goes_on(count, true);
  for (std::size_t i = 0; i < node_.expectations.size(); ++i) {
    const pipeline::Expectation& expectation = node_.expectations[i];
    std::vector<std::uint32_t> refused;
    std::vector<std::string> reasons;
    LEAT_TRY(judge(work, i, rows.changes, refused, reasons));
    pass.expected[i].refused += refused.size();
    pass.expected[i].passed += count - refused.size();
    if (refused.empty() || expectation.otherwise == pipeline::Refusal::warn) continue;
    if (expectation.otherwise == pipeline::Refusal::fail) {
      const Record& record = work.slice.records[rows.changes.record_of[refused.front()]];
      return user_error(
          "expectation-failed",
          "stream {}: expectation {} does not hold for the record at {} offset {}: {}; nothing of "
          "its epoch was taken in; mend the record's source, or let the expectation quarantine",
          node_.name, expectation.name, work.input->id(), record.offset, reasons.front());
    }
    for (std::size_t k = 0; k < refused.size(); ++k) {
      goes_on[refused[k]] = false;
      if (expectation.otherwise != pipeline::Refusal::quarantine) continue;
      refuse(work, pass, rows.input_row[refused[k]],
             {.stage = Stage::expect,
              .stream = node_.name,
              .column = expectation.name,
              .reason = std::move(reasons[k])});
    }
  }
  take_out(rows, goes_on);
  return {};
}

Status StreamStage::judge(SliceWork& work, std::size_t expectation, const ChangeChunk& changes,
                          std::vector<std::uint32_t>& refused,
                          std::vector<std::string>& reasons) const {
  const bool timed = sql::reads_came(node_.expectations[expectation].sql);
  Chunk rows;
  if (timed) rows = with_times(work, changes, node_.schema);
  const Chunk& judged = timed ? rows : changes.rows;
  const std::string& that = node_.expectations[expectation].that;
  sql::Program& program = *tools_[work.worker].expectations[expectation];
  const auto judge_part = [&](std::size_t begin, std::size_t count) -> Status {
    const std::size_t before = refused.size();
    const auto input = sql::input_of(judged, {}, true, false, begin, count);
    Status status = program.run(*input, [&](Chunk verdicts) -> Status {
      const auto* holds = static_cast<const bool*>(duckdb_vector_get_data(verdicts.vector(0)));
      const std::uint64_t* validity = duckdb_vector_get_validity(verdicts.vector(0));
      const auto* row_numbers =
          static_cast<const std::int64_t*>(duckdb_vector_get_data(verdicts.vector(1)));
      for (std::size_t row = 0; row < verdicts.size(); ++row) {
        const bool known = is_valid(validity, row);
        if (known && holds[row]) continue;
        refused.push_back(static_cast<std::uint32_t>(row_numbers[row]));
        reasons.push_back(fmt::format("{} is {}", that, known ? "false" : "NULL"));
      }
      return {};
    });
    if (!status) {
      refused.resize(before);
      reasons.resize(before);
    }
    return status;
  };
  return by_halves(0, judged.size(), judge_part, [&](std::size_t row, const Error& reason) {
    refused.push_back(static_cast<std::uint32_t>(row));
    reasons.push_back(fmt::format("{} failed: {}", that, reason.message));
    return Status();
  });
}

void StreamStage::take_out(Rows& rows, const std::vector<bool>& goes_on) const {
  if (std::find(goes_on.begin(), goes_on.end(), false) == goes_on.end()) return;
  std::vector<std::uint32_t> left;
  for (std::uint32_t row = 0; row < goes_on.size(); ++row) {
    if (goes_on[row]) left.push_back(row);
  }
  for (std::size_t i = 0; i < left.size(); ++i) {
    rows.input_row[i] = rows.input_row[left[i]];
    rows.changes.record_of[i] = rows.changes.record_of[left[i]];
  }
  rows.input_row.resize(left.size());
  rows.changes.record_of.resize(left.size());
  rows.changes.rows = copy_of(rows.changes.rows, left);
}

Status StreamStage::feed_views(SliceWork& work, Pass& pass, const Rows& rows) const {
  std::optional<Rows> timed;  // shares its texts with the rows, which are kept
  for (const ViewConsumer& view : views_) {
    if (view.timed && !timed) {
      timed = Rows{{.rows = with_times(work, rows.changes, node_.schema),
                    .weights = {},
                    .order = rows.changes.order,
                    .record_of = rows.changes.record_of},
                   rows.input_row};
    }
    LEAT_TRY(absorb(work, pass, view.timed ? *timed : rows, view));
  }
  return {};
}

Status StreamStage::absorb(SliceWork& work, Pass& pass, const Rows& rows,
                           const ViewConsumer& view) const {
  std::vector<op::LateRow> late;
  Status status = view.view->absorb(work.worker, *view.context, view.input, rows.changes, late);
  if (!status && status.error().code == "row-failed") {
    return absorb_by_halves(work, pass, rows, view);
  }
  LEAT_TRY(std::move(status));
  for (const op::LateRow& row : late) {
    refuse_late(work, pass, rows.input_row[row.row], row, view);
  }
  return {};
}

/// The view's own SQL failed on a row: find it, so that all others get in.
Status StreamStage::absorb_by_halves(SliceWork& work, Pass& pass, const Rows& rows,
                                     const ViewConsumer& view) const {
  std::vector<std::uint32_t> all(rows.changes.rows.size());
  std::iota(all.begin(), all.end(), 0);
  const auto absorb_part = [&](std::size_t begin, std::size_t count) -> Status {
    // Copies live as long as the other rows do: the view may look at them until it merges.
    auto copy = std::make_unique<ChangeChunk>();
    copy->rows = copy_of(rows.changes.rows, std::span(all).subspan(begin, count));
    copy->order = rows.changes.order;
    const ChangeChunk& changes = *copy;
    work.streams[index_].parts.push_back(std::move(copy));
    std::vector<op::LateRow> late;
    LEAT_TRY(view.view->absorb(work.worker, *view.context, view.input, changes, late));
    for (const op::LateRow& row : late) {
      refuse_late(work, pass, rows.input_row[begin + row.row], row, view);
    }
    return {};
  };
  return by_halves(0, all.size(), absorb_part, [&](std::size_t row, Error reason) {
    refuse(work, pass, rows.input_row[row],
           {.stage = Stage::view,
            .stream = node_.name,
            .view = view.node->name,
            .reason = std::move(reason.message)});
    return Status();
  });
}

void StreamStage::refuse_late(SliceWork& work, Pass& pass, std::uint32_t input_row,
                              const op::LateRow& late, const ViewConsumer& view) const {
  ++work.late_of_view[view.index];
  if (view.drops_late) {
    pass.mark(input_row, Fate::late);
    return;
  }
  refuse(work, pass, input_row,
         {.stage = Stage::late,
          .stream = node_.name,
          .view = view.node->name,
          .reason = late_reason(late, view.node->name),
          .windows_closed = late.closed,
          .windows_open = late.open});
}

op::EventTimeUs StreamStage::newest_allowed() const {
  if (node_.event_time->max_ahead_ms == 0) return op::end_of_time;
  return (clock_.now_ms() + node_.event_time->max_ahead_ms) * 1000;
}

/// Counts the rows whose clocks must be wrong; takes them out unless they are to be kept.
Status StreamStage::refuse_future(SliceWork& work, Pass& pass, Rows& rows) const {
  if (!node_.event_time || node_.event_time->max_ahead_ms == 0) return {};
  const duckdb_vector vector = rows.changes.rows.vector(node_.event_time->column);
  const auto* times = static_cast<const std::int64_t*>(duckdb_vector_get_data(vector));
  const std::uint64_t* validity = duckdb_vector_get_validity(vector);
  const op::EventTimeUs newest_allowed = this->newest_allowed();
  std::vector<std::uint32_t> ahead;
  for (std::uint32_t row = 0; row < rows.changes.rows.size(); ++row) {
    if (is_valid(validity, row) && times[row] > newest_allowed) ahead.push_back(row);
  }
  work.streams[index_].tally.future += ahead.size();
  if (ahead.empty() || node_.event_time->keeps_future) return {};
  std::vector<bool> goes_on(rows.changes.rows.size(), true);
  for (const std::uint32_t row : ahead) {
    goes_on[row] = false;
    const auto seconds = (times[row] - newest_allowed) / 1'000'000;
    refuse(work, pass, rows.input_row[row],
           {.stage = Stage::future,
            .stream = node_.name,
            .column = node_.schema[node_.event_time->column].name,
            .reason = fmt::format("its event time is {} s further ahead of the clock than "
                                  "max_ahead ({} s) allows",
                                  seconds, node_.event_time->max_ahead_ms / 1000)});
  }
  take_out(rows, goes_on);
  return {};
}

void StreamStage::note_event_time(SliceWork& work, const ChangeChunk& changes) const {
  if (!node_.event_time) return;
  const duckdb_vector vector = changes.rows.vector(node_.event_time->column);
  const auto* times = static_cast<const std::int64_t*>(duckdb_vector_get_data(vector));
  const std::uint64_t* validity = duckdb_vector_get_validity(vector);
  const op::EventTimeUs newest_allowed = this->newest_allowed();
  op::EventTimeUs& newest = work.streams[index_].newest;
  for (std::size_t row = 0; row < changes.rows.size(); ++row) {
    if (!is_valid(validity, row) || times[row] > newest_allowed) continue;
    newest = std::max(newest, times[row]);
  }
}

/// Views look at the rows' texts until the epoch has merged, and others at the newest of them after
/// that.
void StreamStage::keep(SliceWork& work, ChangeChunk changes) const {
  work.streams[index_].rows.push_back(std::move(changes));
}

}  // namespace leat::runtime
