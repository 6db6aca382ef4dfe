#include "case_file.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <string_view>

namespace leat::proof {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

bool is_name_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

/// Splits at a separator that stands outside quotes and brackets.
std::vector<std::string_view> split(std::string_view text, char separator, bool in_brackets_too) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') quoted = !quoted;
    if (quoted) continue;
    depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (text[i] != separator || (depth > 0 && !in_brackets_too)) continue;
    parts.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

Cell cell_of(std::string_view text) {
  text = trimmed(text);
  if (text == "NULL") return std::nullopt;
  if (text.size() < 2 || !text.starts_with('\'') || !text.ends_with('\'')) return std::string(text);
  std::string plain;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    plain += text[i];
    if (text[i] == '\'') ++i;  // doubled
  }
  return plain;
}

Cells cells_of(std::string_view line) {
  Cells cells;
  for (const std::string_view part : split(line, '|', true)) cells.push_back(cell_of(part));
  return cells;
}

class Reader {
 public:
  Reader(std::string file, std::istream& in) : file_(std::move(file)) {
    for (std::string line; std::getline(in, line);) lines_.push_back(std::move(line));
  }

  Result<std::vector<Case>> read() {
    while (skip_blank_lines()) {
      LEAT_TRY(block());
    }
    LEAT_TRY(end_case());
    return std::move(cases_);
  }

 private:
  template <class... Args>
  std::unexpected<Error> fault(fmt::format_string<Args...> text, Args&&... args) const {
    return user_error("case-syntax", "{}:{}: {}", file_, at_ + 1,
                      fmt::format(text, std::forward<Args>(args)...));
  }

  bool skip_blank_lines() {
    while (at_ < lines_.size()) {
      const std::string_view line = trimmed(lines_[at_]);
      if (!line.empty() && !line.starts_with('#')) return true;
      ++at_;
    }
    return false;
  }

  int line() const { return static_cast<int>(at_) + 1; }

  /// The lines from the next one on to a blank one or to one that is `end`, without comments.
  std::vector<std::string> body(std::string_view end = {}) {
    std::vector<std::string> out;
    for (++at_; at_ < lines_.size(); ++at_) {
      const std::string_view line = trimmed(lines_[at_]);
      if (line.empty() || (!end.empty() && line == end)) break;
      if (!line.starts_with('#')) out.emplace_back(line);
    }
    return out;
  }

