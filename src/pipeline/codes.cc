#include "pipeline/codes.h"

#include <algorithm>
#include <array>

namespace leat::pipeline {
namespace {

constexpr std::array all_codes = {
    Code{"column-place", "A column's `at` or `field` names a place that its format does not have."},
    Code{"column-type", "A column's type, default or unit that its format can't give."},
    Code{"columns-misplaced", "A stream over a stream has `columns` or `format`."},
    Code{"columns-missing", "A stream over a topic has no `columns`."},
    Code{"conflicting-keys", "Two keys that exclude each other, or one that has no meaning here."},
    Code{"cycle", "A stream or view reads itself, by way of others."},
    Code{"duplicate-column", "A column is named twice; SQL compares names without case."},
    Code{"duplicate-key", "A mapping has the same key twice."},
    Code{"duplicate-name",
         "A name is taken: by any topic, table, stream or view, or by the same "
         "kind."},
    Code{"event-time-type", "The column of `event_time` is neither TIMESTAMP nor TIMESTAMPTZ."},
    Code{"expansion-syntax", "A `${` that is no reference."},
    Code{"file-reference", "The file of a `${file:PATH}` can't be read, or is too large."},
    Code{"file-too-large", "A pipeline file, or their number, is beyond what is read."},
    Code{"file-unreadable", "A pipeline file or folder is not there or may not be read."},
    Code{"implied-topic",
         "A stream reads a topic that is declared nowhere: it takes pushes alone."},
    Code{"invalid-name", "A name with characters that can't be in one, or too long."},
    Code{"invalid-url", "A URL that can't be reached as it is written."},
    Code{"invalid-value", "A value that can't be read as what its key needs."},
    Code{"log-conflict", "Two files of a server say that the topics are kept in different places."},
    Code{"lookup-join", "A stream's join that the rows of single keys of a table can't answer."},
    Code{"missing-key", "A key that must be there is not."},
    Code{"needs-changes", "A view whose rows change goes to a sink that can't take rows back."},
    Code{"needs-key", "A view without a key, whose rows change, goes to a sink that goes by it."},
    Code{"no-event-time",
         "`emit: on_close` or `retain` without event time on the window's column."},
    Code{"no-files", "There is no pipeline file to check."},
    Code{"no-window", "`emit: on_close` or `retain` on a query without windows."},
    Code{"not-a-select", "The SQL is not one SELECT."},
    Code{"not-allowed", "SQL that reaches outside of streams and views."},
    Code{"not-deterministic",
         "A function that gives another result each time; a replay would give other rows."},
    Code{"not-grouped", "A query puts out a column that is neither grouped nor aggregated."},
    Code{"not-incremental", "A query that can't be kept up to date as rows arrive."},
    Code{"not-row-wise", "A stream's `select` with what needs more than one row at a time."},
    Code{"not-utf8", "A byte that is no UTF-8 text."},
    Code{"out-of-range", "A number below or above what its key takes."},
    Code{"panel-shape", "A panel's query gives columns that its kind can't draw."},
    Code{"reserved-name", "A name that begins with `__leat_`."},
    Code{"reserved-word", "A name that is a word of SQL; for a column only a note."},
    Code{"rows-not-kept", "A panel, or a stream's join, of a view with `keep: false`."},
    Code{"same-target", "Two sinks write to one place."},
    Code{"secret-in-file", "A secret stands in the pipeline file (a warning)."},
    Code{"sink-input", "A sink's settings do not fit the columns that it reads."},
    Code{"sql-invalid", "SQL that DuckDB refuses for another reason."},
    Code{"sql-syntax", "SQL that can't be parsed."},
    Code{"table-file", "The file of a table that can't be read as one."},
    Code{"table-input", "A table's settings or columns that its connector can't take."},
    Code{"table-missing", "The file of a table is not there (a warning where it has `columns`)."},
    Code{"table-too-large", "The file of a table is larger than `max_size`."},
    Code{"test-given", "A test gives what its pipeline does not take in that way."},
    Code{"test-time", "A test's time goes back, or begins nowhere."},
    Code{"test-value", "A value in a test that its column can't hold."},
    Code{"too-many-windows", "A window function that puts each row into too many windows."},
    Code{"topic-conflict", "Two entries say what a topic is."},
    Code{"topic-not-kept",
         "Settings for a topic that is not stored, or `copy` where it always is."},
    Code{"type-mismatch", "SQL with a value of the wrong type."},
    Code{"unbounded-state", "A view that keeps state for ever (a note)."},
    Code{"unknown-column", "There is no such column."},
    Code{"unknown-connector", "There is no such connector, or another key stands beside it."},
    Code{"unknown-format", "There is no such format."},
    Code{"unknown-function", "There is no such function in SQL."},
    Code{"unknown-key", "There is no such key or setting here."},
    Code{"unknown-name", "There is no such topic, stream or view."},
    Code{"unknown-table", "SQL reads something that is no stream or view."},
    Code{"unknown-type", "There is no such SQL type."},
    Code{"unset-variable", "An environment variable that is not set and has no default."},
    Code{"unsupported-sql", "SQL that DuckDB knows and Leat does not take."},
    Code{"unused-stream", "Nothing reads a stream (a warning)."},
    Code{"unused-table", "Nothing reads a table (a warning)."},
    Code{"unused-topic", "No stream reads a topic (a note)."},
    Code{"unused-view", "Nothing reads a view with `keep: false` (a warning)."},
    Code{"wrong-input", "Something reads what it can't: a view a topic, a stream a view."},
    Code{"wrong-shape", "A text, list or mapping where another of them belongs."},
    Code{"yaml-key", "A key that is no text, or a `<<` that brings in no mapping."},
    Code{"yaml-syntax", "The file is not YAML."},
    Code{"yaml-too-deep", "Values nested too deeply."},
    Code{"yaml-too-large", "Too many values, with aliases replaced."},
};

static_assert(std::ranges::is_sorted(all_codes, {}, &Code::name));

}  // namespace

std::span<const Code> codes() { return all_codes; }

bool is_documented(std::string_view code) {
  return std::ranges::binary_search(all_codes, code, {}, &Code::name);
}

}  // namespace leat::pipeline
