#include "pipeline/ttl_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/scalar.h"
#include "pipeline/view_state.h"

namespace leat::pipeline {
namespace {

/// What the file says, with the place to blame.
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

/// Why the view can't forget groups; empty: it can.
std::string hindrance(const Scope& scope, const ViewPart& view, bool is_alone) {
  const auto* aggregate = std::get_if<op::AggregateView>(&view.definition);
  const bool latest = std::holds_alternative<op::LatestView>(view.definition);
  if (!is_alone || (aggregate == nullptr && !latest)) {
    return "only the newest row per key and the groups of one GROUP BY, which is computed in one "
           "step, have a time to live; remove ttl, or bound what this query keeps by windows, or "
           "give the views that it reads a ttl";
  }
  if (aggregate != nullptr && aggregate->query.window) {
    return "a view of windows forgets them by retain: 7d; write that instead of ttl";
  }
  if (aggregate != nullptr && aggregate->query.key_count == 0) {
    return "this view has one row and no groups that could leave it; remove ttl, or group by "
           "something";
  }
  const auto* below = scope.view(view.inputs.front());
  if (below != nullptr && !below->append_only) {
    return fmt::format(
        "rows of the view \"{0}\" are taken back, also such as this one would have "
        "forgotten; give \"{0}\" the ttl, whose rows then leave here as well",
        view.inputs.front());
  }
  return {};
}

/// Of ASOF joins: for how long a row of the right side may be matched. Of window functions that
/// close: after how long without a row of its key one begins anew.
void take_ttl_of_times(const op::TimeToLive& ttl, const Fields& fields, Diagnostics& diagnostics,
                       ViewNode& view) {
  if (ttl.by != op::TimeToLive::By::event_time) {
    diagnostics.error(fields.at("ttl"), "conflicting-keys",
                      "what an ASOF JOIN of streams keeps, and window functions that emit on "
                      "close, lives by event time; write ttl: {event_time: 7d}");
    return;
  }
  for (ViewPart& part : view.parts) {
    if (!goes_by_time(part)) continue;
    if (auto* join = std::get_if<op::JoinView>(&part.definition)) {
      join->ttl = ttl;
      continue;
    }
    auto& keyed = std::get<op::KeyedView>(part.definition);
    const auto& frames = *keyed.query.frames;
    if (const std::int64_t reach = std::max(frames.us_before, frames.us_after);
        ttl.length_us <= reach) {
      diagnostics.error(fields.at("ttl"), "conflicting-keys",
                        fmt::format("rows are looked at over {}, so they must live longer than "
                                    "that; make ttl longer, or remove it",
                                    duration_text(reach / 1000)));
    }
    keyed.ttl = ttl;
  }
}

}  // namespace

void take_ttl(const Fields& fields, Scope& scope, ViewNode& view) {
  auto ttl = read_ttl(fields, scope.diagnostics);
  if (!ttl) return;
  if (std::ranges::any_of(view.parts, goes_by_time)) {
    take_ttl_of_times(*ttl, fields, scope.diagnostics, view);
    return;
  }
  // Of a view whose key is watched: what leaves its groups is taken back from its rows.
  ViewPart* computing = groups_handed_on(view) ? &view.parts.front() : &view;
  if (const auto why = hindrance(scope, *computing, view.parts.empty() || computing != &view);
      !why.empty()) {
    scope.diagnostics.error(fields.at("ttl"), "conflicting-keys", why);
    return;
  }
  if (ttl->by == op::TimeToLive::By::event_time) {
    const std::string& input = computing->inputs.front();
    const auto* stream = scope.stream(input);
    if (stream == nullptr || !stream->event_time) {
      scope.diagnostics.error(
          fields.at("ttl"), "no-event-time",
          stream == nullptr
              ? fmt::format("\"{}\" is a view, and only streams have event time; write ttl: "
                            "{{processing_time: …}}, or read its stream",
                            input)
              : fmt::format("a ttl by event time needs that of the stream \"{}\"; add event_time: "
                            "{{column: …}} there, or write ttl: {{processing_time: …}}",
                            input));
      return;
    }
    ttl->time_column = stream->event_time->column;
  }
  std::visit(
      [&](auto& definition) {
        if constexpr (requires { definition.ttl; }) definition.ttl = ttl;
      },
      computing->definition);
}

}  // namespace leat::pipeline
