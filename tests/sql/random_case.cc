#include "random_case.h"

#include <algorithm>
#include <array>
#include <random>

#include "random_expression.h"

namespace leat::proof {
namespace {

constexpr std::size_t rows_max = 60;
constexpr std::size_t other_rows_max = 25;

/// The columns that a stream may have. The first, `id`, is unique, or what rows are replaced by.
const std::vector<RandomColumn>& all_columns() {
  static const std::vector<RandomColumn> columns = {
      {"id", "BIGINT", ValueKind::number},       {"g", "TEXT", ValueKind::text},
      {"k", "INTEGER", ValueKind::number},       {"t", "TEXT", ValueKind::text},
      {"n", "BIGINT", ValueKind::number},        {"x", "DOUBLE", ValueKind::real},
      {"d", "DECIMAL(12,2)", ValueKind::number}, {"b", "BOOLEAN", ValueKind::truth},
      {"day", "DATE", ValueKind::day},           {"tiny", "TINYINT", ValueKind::number},
      {"l", "INTEGER[]", ValueKind::list},
  };
  return columns;
}

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {
    // mt19937_64's first numbers of neighbouring seeds are alike only in theory; skip them anyhow.
    random_.discard(8);
    case_.file = "random";
    case_.name = fmt::format("seed {}", seed);
  }

  Case make() {
    choose_columns();
    make_stream();
    const bool replaced = any(2) == 0;
    if (replaced) make_newest();
    std::string input = replaced ? "newest" : "s";
    bool ordered = !replaced;
    bool windowed = !replaced && any(3) == 0;
    if (windowed) {
      input = window();
    } else if (any(2) == 0) {
      make_wide(input);
      input = "wide";
      ordered = false;
    } else if (any(4) == 0) {
      make_firsts(input);
      input = "firsts";
      ordered = false;
    } else if (any(4) == 0) {
      make_near(input);
      input = "near";
      ordered = false;
    } else if (any(3) == 0) {
      make_middle(input, ordered);
      input = "middle";
      ordered = false;
    }
    case_.query.kind = Relation::Kind::view;
    case_.query.name = "result";
    case_.query.sql = query(input, ordered, windowed);
    if (windowed && any(2) == 0) case_.query.settings = "emit: on_close";
    return std::move(case_);
  }

 private:
  std::size_t any(std::size_t bound) { return random_() % bound; }

  void choose_columns() {
    const auto& all = all_columns();
    columns_.push_back(all[0]);
    for (std::size_t i = 1; i < all.size(); ++i) {
      if (any(3) != 0) columns_.push_back(all[i]);
    }
  }

  std::string cell(const RandomColumn& column) {
    static constexpr std::array groups = {"a", "a", "a", "a", "b", "b", "c", "ab"};
    static constexpr std::array texts = {"", "a", "ab", "B", "longer than twelve bytes", "é"};
    switch (column.kind) {
      case ValueKind::text:
        return column.name == "g" ? groups[any(groups.size())] : texts[any(texts.size())];
      case ValueKind::real:
        return fmt::format("{}", (static_cast<double>(any(41)) - 20) / 4);
      case ValueKind::truth:
        return any(2) == 0 ? "true" : "false";
      case ValueKind::day:
        return fmt::format("2026-01-{:02}", 1 + any(5));
      case ValueKind::list:
        return any(3) == 0 ? "[]" : fmt::format("[{}, {}]", any(3), any(2));
      default:
        break;
    }
    if (column.name == "d") return fmt::format("{}.{:02}", static_cast<int>(any(9)) - 4, any(100));
    if (column.name == "n") return std::to_string(static_cast<int>(any(2000)) - 1000);
    return std::to_string(any(6));
  }