  static std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
    return text;
  }

  Status block() {
    const std::string_view line = trimmed(lines_[at_]);
    const std::string_view word = line.substr(0, line.find_first_of(" {"));
    std::string_view rest = trimmed(line.substr(word.size()));
    if (word == "case") return begin_case(rest);
    if (word == "judge") return judge(rest);
    if (word == "open" || word == "final" || word == "letters") return detail(word);
    if (word == "query") return query(rest);
    if (word == "refused") return refusal(rest);
    const std::array<std::string_view, 5> kinds = {"stream", "derived", "view", "table", "macro"};
    const auto kind = std::ranges::find(kinds, word);
    if (kind == kinds.end()) {
      return fault(
          "\"{}\" begins no block; case, stream, derived, view, table, macro, judge, query, "
          "refused, "
          "letters and open do",
          word);
    }
    Relation relation;
    relation.kind = static_cast<Relation::Kind>(kind - kinds.begin());
    relation.line = this->line();
    const auto length =
        static_cast<std::size_t>(std::ranges::find_if_not(rest, is_name_character) - rest.begin());
    relation.name = rest.substr(0, length);
    rest = trimmed(rest.substr(length));
    if (relation.name.empty()) return fault("a {} needs a name", word);
    LEAT_TRY(take_settings(rest, relation));
    if (relation.kind == Relation::Kind::stream || relation.kind == Relation::Kind::table) {
      LEAT_TRY(take_columns(rest, relation));
      LEAT_TRY(rows(relation));
    } else {
      relation.sql = joined(body());
    }
    (in_case_ ? case_.relations : shared_).push_back(std::move(relation));
    return {};
  }

  Status take_settings(std::string_view& rest, Relation& relation) {
    const auto begin = rest.find('{');
    if (begin == std::string_view::npos) return {};
    if (!rest.ends_with('}')) return fault("settings end with }} at the end of their line");
    relation.settings = trimmed(rest.substr(begin + 1, rest.size() - begin - 2));
    rest = trimmed(rest.substr(0, begin));
    return {};
  }

  Status take_columns(std::string_view text, Relation& stream) {
    if (!text.starts_with('(') || !text.ends_with(')')) {
      return fault("a stream's columns stand in brackets: stream s (id BIGINT, at TIMESTAMP)");
    }
    for (std::string_view part : split(text.substr(1, text.size() - 2), ',', false)) {
      part = trimmed(part);
      const auto space = part.find(' ');
      if (space == std::string_view::npos) return fault("column \"{}\" has no type", part);
      stream.columns.push_back(
          {std::string(part.substr(0, space)), std::string(trimmed(part.substr(space)))});
    }
    return {};
  }

  Status rows(Relation& stream) {
    stream.steps.emplace_back();
    for (std::string_view text : body()) {
      if (text == ".") {
        stream.steps.emplace_back();
        continue;
      }
      InputRow row;
      row.late = text.starts_with('~');
      if (row.late) text.remove_prefix(1);
      row.cells = cells_of(text);
      if (row.cells.size() != stream.columns.size()) {
        return fault("the row \"{}\" above has {} cells, and stream {} has {} columns", text,
                     row.cells.size(), stream.name, stream.columns.size());
      }
      stream.steps.back().push_back(std::move(row));
    }
    return {};
  }

  Status begin_case(std::string_view name) {
    LEAT_TRY(end_case());
    in_case_ = true;
    case_ = {};
    case_.file = file_;
    case_.line = line();
    case_.name = name;
    if (name.empty()) return fault("a case needs a name");
    if (!names_.insert(case_.name).second) return fault("there is a case \"{}\" already", name);
    ++at_;
    return {};
  }

  Status judge(std::string_view name) {
    const int at = line();
    const std::string sql = joined(body());
    if (name.empty()) {
      case_.query.judge_sql = sql;
      return {};
    }
    for (auto* relations : {&case_.relations, &shared_}) {
      const auto found = std::ranges::find(*relations, name, &Relation::name);
      if (found == relations->end()) continue;
      found->judge_sql = sql;
      return {};
    }
    return user_error("case-syntax", "{}:{}: nothing before it is called {}", file_, at, name);
  }

  Status detail(std::string_view word) {
    if (!in_case_) return fault("{} belongs to a case", word);
    if (word == "letters") {
      case_.letters = body();
    } else {
      (word == "open" ? case_.open : case_.only_final) = true;
      ++at_;
    }
    return {};
  }

  Status query(std::string_view rest) {
    if (!in_case_ || !case_.query.sql.empty()) return fault("each case has one query");
    case_.query.kind = Relation::Kind::view;
    case_.query.name = "result";
    case_.query.line = line();
    LEAT_TRY(take_settings(rest, case_.query));
    case_.query.sql = joined(body("----"));
    if (case_.query.sql.empty()) return fault("the query has no SQL");
    if (at_ >= lines_.size() || trimmed(lines_[at_]) != "----") return {};
    case_.expected_line = line() + 1;
    for (const std::string& row : body()) case_.expected.push_back(cells_of(row));
    case_.expected_count = line() - case_.expected_line;
    return {};
  }

  Status refusal(std::string_view code) {
    if (!in_case_) return fault("refused belongs to a case");
    if (code.empty()) return fault("refused needs the code that `leat check` gives");
    case_.refused = code;
    case_.message_parts = body();
    return {};
  }

  /// A case takes of what the file shares only what it speaks of.
  Status end_case() {
    if (!in_case_) return {};
    if (case_.query.sql.empty()) {
      return user_error("case-syntax", "{}: the case has no query", case_.place());
    }
    if (case_.refused.empty() && case_.expected_line == 0) {
      return user_error("case-syntax", "{}: the case has neither ---- and rows nor `refused`",
                        case_.place());
    }
    std::string text =
        fmt::format("{} {} {}", case_.query.sql, case_.query.judge_sql, case_.query.settings);
    for (const Relation& relation : case_.relations) {
      text += " " + relation.sql + " " + relation.settings;
    }
    std::vector<Relation> taken;
    for (auto shared = shared_.rbegin(); shared != shared_.rend(); ++shared) {
      if (!mentions(text, shared->name)) continue;
      text += " " + shared->sql + " " + shared->settings;
      taken.push_back(*shared);
    }
    std::ranges::reverse(taken);
    case_.relations.insert(case_.relations.begin(), taken.begin(), taken.end());
    cases_.push_back(std::move(case_));
    return {};
  }

  const std::string file_;
  std::vector<std::string> lines_;
  std::size_t at_ = 0;
  std::vector<Relation> shared_;
  std::set<std::string> names_;
  bool in_case_ = false;
  Case case_;
  std::vector<Case> cases_;
};

