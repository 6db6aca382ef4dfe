// Window functions that look near: frames with bounds, lag and lead; and running totals, which look
// at the row before and what it carried.

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "sql/interval.h"
#include "sql/planner.h"
#include "sql/refusal.h"

namespace leat::sql {
namespace {

using Frames = KeyedQuery::Frames;

// A row looks at so many on each side at most: what looks further is computed from the whole key.
constexpr std::int64_t near_rows_max = 10'000;

/// What a frame is counted in.
enum class Unit : std::uint8_t { rows, range };

std::optional<Unit> unit_of(std::string_view bound) {
  if (bound.ends_with("_ROWS")) return Unit::rows;
  if (bound.ends_with("_RANGE")) return Unit::range;
  return std::nullopt;
}

/// A number of rows, from 0 on, that stands in the query.
std::optional<std::int64_t> rows_in(const Node& expression) {
  if (!is_class(expression, "CONSTANT")) return std::nullopt;
  const auto number = expression.at("value").find("value");
  if (number == expression.at("value").end() || !number->is_number_integer()) return std::nullopt;
  const auto rows = number->get<std::int64_t>();
  return rows < 0 || rows > near_rows_max ? std::nullopt : std::optional(rows);
}

bool is_plain(const Node& window) {
  return !window.at("distinct").get<bool>() && !window.at("ignore_nulls").get<bool>() &&
         text_in(window, "exclude_clause") == "NO_OTHER" && window.at("arg_orders").empty();
}

bool same_orders(const Node& left, const Node& right) {
  return std::ranges::equal(left, right, [](const Node& one, const Node& other) {
    return text_in(one, "type") == text_in(other, "type") &&
           text_in(one, "null_order") == text_in(other, "null_order") &&
           canonical_text(one.at("expression")) == canonical_text(other.at("expression"));
  });
}

bool same_partitions(const Node& left, const Node& right) {
  const auto within = [](const Node& ones, const Node& others) {
    return std::ranges::all_of(ones, [&](const Node& one) {
      return std::ranges::any_of(
          others, [&](const Node& other) { return canonical_text(one) == canonical_text(other); });
    });
  };
  return within(left, right) && within(right, left);
}

/// One bound of a frame: how far it lies behind the row, or before it.
bool take_bound(const Node& window, const char* which, bool in_time, Frames& frames) {
  const std::string bound = text_in(window, which);
  const auto unit = unit_of(bound);
  if (!unit) return false;
  if (bound.starts_with("CURRENT_ROW")) {
    frames.peers |= *unit == Unit::range;
    return true;
  }
  const Node& distance = window.at(std::string(which) + "_expr");
  const bool before = bound.starts_with("EXPR_PRECEDING");
  if (*unit == Unit::rows) {
    const auto rows = rows_in(distance);
    if (!rows) return false;
    std::int64_t& reach = before ? frames.rows_before : frames.rows_after;
    reach = std::max(reach, *rows);
    return true;
  }
  const auto us = interval_us(distance, "");
  if (!in_time || !us || *us < 0) return false;
  std::int64_t& reach = before ? frames.us_before : frames.us_after;
  reach = std::max(reach, *us);
  frames.peers = true;
  return true;
}

}  // namespace

/// What the calls of window functions in a query become where all of them look near.
class Planner::FrameCalls {
 public:
  FrameCalls(Planner& planner, const std::string& input, Node orders)
      : planner_(planner), input_(input), orders_(std::move(orders)) {}

  /// Finds out what the rows are ordered by; false: they can't be.
  Analysed<bool> prepare() {
    for (const Node& order : orders_) {
      const Type type = LEAT_TRY_SQL(type_of(order.at("expression")));
      if (!can_be_ranked(type)) return false;
      in_time_ = orders_.size() == 1 &&
                 (type.id() == DUCKDB_TYPE_TIMESTAMP || type.id() == DUCKDB_TYPE_TIMESTAMP_TZ);
    }
    return true;
  }

  /// Notes what the call looks at; false: at more than is near.
  Analysed<bool> take(const Node& window) {
    const std::string type = text_in(window, "type");
    const std::string start = text_in(window, "start");
    const std::string end = text_in(window, "end");
    const bool so_far = start == "UNBOUNDED_PRECEDING" && end.starts_with("CURRENT_ROW") &&
                        unit_of(end).has_value();
    if (type == "WINDOW_LAG" || type == "WINDOW_LEAD") {
      const Node& offset = window.at("offset_expr");
      const auto rows = offset.is_null() ? std::optional<std::int64_t>(1) : rows_in(offset);
      if (!rows || !is_plain(window) || !so_far) return false;
      std::int64_t& reach = type == "WINDOW_LAG" ? frames_.rows_before : frames_.rows_after;
      reach = std::max(reach, *rows);
      return true;
    }
    if (type == "WINDOW_ROW_NUMBER") return is_plain(window) && so_far;
    if (type == "WINDOW_RANK" || type == "WINDOW_RANK_DENSE") {
      frames_.peers = true;
      return is_plain(window) && so_far;
    }
    if (type != "WINDOW_AGGREGATE" && !type.ends_with("_VALUE")) return false;
    if (so_far) {
      frames_.peers |= unit_of(end) == Unit::range;
      if (!is_plain(window) || type == "WINDOW_NTH_VALUE") return false;
      return type != "WINDOW_AGGREGATE" || LEAT_TRY_SQL(is_carried(window));
    }
    // Who is left out of a frame of rows goes by what they were ordered by.
    const std::string exclude = text_in(window, "exclude_clause");
    if (exclude != "NO_OTHER" && exclude != "CURRENT_ROW" && unit_of(start) == Unit::rows) {
      return false;
    }
    return unit_of(start) == unit_of(end) && take_bound(window, "start", in_time_, frames_) &&
           take_bound(window, "end", in_time_, frames_);
  }