  void make_stream() {
    Relation stream;
    stream.name = "s";
    for (const RandomColumn& column : columns_)
      stream.columns.push_back({column.name, column.type});
    stream.columns.push_back({"ts", "TIMESTAMP"});
    // Rows are out of order by up to three minutes of each other, and may be four late.
    stream.settings = "event_time: {column: ts, delay: 4m}";
    stream.steps.emplace_back();
    const std::size_t rows = any(8) == 0 ? any(3) : any(rows_max);
    for (std::size_t i = 0; i < rows; ++i) {
      InputRow row;
      if (i > 0 && any(10) == 0) {
        row.cells = stream.steps[0][any(i)].cells;  // again, but for its time
        row.cells.pop_back();
      } else {
        for (const RandomColumn& column : columns_) {
          const bool is_null = column.name != "id" && any(6) == 0;
          row.cells.push_back(is_null ? std::nullopt : Cell(cell(column)));
        }
      }
      row.cells[0] = std::to_string(i);
      const std::size_t second = 60 * i + 180 - any(181);
      row.cells.push_back(fmt::format("2026-01-01 {:02}:{:02}:{:02}", second / 3600,
                                      second / 60 % 60, second % 60));
      stream.steps[0].push_back(std::move(row));
    }
    case_.relations.push_back(std::move(stream));
  }

  /// The newest row per key, so that rows are taken back.
  void make_newest() {
    Relation view;
    view.kind = Relation::Kind::view;
    view.name = "newest";
    view.settings = "from: s, key: id";
    // A few keys, so that most rows replace others.
    for (InputRow& row : case_.relations[0].steps[0]) row.cells[0] = std::to_string(any(12));
    if (any(2) == 0) {
      const RandomColumn& column = columns_[any(columns_.size())];
      view.settings += fmt::format(", deletes: {} IS NULL", column.name);
    }
    case_.relations.push_back(std::move(view));
  }

  /// The first rows of each group in some order, or of all, between the input and the query.
  void make_firsts(const std::string& input) {
    static constexpr std::array directions = {"", " DESC", " NULLS FIRST", " DESC NULLS LAST"};
    const std::string rank = fmt::format(
        "row_number() OVER ({}ORDER BY {}{}, id)", has("g") && any(3) != 0 ? "PARTITION BY g " : "",
        columns_[any(columns_.size())].name, directions[any(directions.size())]);
    const std::size_t count = 1 + any(4);
    Relation view;
    view.kind = Relation::Kind::view;
    view.name = "firsts";
    if (any(2) == 0) {
      view.sql = fmt::format("SELECT * FROM {} QUALIFY {} <= {}", input, rank, count);
    } else {
      view.sql = fmt::format("SELECT * FROM (SELECT *, {} AS place FROM {}) WHERE place <= {}",
                             rank, input, count);
      columns_.push_back({"place", "BIGINT", ValueKind::number});
    }
    case_.relations.push_back(std::move(view));
  }

  /// Window functions that look near, or go on from row to row, between the input and the query.
  void make_near(const std::string& input) {
    static constexpr std::array directions = {"", " DESC NULLS LAST", " NULLS FIRST"};
    static constexpr std::array frames = {
        "", "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", "ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING",
        "ROWS BETWEEN 3 FOLLOWING AND 4 FOLLOWING", "ROWS UNBOUNDED PRECEDING"};
    static constexpr std::array numbers = {"count(*)", "sum(id)", "row_number()",
                                           "max(id)",  "lag(id)", "lead(id, 2)"};
    const bool closes = input == "s" && any(2) == 0;
    const std::string order = closes ? "ts" : columns_[any(columns_.size())].name;
    const std::string window =
        fmt::format("{}ORDER BY {}{}, id", has("g") && any(3) != 0 ? "PARTITION BY g " : "", order,
                    closes ? "" : directions[any(directions.size())]);
    const std::string text = columns_[any(columns_.size())].name;
    const std::string number = numbers[any(numbers.size())];
    // Of those that go by no frame one would have them computed from the whole key.
    const bool framed = number == "count(*)" || number == "sum(id)" || number == "max(id)";
    const std::string frame = frames[any(framed || !closes ? frames.size() : 1)];
    Relation view;
    view.kind = Relation::Kind::view;
    view.name = "near";
    if (closes) view.settings = any(2) == 0 ? "emit: on_close" : "emit: on_close, keep: false";
    case_.only_final |= closes;
    view.sql = fmt::format(
        "SELECT *, {} OVER (w {}) AS place, {} OVER w AS seen FROM {} WINDOW w "
        "AS ({})",
        number, frame, fmt::format("{}({})", any(2) == 0 ? "first_value" : "lag", text), input,
        window);
    columns_.push_back({"place", "", ValueKind::number});
    case_.relations.push_back(std::move(view));
  }

