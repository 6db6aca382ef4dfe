#include "pipeline/lateness_check.h"

#include <fmt/format.h>

#include "pipeline/scalar.h"

namespace leat::pipeline {
namespace {

op::Late late_of(const Fields& fields) {
  const auto text = fields.text("late");
  if (text == "drop") return op::Late::drop;
  return text == "update" ? op::Late::update : op::Late::dead_letters;
}

}  // namespace

void take_lateness(const Fields& fields, Diagnostics& diagnostics, op::WindowRules& view) {
  view.late = late_of(fields);
  const bool closes = view.emit != op::Emit::on_update;
  if (fields.has("late") && !closes && !view.retain_us) {
    diagnostics.error(fields.at("late"), "conflicting-keys",
                      "no row is late for this view, which keeps every window open; remove "
                      "\"late\", or add emit: on_close or retain: 7d");
    return;
  }
  if (view.late != op::Late::update) {
    if (!fields.has("allowed_lateness")) return;
    diagnostics.error(fields.at("allowed_lateness"), "conflicting-keys",
                      "\"allowed_lateness\" is for late: update; add that, or remove it");
    return;
  }
  if (!closes) {
    diagnostics.error(fields.at("late"), "conflicting-keys",
                      "late: update is for emit: on_close; a view that emits on every update takes "
                      "each row until its retain: is over: remove it, or add emit: on_close");
    return;
  }
  const auto lateness = fields.number("allowed_lateness");
  if (!lateness) {
    if (fields.has("allowed_lateness")) return;  // its value was reported
    diagnostics.error(fields.at("late"), "missing-key",
                      "late: update needs to know for how long; add allowed_lateness: 1h");
    return;
  }
  view.allowed_lateness_us = *lateness * 1000;
  if (view.retain_us && *view.retain_us < view.allowed_lateness_us) {
    diagnostics.error(
        fields.at("allowed_lateness"), "conflicting-keys",
        fmt::format("windows are forgotten {} after their end, so none can take rows for {}; make "
                    "retain at least as long",
                    duration_text(*view.retain_us / 1000), duration_text(*lateness)));
  }
}

}  // namespace leat::pipeline
