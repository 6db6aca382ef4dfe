#include "pipeline/ttl_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/scalar.h"
#include "pipeline/view_state.h"

namespace leat::pipeline {
namespace {}  // namespace

std::optional<op::TimeToLive> read_ttl(const Fields& fields, Diagnostics& diagnostics) {
  using By = op::TimeToLive::By;
  const Node* value = fields.find("ttl");
  if (value == nullptr) return std::nullopt;
  if (value->is_scalar()) {
    const auto length = fields.number("ttl");
    if (!length) return std::nullopt;
    return op::TimeToLive{By::processing_time, *length * 1000};
  }
  const Fields clocks(*value, section("view.ttl"), diagnostics);
  const bool by_event = clocks.has("event_time");
  if (by_event == clocks.has("processing_time")) {
    diagnostics.error(value->at, "conflicting-keys",
                      "ttl is by one clock; write ttl: {event_time: 7d} or ttl: {processing_time: "
                      "7d}");
    return std::nullopt;
  }
  const auto length = clocks.number(by_event ? "event_time" : "processing_time");
  if (!length) return std::nullopt;
  return op::TimeToLive{by_event ? By::event_time : By::processing_time, *length * 1000};
}

namespace {

/// Gives a view's operators its time to live.
class TtlTaker {
 public:
  TtlTaker(const op::TimeToLive& ttl, const Fields& fields, Scope& scope, ViewNode& view)
      : ttl_(ttl),
        fields_(fields),
        scope_(scope),
        diagnostics_(scope.diagnostics),
        view_(view),
        by_event_(ttl.by == op::TimeToLive::By::event_time) {}

  void run() {
    const auto before = diagnostics_.errors();
    bool lives = false;
    for (ViewPart& part : view_.parts) lives |= take(part);
    lives |= take(view_);
    if (!lives && diagnostics_.errors() == before) refuse("conflicting-keys", hindrance());
  }

 private:
  void refuse(const char* code, const std::string& why) {
    diagnostics_.error(fields_.at("ttl"), code, why);
  }

  /// Whether the operator forgets something by it.
  bool take(ViewPart& part) {
    if (goes_by_time(part)) return take_by_time(part);
    if (auto* latest = std::get_if<op::LatestView>(&part.definition)) {
      const auto* stream = scope_.stream(part.inputs.front());
      const auto* time = stream != nullptr && stream->event_time ? &*stream->event_time : nullptr;
      if (by_event_ && time == nullptr) return refuse_time(part);
      latest->ttl = ttl_;
      if (by_event_) latest->ttl->time_column = time->column;
      return true;
    }
    auto* groups = std::get_if<op::AggregateView>(&part.definition);
    if (groups == nullptr || groups->query.window || groups->query.window_key ||
        groups->query.key_count == 0 || takes_back(part.inputs.front(), groups->query.weighted)) {
      return false;
    }
    const auto& time = groups->query.row_time;
    if (by_event_ && !time) return refuse_time(part);
    groups->ttl = ttl_;
    if (by_event_) {
      groups->ttl->time_column = time->column;
      groups->ttl->behind_us = time->behind_us;
    }
    return true;
  }

  /// Of ASOF joins: for how long a row of the right side may be matched. Of other joins of streams:
  /// the query has it already. Of window functions that close: after how long without a row of its
  /// key one begins anew.
  bool take_by_time(ViewPart& part) {
    if (!by_event_) {
      refuse("conflicting-keys", by_event_time);
      return false;
    }
    if (auto* join = std::get_if<op::JoinView>(&part.definition)) {
      if (join->query.asof) join->ttl = ttl_;
      return true;
    }
    auto& keyed = std::get<op::KeyedView>(part.definition);
    const auto& frames = *keyed.query.frames;
    if (const std::int64_t reach = std::max(frames.us_before, frames.us_after);
        ttl_.length_us <= reach) {
      refuse("conflicting-keys", fmt::format("rows are looked at over {}, so they must live longer "
                                             "than that; make ttl longer, or remove it",
                                             duration_text(reach / 1000)));
    }
    keyed.ttl = ttl_;
    return true;
  }

  /// Rows of the input are taken back, also such as would have been forgotten.
  bool takes_back(const std::string& input, bool weighted) const {
    const auto* below = scope_.view(input);
    return below != nullptr ? !below->append_only : weighted;
  }

  bool refuse_time(const ViewPart& part) {
    const std::string& input = part.inputs.front();
    const bool of_query =
        std::ranges::find(view_.parts, input, &ViewPart::name) != view_.parts.end();
    const std::string remedy = "or write ttl: {processing_time: …}";
    refuse("no-event-time",
           of_query ? fmt::format("the rows that are grouped have no event time: select that of "
                                  "the stream where they are made, {}",
                                  remedy)
           : scope_.stream(input) == nullptr
               ? fmt::format("\"{}\" is a view, and only streams have event time; read its "
                             "stream, {}",
                             input, remedy)
               : fmt::format("a ttl by event time needs that of the stream \"{}\"; add "
                             "event_time: {{column: …}} there, {}",
                             input, remedy));
    return false;
  }

  /// Why nothing is forgotten.
  std::string hindrance() const {
    // Of a view whose key is watched: what leaves its groups is taken back from its rows.
    const bool handed_on = view_.parts.size() == 1 && groups_handed_on(view_);
    const ViewPart& computing = handed_on ? view_.parts.front() : view_;
    const auto* groups = std::get_if<op::AggregateView>(&computing.definition);
    if (groups == nullptr || (!view_.parts.empty() && !handed_on)) {
      if (joins_streams(view_)) {
        return by_event_ ? "a JOIN of streams lives by the event times of both; add event_time: "
                           "{column: …} to each of them"
                         : by_event_time;
      }
      return "only the newest row per key, groups of rows that only come, joins of streams, and "
             "window functions that emit on close have a time to live; remove ttl, or bound what "
             "this query keeps by windows, or give the views that it reads a ttl";
    }
    if (groups->query.window || groups->query.window_key) {
      return "a view of windows forgets them by retain: 7d; write that instead of ttl";
    }
    if (groups->query.key_count == 0) {
      return "this view has one row and no groups that could leave it; remove ttl, or group by "
             "something";
    }
    return fmt::format(
        "rows of the view \"{0}\" are taken back, also such as this one would have forgotten; "
        "give \"{0}\" the ttl, whose rows then leave here as well",
        computing.inputs.front());
  }

  static constexpr const char* by_event_time =
      "what a JOIN of streams keeps, and window functions that emit on close, lives by event "
      "time; write ttl: {event_time: 7d}";

  const op::TimeToLive ttl_;
  const Fields& fields_;
  Scope& scope_;
  Diagnostics& diagnostics_;
  ViewNode& view_;
  const bool by_event_;
};

}  // namespace

void take_ttl(const op::TimeToLive& ttl, const Fields& fields, Scope& scope, ViewNode& view) {
  TtlTaker(ttl, fields, scope, view).run();
}

}  // namespace leat::pipeline