  /// An aggregate between the input and the query.
  void make_middle(const std::string& input, bool ordered) {
    RandomExpression make(random_, columns_);
    Relation view;
    view.kind = Relation::Kind::view;
    view.name = "middle";
    view.sql = fmt::format(
        "SELECT {} AS g, count(*) AS k, sum({}) AS n, max({}) AS t, {} AS b FROM {} GROUP BY 1",
        make.text(1), make.number(1), make.text(1), make.truth(0) == "b" ? "bool_or(b)" : "true",
        input);
    if (ordered && any(3) == 0) {
      view.sql = fmt::format("SELECT {} AS g, last({}) AS k, count(*) AS n FROM {} GROUP BY 1",
                             make.text(1), make.number(1), input);
      columns_ = {{"g", "TEXT", ValueKind::text},
                  {"k", "", ValueKind::number},
                  {"n", "BIGINT", ValueKind::number}};
    } else {
      columns_ = {{"g", "TEXT", ValueKind::text},
                  {"k", "BIGINT", ValueKind::number},
                  {"n", "", ValueKind::number},
                  {"t", "TEXT", ValueKind::text},
                  {"b", "BOOLEAN", ValueKind::truth}};
    }
    case_.relations.push_back(std::move(view));
  }

  bool has(const std::string& name) const {
    return std::ranges::find(columns_, name, &RandomColumn::name) != columns_.end();
  }

  /// A second stream, and half of the time the newest row per key of it. Returns which to read.
  std::string make_other() {
    Relation stream;
    stream.name = "r";
    stream.columns = {{"rid", "BIGINT"}, {"rk", "INTEGER"}, {"rg", "TEXT"}, {"rv", "INTEGER"}};
    stream.steps.emplace_back();
    for (std::size_t i = any(other_rows_max); i > 0; --i) {
      InputRow row;
      row.cells.emplace_back(std::to_string(any(10)));
      for (const auto kind : {ValueKind::number, ValueKind::text, ValueKind::number}) {
        const Cell value = cell({kind == ValueKind::text ? "g" : "k", "", kind});
        row.cells.push_back(any(6) == 0 ? std::nullopt : value);
      }
      stream.steps[0].push_back(std::move(row));
    }
    case_.relations.push_back(std::move(stream));
    if (any(2) == 0) return "r";
    Relation view;
    view.kind = Relation::Kind::view;
    view.name = "newest_r";
    view.settings = "from: r, key: rid";
    if (any(2) == 0) view.settings += ", deletes: rv > 4";
    case_.relations.push_back(std::move(view));
    return "newest_r";
  }

  /// A view over two inputs, or of distinct rows: a join, a set operation, a subquery in WHERE.
  void make_wide(const std::string& input) {
    const std::string other = make_other();
    Relation view;
    view.kind = Relation::Kind::view;
    view.name = "wide";
    const std::string key = has("k") ? "k" : "id";
    const std::string text = has("g") ? "g" : "'a'";
    const std::vector<RandomColumn> two = {{"k", "", ValueKind::number},
                                           {"g", "", ValueKind::text}};
    switch (any(6)) {
      case 0:
        view.sql = fmt::format("SELECT DISTINCT {} AS k, {} AS g FROM {}", key, text, input);
        columns_ = two;
        break;
      case 1: {
        static constexpr std::array operations = {"UNION ALL", "UNION", "INTERSECT", "EXCEPT"};
        view.sql = fmt::format("SELECT {} AS k, {} AS g FROM {} {} SELECT rk, rg FROM {}", key,
                               text, input, operations[any(operations.size())], other);
        columns_ = two;
        break;
      }
      case 2: {
        static constexpr std::array tests = {
            "{0} IN (SELECT rk FROM {1})", "{0} NOT IN (SELECT rk FROM {1} WHERE rk IS NOT NULL)",
            "EXISTS (SELECT 1 FROM {1} WHERE rk = {0})",
            "NOT EXISTS (SELECT 1 FROM {1} WHERE rk = {0} AND rv > 1)"};
        view.sql = fmt::format("SELECT * FROM {} WHERE {}", input,
                               fmt::format(fmt::runtime(tests[any(tests.size())]), key, other));
        break;
      }
      default:
        view.sql = join(input, other, key);
        break;
    }
    case_.relations.push_back(std::move(view));
  }

