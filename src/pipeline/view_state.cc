#include "pipeline/view_state.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/scalar.h"

namespace leat::pipeline {
namespace {

const std::optional<op::TimeToLive>& ttl_of(const ViewPart& view) {
  static const std::optional<op::TimeToLive> none;
  return std::visit(
      [](const auto& definition) -> const std::optional<op::TimeToLive>& {
        if constexpr (requires { definition.ttl; }) return definition.ttl;
        return none;
      },
      view.definition);
}

/// "for ever", or until when.
std::string kept_for(const ViewPart& view) {
  const auto& ttl = ttl_of(view);
  if (!ttl) return "for ever";
  const bool by_event = ttl->by == op::TimeToLive::By::event_time;
  return fmt::format("until {} without a row{}", duration_text(ttl->length_us / 1000),
                     by_event ? " of event time" : "");
}

/// An ASOF join that goes on with event time.
bool closes_as_of(const sql::JoinQuery& query) { return query.asof && query.asof->closes; }

/// Whether an operator's state grows with every new key or row, for ever.
struct GrowsForEver {
  bool operator()(const op::LatestView& view) const { return !view.ttl; }
  bool operator()(const op::AggregateView& view) const {
    if (view.query.window || (view.query.window_key && view.end_windows())) return !view.retain_us;
    if (view.ttl) return false;
    return view.query.key_count > 0 ||
           std::ranges::any_of(view.query.aggregates, &sql::AggregateCall::distinct);
  }
  bool operator()(const op::SelectView& view) const { return view.kept && !view.retain_us; }
  bool operator()(const op::JoinView& view) const {
    const auto& query = view.query;
    // Of the right side's keys each keeps a row; without keys that is one.
    if (closes_as_of(query)) return query.key_count > 1 && !view.ttl;
    return !query.bound && !(query.window_key && view.end_windows());
  }
  bool operator()(const op::KeyedView& view) const {
    if (view.query.session || (view.query.window_key && view.end_windows())) {
      return !view.retain_us;
    }
    if (const auto& frames = view.query.frames; frames && frames->closes) {
      return view.query.key_count > 0 && !view.ttl && !frames->gap_us();
    }
    return !(view.query.survivors && view.query.key_count == 0);
  }
};

}  // namespace

bool grows_for_ever(const ViewPart& part) { return std::visit(GrowsForEver(), part.definition); }

/// Whether `retain` would bound what it keeps.
struct KeepsWindows {
  bool operator()(const op::LatestView&) const { return false; }
  bool operator()(const op::AggregateView& view) const {
    return (view.query.window || view.query.window_key) && !view.retain_us;
  }
  bool operator()(const op::SelectView& view) const {
    return view.kept && view.window_key && !view.retain_us;
  }
  bool operator()(const op::JoinView& view) const {
    return view.query.window_key && !view.end_windows();
  }
  bool operator()(const op::KeyedView& view) const {
    return (view.query.session || view.query.window_key) && !view.retain_us;
  }
};

bool groups_handed_on(const ViewNode& view) {
  const auto* select = std::get_if<op::SelectView>(&view.definition);
  if (view.parts.empty() || select == nullptr || select->unique.empty()) return false;
  const auto* groups = std::get_if<op::AggregateView>(&view.parts.back().definition);
  return groups != nullptr && select->inputs.front().sql.empty() && !groups->query.window &&
         !groups->query.window_key;
}

bool grows_for_ever(const ViewNode& view) {
  const bool only_one_row = view.one_row && std::holds_alternative<op::SelectView>(view.definition);
  const bool only_hands_on = only_one_row || groups_handed_on(view);
  return (!only_hands_on && grows_for_ever(static_cast<const ViewPart&>(view))) ||
         std::ranges::any_of(view.parts, [](const ViewPart& part) { return grows_for_ever(part); });
}

bool goes_by_time(const ViewPart& part) {
  if (const auto* join = std::get_if<op::JoinView>(&part.definition)) {
    return closes_as_of(join->query) || (join->query.bound && join->query.bound->of_view);
  }
  const auto* keyed = std::get_if<op::KeyedView>(&part.definition);
  return keyed != nullptr && keyed->query.frames && keyed->query.frames->closes;
}

bool joins_streams(const ViewNode& view) {
  return std::ranges::any_of(view.parts, [](const ViewPart& part) {
    const auto* join = std::get_if<op::JoinView>(&part.definition);
    return join != nullptr && grows_for_ever(part) && !join->query.left.weighted &&
           !join->query.right.weighted;
  });
}

bool could_close(const ViewNode& view) {
  const auto could = [](const ViewPart& part) {
    const auto* keyed = std::get_if<op::KeyedView>(&part.definition);
    return keyed != nullptr && keyed->query.frames && keyed->query.frames->settles_us &&
           !keyed->query.frames->closes;
  };
  return could(view) || std::ranges::any_of(view.parts, could);
}

bool only_its_rows_grow(const ViewNode& view) {
  const auto* rows = std::get_if<op::SelectView>(&view.definition);
  return rows != nullptr && rows->unique.empty() && !rows->pace_us && grows_for_ever(view) &&
         std::ranges::none_of(view.parts,
                              [](const ViewPart& part) { return grows_for_ever(part); });
}

bool keeps_windows(const ViewNode& view) {
  const auto keeps = [](const ViewPart& part) {
    return std::visit(KeepsWindows(), part.definition);
  };
  return keeps(view) || std::ranges::any_of(view.parts, keeps);
}

std::string window_text(const sql::Window& window) {
  const auto size = duration_text(window.size_us / 1000);
  const auto slide = duration_text(window.slide_us / 1000);
  std::string text = size;
  if (window.kind == sql::Window::Kind::hop) text = fmt::format("{} each {}", size, slide);
  if (window.kind == sql::Window::Kind::cumulate) {
    text = fmt::format("up to {} in steps of {}", size, slide);
  }
  if (window.offset_us == 0) return text;
  return fmt::format("{}, offset {}", text, duration_text(window.offset_us / 1000));
}

namespace {

/// What window functions keep that give out each row once.
std::string rows_looked_at(const op::KeyedView& view) {
  const auto& frames = *view.query.frames;
  const std::string rows = "rows until nothing that they go by can come any more";
  if (!frames.carried.empty() || frames.rows_before > 0 || frames.rows_after > 0) {
    const std::string until =
        view.ttl ? fmt::format(" until {} after them", duration_text(view.ttl->length_us / 1000))
                 : std::string(view.query.key_count > 0 ? ", for ever" : "");
    return fmt::format("{}, and the newest that later ones look at{}{}", rows,
                       view.query.key_count > 0 ? ", for each key" : "", until);
  }
  return rows + ", and those that later ones look at";
}

/// What the operators of a query keep that is computed in several steps, or by a key's rows.
std::string state_of_parts(const ViewNode& view) {
  const auto text_of = [](const ViewPart& part) -> std::string {
    if (const auto* join = std::get_if<op::JoinView>(&part.definition)) {
      const auto& query = join->query;
      if (query.window_key && join->end_windows()) {
        return "the joined rows of each window until none comes any more";
      }
      if (closes_as_of(query) && query.asof->following) {
        return fmt::format("the rows of {} until the following row of {} is certain, {} at most",
                           query.left.input, query.right.input,
                           duration_text(join->ttl->length_us / 1000));
      }
      if (closes_as_of(query)) {
        const std::string until =
            join->ttl
                ? fmt::format(" until {} after it", duration_text(join->ttl->length_us / 1000))
                : std::string(query.key_count > 1 ? ", for ever" : "");
        return fmt::format(
            "the rows of {} until nothing can come before them, and the newest row of {}{}{}",
            query.left.input, query.right.input, query.key_count > 1 ? " for each key" : "", until);
      }
      return query.bound ? "the joined rows until none can match them any more"
                         : fmt::format("every row of {} and {}, for ever", query.left.input,
                                       query.right.input);
    }
    if (const auto* keyed = std::get_if<op::KeyedView>(&part.definition)) {
      if (keyed->query.session && keyed->late == op::Late::update) {
        return fmt::format("the rows of each session until {} after its end",
                           duration_text(keyed->allowed_lateness_us / 1000));
      }
      if (keyed->query.session) return "the rows of each session until it closes";
      if (keyed->query.window_key && keyed->end_windows()) {
        return "the rows of each window until none comes any more";
      }
      if (goes_by_time(part)) return rows_looked_at(*keyed);
      return keyed->query.survivors ? "the rows that are in the result"
                                    : "every row that it reads, for ever";
    }
    if (const auto* select = std::get_if<op::SelectView>(&part.definition)) {
      return select->kept ? "its rows" : "";
    }
    if (grows_for_ever(part)) return "one row per distinct group, for ever";
    return ttl_of(part) ? "its groups " + kept_for(part) : "its groups";
  };
  std::vector<std::string> texts;
  for (const ViewPart& part : view.parts) texts.push_back(text_of(part));
  texts.push_back(text_of(view));
  std::vector<std::string> distinct;
  for (std::string& text : texts) {
    if (text.empty() || std::ranges::find(distinct, text) != distinct.end()) continue;
    distinct.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(distinct, "; "));
}

}  // namespace

std::string state_bound(const ViewNode& view, const Schema& input) {
  if (const auto* latest = std::get_if<op::LatestView>(&view.definition)) {
    std::vector<std::string> names;
    for (const auto index : latest->key) names.push_back(input[index].name);
    return fmt::format("one row per distinct {}{}, {}", fmt::join(names, ", "),
                       latest->deletes.empty() ? "" : " that is not deleted", kept_for(view));
  }
  if (view.parts.size() == 1 && groups_handed_on(view)) {
    return "one row per distinct group, " + kept_for(view.parts.front());
  }
  const auto* definition = std::get_if<op::AggregateView>(&view.definition);
  if (definition == nullptr || !view.parts.empty()) return state_of_parts(view);
  const op::AggregateView& aggregate = *definition;
  const auto& query = aggregate.query;
  if (query.window) {
    const auto width = window_text(*query.window);
    const auto kept = aggregate.retain_us ? fmt::format("until {} after its end",
                                                        duration_text(*aggregate.retain_us / 1000))
                                          : std::string("for ever");
    if (aggregate.late == op::Late::update) {
      return fmt::format("the groups of each window of {} until {} after its end, and its rows {}",
                         width, duration_text(aggregate.allowed_lateness_us / 1000), kept);
    }
    if (aggregate.emit == op::Emit::on_close) {
      return fmt::format("the groups of each window of {} until it closes, and its rows {}", width,
                         kept);
    }
    return fmt::format("the groups of each window of {} {}", width, kept);
  }
  if (query.key_count == 0) {
    return grows_for_ever(view) ? "every distinct value that it counts, for ever" : "one row";
  }
  if (view.key.empty()) return "one row per distinct group, " + kept_for(view);
  std::vector<std::string> names;
  for (const auto index : view.key) names.push_back(view.schema[index].name);
  return fmt::format("one row per distinct {}, {}", fmt::join(names, ", "), kept_for(view));
}

}  // namespace leat::pipeline
