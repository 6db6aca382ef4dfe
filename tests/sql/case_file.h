#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace leat::proof {

/// A cell as it is written: the text that SQL casts to its column's type; nothing: NULL.
using Cell = std::optional<std::string>;
using Cells = std::vector<Cell>;

struct InputRow {
  Cells cells;
  bool late = false;  ///< refused for the time it comes at: the judge never sees it
};

struct InputColumn {
  std::string name;
  std::string type;  ///< as SQL writes it
};

/// What a query may read: a stream over a topic with its rows, a stream over another, a view, or a
/// table that is kept, whose steps are each all of its rows; or a macro, which is none.
struct Relation {
  enum class Kind { stream, derived, view, table, macro };
  Kind kind = Kind::stream;
  int line = 0;
  std::string name;
  std::string settings;  ///< what else its entry in the pipeline file says: `key: value, …`
  std::vector<InputColumn> columns;          ///< of a stream or table
  std::vector<std::vector<InputRow>> steps;  ///< what is taken in before the next comes
  std::string sql;                           ///< of a derived stream or a view; empty: none
  std::string judge_sql;                     ///< what DuckDB is asked for instead
};

/// One query over some input, and what must come of it.
struct Case {
  std::string file;
  int line = 0;
  std::string name;
  std::vector<Relation> relations;  ///< in an order in which each comes after its inputs
  Relation query;
  bool open = false;            ///< the input does not end: windows stay open
  bool only_final = false;      ///< before the end DuckDB may say something else
  std::vector<Cells> expected;  ///< in any order
  int expected_line = 0;        ///< of the first expected row
  int expected_count = 0;       ///< lines in the file that they take
  std::string refused;          ///< the code with which `leat check` refuses it; empty: it runs
  std::vector<std::string> message_parts;  ///< of the refusal
  std::string sinks;  ///< of its pipeline file, as YAML; never read from a file of cases
  std::optional<std::vector<std::string>> letters;  ///< a part of each dead letter; else not looked
  std::string place() const { return fmt::format("{}:{}", file, line); }
  /// Whether what is there before the input's end may differ from what DuckDB says of that much.
  bool is_final_only() const;
};

/// Reads a file of cases; README.md beside this says how they are written. Error `case-syntax`
/// (user) names the line.
Result<std::vector<Case>> read_cases(const std::string& path);

/// The case as such a file has it.
std::string to_text(const Case& one);
std::string to_text(const Cells& cells);

/// Whether a text has this name as a word of its own.
bool mentions(const std::string& text, const std::string& name);

}  // namespace leat::proof