  std::string join(const std::string& input, const std::string& other, const std::string& key) {
    static constexpr std::array kinds = {"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"};
    static constexpr std::array conditions = {"", "", " AND r.rv > 2", " AND a.id <> r.rid",
                                              " AND a.id > r.rv"};
    std::string list;
    for (const RandomColumn& column : columns_) list += fmt::format("a.{0} AS {0}, ", column.name);
    const bool by_text = has("g") && any(3) == 0;
    std::string sql =
        fmt::format("SELECT {0}r.rid, r.rk, r.rg, r.rv FROM {1} a {2} {3} r ON {4}{5}", list, input,
                    kinds[any(kinds.size())], other,
                    by_text ? std::string("a.g = r.rg") : fmt::format("a.{} = r.rk", key),
                    conditions[any(conditions.size())]);
    // What joins with several rows is not unique any more.
    columns_.erase(columns_.begin());
    columns_.push_back({"rk", "INTEGER", ValueKind::number});
    columns_.push_back({"rg", "TEXT", ValueKind::text});
    columns_.push_back({"rv", "INTEGER", ValueKind::number});
    return sql;
  }

  std::string window() {
    static constexpr std::array offsets = {"", ", INTERVAL '90 seconds'", ", INTERVAL '-1 minute'"};
    const char* offset = offsets[any(offsets.size())];
    const std::size_t minutes = 1 + any(10);
    switch (any(3)) {
      case 0:
        return fmt::format("tumble(s, ts, INTERVAL '{} minutes'{})", minutes, offset);
      case 1:
        return fmt::format("hop(s, ts, INTERVAL '{} minutes', INTERVAL '{} minutes'{})", minutes,
                           minutes * (1 + any(4)), offset);
      default:
        return fmt::format("cumulate(s, ts, INTERVAL '{} minutes', INTERVAL '{} minutes'{})",
                           minutes, minutes * (1 + any(4)), offset);
    }
  }

  std::string query(const std::string& input, bool ordered, bool windowed) {
    RandomExpression make(random_, columns_);
    std::string list, keys;
    std::size_t keys_count = 0;
    const auto add = [&](const std::string& expression, const char* prefix, std::size_t number) {
      list += fmt::format("{}{} AS {}{}", list.empty() ? "" : ", ", expression, prefix, number);
    };
    const auto add_key = [&](const std::string& expression) {
      add(expression, "key", ++keys_count);
      keys += fmt::format("{}{}", keys.empty() ? "" : ", ", keys_count);
    };
    if (windowed) {
      add_key("window_start");
      add_key("window_end");
    }
    for (std::size_t i = any(3); i > 0; --i) add_key(make.key());
    const std::size_t aggregates = 1 + any(4);
    for (std::size_t i = 1; i <= aggregates; ++i) add(make.aggregate(ordered), "a", i);
    std::string where = any(3) == 0 ? make.truth(2) : "";
    if (any(3) == 0) {
      // What both compute, and may be computed once.
      const std::string common = fmt::format("upper({})", make.text(2));
      add(fmt::format("max({})", common), "a", aggregates + 1);
      where +=
          fmt::format("{}({} <> {}{})", where.empty() ? "" : " AND ", common,
                      make.literal(ValueKind::text), any(2) == 0 ? "" : " OR " + make.truth(1));
    }
    std::string sql = fmt::format("SELECT {}\nFROM {}", list, input);
    if (!where.empty()) sql += "\nWHERE " + where;
    if (!keys.empty()) sql += "\nGROUP BY " + keys;
    if (any(4) == 0)
      sql += fmt::format("\nHAVING count(*) {} {}", any(2) == 0 ? ">" : "<=", any(4));
    return sql;
  }

  std::mt19937_64 random_;
  std::vector<RandomColumn> columns_;
  Case case_;
};

}  // namespace

Case random_case(std::uint64_t seed) { return Maker(seed).make(); }

}  // namespace leat::proof