  /// What the call is over a part of a key's rows, with what those before carried to it.
  Analysed<Node> rewritten(const Node& window) {
    const Node call = over_unit(window);
    const std::string type = text_in(window, "type");
    if (type == "WINDOW_ROW_NUMBER" || type == "WINDOW_RANK_DENSE") {
      return LEAT_TRY_SQL(added_up(call)).value;
    }
    if (type == "WINDOW_RANK") return rank(call);
    if (text_in(window, "start") == "UNBOUNDED_PRECEDING") {
      if (type == "WINDOW_FIRST_VALUE") return first(window, call);
      if (type == "WINDOW_AGGREGATE") return so_far(window, call);
    }
    return computed(call);
  }

  Framed made() && {
    const EventTimeColumn* time = planner_.event_time_of(input_, orders_.at(0).at("expression"));
    if (time != nullptr && text_in(orders_.at(0), "type") != "DESCENDING") {
      frames_.settles_us = time->behind_us + (time->bounds_window ? 0 : 1);
      frames_.closes = planner_.options_.on_close;
    }
    return {orders_, std::move(computed_), std::move(frames_), std::move(carried_)};
  }

 private:
  using Names = std::map<std::string, Node>;

  Analysed<Type> type_of(const Node& expression) { return planner_.type_of(expression, input_); }

  /// A running aggregate whose value can be put together.
  Analysed<bool> is_carried(const Node& window) {
    const std::string name = function_name(window);
    if (name == "count" || name == "count_star") return true;
    if (window.at("children").size() != 1) return false;
    const bool extreme = name == "min" || name == "max";
    if (!extreme && name != "avg" && name != "sum") return false;
    const Type type = LEAT_TRY_SQL(type_of(window));
    if (extreme) return can_be_ranked(type);
    if (name == "avg") return type.id() == DUCKDB_TYPE_DOUBLE;
    return type.id() == DUCKDB_TYPE_HUGEINT || type.id() == DUCKDB_TYPE_DOUBLE ||
           type.id() == DUCKDB_TYPE_DECIMAL;
  }

  /// The same call over the rows of a unit. Rows that are ordered alike stand in the same order at
  /// every run, which is that of the unit, wherever it matters.
  Node over_unit(Node window) const {
    window["partitions"] = Node::array({column_ref(key_column)});
    const std::string type = text_in(window, "type");
    const bool by_rows = unit_of(text_in(window, "end")) == Unit::rows;
    const bool ranks = type == "WINDOW_RANK" || type == "WINDOW_RANK_DENSE";
    if (type == "WINDOW_LAG" || type == "WINDOW_LEAD" || type == "WINDOW_ROW_NUMBER" ||
        (by_rows && !ranks)) {
      Node order = orders_.at(0);
      order["type"] = "ASCENDING";
      order["expression"] = column_ref(row_column);
      window["orders"] = Node::array({std::move(order)});
      return window;
    }
    window["orders"] = orders_;
    for (std::size_t i = 0; i < orders_.size(); ++i) {
      window["orders"][i]["expression"] = column_ref(order_column(i));
    }
    return window;
  }

  /// The column that a call is computed as, once for all that are the same.
  Node computed(const Node& call) {
    const auto same = std::ranges::find_if(computed_, [&](const Node& known) {
      return canonical_text(known) == canonical_text(call);
    });
    if (same != computed_.end()) return column_ref(text_in(*same, "alias"));
    computed_.push_back(call);
    computed_.back()["alias"] = fmt::format("__leat_call{}", computed_.size() - 1);
    return column_ref(text_in(computed_.back(), "alias"));
  }

  /// What is carried over the rows: `base` up to a unit, of which `value` is made for each row.
  struct Carried {
    Node base;
    Node value;
  };
  Analysed<Carried> carry(const std::string& sql, Names names, const Type& type) {
    const std::string text = sql + (names.contains("near") ? names.at("near").dump() : "");
    if (const auto known = known_.find(text); known != known_.end()) return known->second;
    frames_.carried.push_back({fmt::format("__leat_carried{}", carried_.size()), type});
    names["base"] = column_ref(frames_.carried.back().name);
    Carried carried{names.at("base"), nullptr};
    carried.value =
        LEAT_TRY_SQL(filled(fmt::format("SELECT CAST({} AS {})", sql, type.to_sql()), names));
    carried_.push_back(carried.value);
    carried_.back()["alias"] = fmt::format("__leat_carry{}", carried_.size() - 1);
    return known_[text] = carried;
  }