std::string cell_text(const Cell& cell) {
  if (!cell) return "NULL";
  const bool plain = !cell->empty() && *cell != "NULL" &&
                     cell->find_first_of("|'\n") == std::string::npos && trimmed(*cell) == *cell;
  if (plain) return *cell;
  std::string quoted = "'";
  for (const char c : *cell) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

std::string relation_text(const Relation& relation) {
  const std::array<std::string_view, 5> kinds = {"stream", "derived", "view", "table", "macro"};
  std::string out =
      fmt::format("{} {}", kinds[static_cast<std::size_t>(relation.kind)], relation.name);
  for (std::size_t i = 0; i < relation.columns.size(); ++i) {
    const InputColumn& column = relation.columns[i];
    out += fmt::format("{}{} {}", i == 0 ? " (" : ", ", column.name, column.type);
  }
  if (!relation.columns.empty()) out += ")";
  if (!relation.settings.empty()) out += " {" + relation.settings + "}";
  out += "\n";
  if (!relation.sql.empty()) out += relation.sql + "\n";
  for (std::size_t step = 0; step < relation.steps.size(); ++step) {
    if (step > 0) out += ".\n";
    for (const InputRow& row : relation.steps[step]) {
      out += (row.late ? "~" : "") + to_text(row.cells) + "\n";
    }
  }
  if (!relation.judge_sql.empty())
    out += "\njudge " + relation.name + "\n" + relation.judge_sql + "\n";
  return out + "\n";
}

}  // namespace

std::string to_text(const Cells& cells) {
  std::string line;
  for (const Cell& cell : cells) line += (line.empty() ? "" : " | ") + cell_text(cell);
  return line;
}

std::string to_text(const Case& one) {
  std::string out = "case " + one.name + "\n\n";
  for (const Relation& relation : one.relations) out += relation_text(relation);
  if (one.open) out += "open\n\n";
  if (one.only_final) out += "final\n\n";
  if (!one.query.judge_sql.empty()) out += "judge\n" + one.query.judge_sql + "\n\n";
  out += "query" + (one.query.settings.empty() ? "" : " {" + one.query.settings + "}") + "\n";
  out += one.query.sql + "\n----\n";
  for (const Cells& row : one.expected) out += to_text(row) + "\n";
  return out;
}

bool Case::is_final_only() const {
  const auto waits = [](const Relation& relation) {
    return mentions(relation.settings, "on_close") || mentions(relation.settings, "retain");
  };
  return only_final || waits(query) || std::ranges::any_of(relations, waits);
}

bool mentions(const std::string& text, const std::string& name) {
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || !is_name_character(text[at - 1])) &&
        (end == text.size() || !is_name_character(text[end]))) {
      return true;
    }
  }
  return false;
}

Result<std::vector<Case>> read_cases(const std::string& path) {
  std::ifstream in(path);
  if (!in) return user_error("case-syntax", "can't open {}", path);
  return Reader(path, in).read();
}

}  // namespace leat::proof
