#include "pipeline/view_plan.h"

#include <algorithm>

#include "pipeline/plan_text.h"
#include "pipeline/scalar.h"
#include "pipeline/view_state.h"
#include "sql/aggregate_name.h"

namespace leat::pipeline {
namespace {

std::string_view function_text(sql::AggregateCall::Function function) {
  if (function == sql::AggregateCall::Function::count_star) return "count(*)";
  return sql::name_of(function);
}

std::string aggregate_text(const sql::AggregateCall& call, const Schema& arguments) {
  std::string text(function_text(call.function));
  if (!call.arguments.empty()) {
    std::vector<std::string> names;
    for (const auto index : call.arguments) names.push_back(arguments[index].name);
    text += fmt::format("({}{})", call.distinct ? "DISTINCT " : "", fmt::join(names, ", "));
  }
  if (call.filter) text += fmt::format(" FILTER ({})", arguments[*call.filter].name);
  return fmt::format("{} → {}", text, call.result.to_sql());
}

std::string names_of(const std::vector<std::size_t>& columns, const Schema& schema) {
  std::vector<std::string> names;
  for (const auto index : columns) names.push_back(schema[index].name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Schema schema_of(const Graph& graph, const ViewNode& view, std::string_view name) {
  for (const auto& part : view.parts) {
    if (part.name == name) return part.schema;
  }
  for (const auto& stream : graph.streams) {
    if (stream.name == name) return stream.schema;
  }
  for (const auto& other : graph.views) {
    if (other.name == name) return other.schema;
  }
  return {};
}

/// Of a part's first input; empty where it has none.
Schema input_of(const Graph& graph, const ViewNode& view, const ViewPart& part) {
  return part.inputs.empty() ? Schema() : schema_of(graph, view, part.inputs.front());
}

std::string_view kind_text(sql::JoinQuery::Kind kind) {
  using Kind = sql::JoinQuery::Kind;
  switch (kind) {
    case Kind::inner:
      return "inner join";
    case Kind::left:
      return "left join";
    case Kind::right:
      return "right join";
    case Kind::full:
      return "full join";
    case Kind::semi:
      return "semi join";
    case Kind::anti:
      return "anti join";
  }
  return "join";
}

/// What an operator does, in a few words.
struct Words {
  std::string operator()(const op::LatestView&) const { return "the newest row per key"; }
  std::string operator()(const op::AggregateView& view) const {
    std::string text = view.query.key_count == 0
                           ? std::string("one row")
                           : fmt::format("groups by {} columns", view.query.key_count);
    if (view.query.window) text += ", windows of " + window_text(*view.query.window);
    return text;
  }
  std::string operator()(const op::SelectView& view) const {
    if (view.inputs.size() == 1) return "rows one by one";
    return fmt::format("{} inputs put together", view.inputs.size());
  }
  std::string operator()(const op::JoinView& view) const {
    const auto& query = view.query;
    std::string text =
        fmt::format("{} of {} and {}", kind_text(query.kind), query.left.input, query.right.input);
    const std::size_t equal = query.key_count - (query.asof ? 1 : 0);
    if (query.asof) text = "asof " + text;
    if (query.key_count == 0) return text + ", every row with every row";
    if (equal > 0) text += fmt::format(" on {} column{}", equal, equal == 1 ? "" : "s");
    if (query.asof) {
      text += fmt::format(", {} {}", query.asof->following ? "the next row" : "the row before",
                          query.asof->strictly ? "that is not at the same place" : "or at it");
      return query.asof->closes ? text + ", as event time goes by" : text;
    }
    return query.bound ? text + " and near in time" : text;
  }
  std::string operator()(const op::KeyedView& view) const {
    const auto& query = view.query;
    std::string text =
        query.key_count == 0
            ? std::string("computed anew from all rows")
            : fmt::format("computed anew for each key of {} columns", query.key_count);
    if (query.session) {
      text += fmt::format(", sessions that end {} after their last row",
                          duration_text(query.session->gap_us / 1000));
    }
    if (!query.shown.empty())
      return fmt::format("the first {} rows {}", query.ranking->count,
                         query.key_count == 0
                             ? "of all"
                             : fmt::format("of each key of {} columns", query.key_count));
    if (query.frames) {
      text += query.frames->carried.empty() ? ", only rows near a change"
                                            : ", only rows near a change and behind it";
      if (query.frames->closes) text += ", as event time goes by";
    }
    if (query.ranking) text += ", looking only at the first rows";
    return query.survivors ? text + ", keeping only the rows that are in the result" : text;
  }
};

std::string words_of(const op::ViewDefinition& definition) {
  return std::visit(Words(), definition);
}

/// The lines of an operator's own.
class PartPlan {
 public:
  PartPlan(Plan& plan, const Graph& graph, const ViewNode& view, const ViewPart& part)
      : plan_(plan), input_(input_of(graph, view, part)) {}

  void operator()(const op::LatestView& latest) const {
    plan_.line("key", names_of(latest.key, input_));
    plan_.line("newest by", latest.version ? input_[*latest.version].name : "arrival");
    plan_.line("deletes by", latest.deletes);
  }

  void operator()(const op::AggregateView& aggregate) const {
    const auto& query = aggregate.query;
    if (query.window) {
      plan_.line("windows", fmt::format("{} over {}", window_text(*query.window),
                                        input_[query.window->time_column].name));
    }
    plan_.line("each change", query.pre);
    std::string calls;
    for (std::size_t i = 0; i < query.aggregates.size(); ++i) {
      calls += fmt::format("a{} = {}\n", i, aggregate_text(query.aggregates[i], query.pre_schema));
    }
    plan_.line("keeps", calls);
    plan_.line("each group", query.post);
    plan_.line("input", query.weighted ? "rows come and are taken back" : "rows only come");
    emits(aggregate.emit);
  }

  void operator()(const op::SelectView& select) const { add_inputs(select.inputs); }

  void operator()(const op::JoinView& join) const {
    const auto& query = join.query;
    plan_.line("left", query.left.sql).line("right", query.right.sql);
    plan_.line("condition", query.condition);
    if (query.asof) plan_.line("by order", fmt::format("k{}", query.key_count - 1));
    if (!query.bound) return;
    plan_.line("time", fmt::format("right from {} to {} µs after left", query.bound->lower_us,
                                   query.bound->upper_us));
  }

  void operator()(const op::KeyedView& keyed) const {
    add_inputs(keyed.query.inputs);
    if (const auto& session = keyed.query.session) {
      plan_.line("sessions",
                 fmt::format("{} apart over {}", duration_text(session->gap_us / 1000),
                             keyed.query.inputs.front().schema[session->time_column].name));
    }
    plan_.line("each key", keyed.query.sql);
    emits(keyed.emit);
  }

 private:
  void add_inputs(const std::vector<sql::ViewInput>& inputs) const {
    for (const auto& input : inputs) plan_.line("from " + input.input, input.sql);
  }
  void emits(op::Emit emit) const {
    plan_.line("emits", emit == op::Emit::on_close ? "on close"
                        : emit == op::Emit::early  ? "on update, until windows close"
                                                   : "on update");
  }

  Plan& plan_;
  const Schema input_;
};

}  // namespace

std::string line_of(const ViewNode& view) {
  const std::string key = names_of(view.key, view.schema);
  if (std::holds_alternative<op::LatestView>(view.definition)) {
    return fmt::format("view {} (newest row per {})", view.name, key);
  }
  const auto* aggregate = std::get_if<op::AggregateView>(&view.definition);
  if (aggregate == nullptr) {
    return fmt::format("view {} ({})", view.name,
                       words_of((view.parts.empty() ? view : view.parts.back()).definition));
  }
  std::string text = fmt::format("view {} (", view.name);
  if (aggregate->query.window) {
    text += fmt::format("windows of {}, ", window_text(*aggregate->query.window));
  }
  text += aggregate->query.key_count == 0
              ? "one row"
              : fmt::format("one row per {}", view.key.empty() ? "group" : key);
  return text + (aggregate->emit == op::Emit::on_close ? ", once it has closed)" : ")");
}

std::string plan_of(const Graph& graph, const ViewNode& view) {
  Plan plan(line_of(view));
  plan.line("declared", fmt::format("{}:{}", view.at.file, view.at.line))
      .line("reads", fmt::format("{}", fmt::join(view.reads, ", ")))
      .line("query", view.query);
  for (const ViewPart& part : view.parts) {
    plan.line(part.name, words_of(part.definition));
    std::visit(PartPlan(plan, graph, view, part), part.definition);
  }
  if (!view.parts.empty()) plan.line(view.name, words_of(view.definition));
  std::visit(PartPlan(plan, graph, view, view), view.definition);
  plan.line("state", state_bound(view, input_of(graph, view, view)));
  plan.line("columns", columns_text(view.schema));
  return plan.take();
}

}  // namespace leat::pipeline