  /// The expression with these put in place of its columns.
  Analysed<Node> filled(const std::string& sql, const Names& names) const {
    Node expression = LEAT_TRY_SQL(planner_.binding_.expression_of(sql));
    replace_expressions(expression, [&](const Node& node) -> std::optional<Node> {
      if (!is_class(node, "COLUMN_REF")) return std::nullopt;
      return names.at(parts_of(node)[0]);
    });
    return expression;
  }

  Analysed<Carried> added_up(const Node& call) {
    return carry("coalesce(base, 0) + near", {{"near", computed(call)}},
                 Type::of(DUCKDB_TYPE_BIGINT));
  }
  Analysed<Carried> summed(const Node& call, const Type& type) {
    return carry("coalesce(base + near, base, near)", {{"near", computed(call)}}, type);
  }

  /// Beside a rank stands how many rows there are up to its peers.
  Analysed<Node> rank(const Node& call) {
    Node count = LEAT_TRY_SQL(planner_.binding_.expression_of("SELECT count(*) OVER ()"));
    for (const char* part : {"partitions", "orders"}) count[part] = call.at(part);
    const Carried rows = LEAT_TRY_SQL(added_up(count));
    return filled("SELECT coalesce(base, 0) + near",
                  {{"base", rows.base}, {"near", computed(call)}});
  }

  Analysed<Node> so_far(const Node& window, const Node& call) {
    const std::string name = function_name(window);
    if (name == "count" || name == "count_star") return LEAT_TRY_SQL(added_up(call)).value;
    if (name == "avg") return average(window, call);
    const Type type = LEAT_TRY_SQL(type_of(window));
    if (name == "sum") return LEAT_TRY_SQL(summed(call, type)).value;
    const std::string edge = name == "min" ? "least(base, near)" : "greatest(base, near)";
    return LEAT_TRY_SQL(carry(edge, {{"near", computed(call)}}, type)).value;
  }

  Analysed<Node> average(Node window, Node call) {
    window["function_name"] = call["function_name"] = "sum";
    const Type type = LEAT_TRY_SQL(type_of(window));
    const Carried sum = LEAT_TRY_SQL(summed(call, type));
    call["function_name"] = "count";
    const Carried count = LEAT_TRY_SQL(added_up(call));
    return filled("SELECT CAST(sum AS DOUBLE) / nullif(count, 0)",
                  {{"sum", sum.value}, {"count", count.value}});
  }

  /// NULL may be the first value.
  Analysed<Node> first(const Node& window, const Node& call) {
    const Carried known = LEAT_TRY_SQL(carry("true", {}, Type::of(DUCKDB_TYPE_BOOLEAN)));
    const Type type = LEAT_TRY_SQL(type_of(window));
    const Carried value =
        LEAT_TRY_SQL(carry("CASE WHEN known THEN base ELSE near END",
                           {{"known", known.base}, {"near", computed(call)}}, type));
    return value.value;
  }

  Planner& planner_;
  const std::string& input_;
  const Node orders_;
  bool in_time_ = false;
  Frames frames_;
  std::vector<Node> computed_;
  std::vector<Node> carried_;
  std::map<std::string, Carried> known_;
};

/// The window functions of `query`, which is written anew, over the rows of a unit; nothing where
/// one of them looks further than near.
Analysed<std::optional<Planner::Framed>> Planner::frame_calls(const std::string& input,
                                                              const std::vector<Node>& windows,
                                                              Node& query) {
  const Node& first = windows.front();
  if (first.at("orders").empty()) return std::nullopt;
  FrameCalls calls(*this, input, first.at("orders"));
  if (!LEAT_TRY_SQL(calls.prepare())) return std::nullopt;
  for (const Node& window : windows) {
    if (!same_partitions(window.at("partitions"), first.at("partitions")) ||
        !same_orders(window.at("orders"), first.at("orders")) ||
        !LEAT_TRY_SQL(calls.take(window))) {
      return std::nullopt;
    }
  }
  Node written = query;
  Analysed<void> done;
  for (const char* clause : {"select_list", "qualify"}) {
    replace_expressions(written.at(clause), [&](const Node& node) -> std::optional<Node> {
      if (!done || !is_class(node, "WINDOW")) return std::nullopt;
      auto call = calls.rewritten(node);
      if (!call) done = std::unexpected(call.error());
      return call ? std::optional(*std::move(call)) : std::nullopt;
    });
  }
  LEAT_TRY_SQL(std::move(done));
  Framed made = std::move(calls).made();
  // What QUALIFY leaves out carries something on, too.
  if (!written.at("qualify").is_null()) {
    made.frames.filters = true;
    made.carried.push_back(std::exchange(written.at("qualify"), nullptr));
    made.carried.back()["alias"] = "__leat_kept";
  }
  query = std::move(written);
  return made;
}

}  // namespace leat::sql
