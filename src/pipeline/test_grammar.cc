#include "pipeline/test_grammar.h"

namespace leat::pipeline {
namespace {

constexpr std::string_view test_example =
    "tests:\n"
    "  - name: visits are counted by page\n"
    "    given:\n"
    "      - topic: page_views\n"
    "        records:\n"
    "          - {page: /, country: DE}\n"
    "          - {page: /, country: FR}\n"
    "          - no JSON\n"
    "    expect:\n"
    "      - view: visits_by_page\n"
    "        rows: [{page: /, visits: 2}]\n"
    "      - dead_letters: [{stage: decode, stream: visits}]\n";

std::vector<Key> given_keys() {
  return {
      {"topic", Form::reference, "The topic that `records` are appended to."},
      {"records", Form::records,
       "A list: an item in braces is a JSON record, a text is a record as it stands, however "
       "malformed, and null is a record without a value. Or one text with a record a line; with "
       "`format: csv` and a source whose files have a header, its first line is the header. "
       "`${file:PATH}` takes the text from a file of 1 MiB at most."},
      {"stream", Form::reference,
       "The stream that `rows` are of, as if its SELECT had given them and its expectations let "
       "them pass. In this test it has these rows alone."},
      {"table", Form::reference,
       "The table that `rows` are in from here on, beside those given before. In tests tables have "
       "the rows alone that are given: no file and no other system is asked."},
      {"rows", Form::rows,
       "Rows of `stream` or `table`. A column that a row does not name is NULL."},
      {"partition",
       Form::integer,
       "The partition that the records or rows go to.",
       false,
       "0",
       {},
       0,
       1023},
      {"key", Form::text, "The key of every record."},
      {"timestamp", Form::time, "The time of every record. Left out: what the clock says."},
      {"advance", Form::time_or_duration,
       "The clock moves on by this or, where the test has `now`, to this time: partitions fall "
       "idle, and what is measured by the clock comes due."},
      {"end", Form::boolean,
       "true: all inputs have ended, as with `leat run --once`, and every window closes."},
  };
}

std::vector<Key> test_expect_keys() {
  return {
      {"view", Form::reference, "The view whose rows are compared."},
      {"stream", Form::reference, "The stream whose rows since the test's beginning are compared."},
      {"rows", Form::rows,
       "The rows of `view` or `stream`, in any order. Of each row the columns that it names are "
       "compared, as values of their SQL types; `[]`: there are none."},
      {"dead_letters",
       Form::sequence,
       "The dead letters since the test's beginning, in any order; `[]`: there are none.",
       false,
       {},
       {},
       {},
       {},
       "test.letter"},
      {"others", Form::boolean, "true: there may be other rows or dead letters beside these.",
       false, "false"},
      {"tolerance", Form::number,
       "How far FLOAT and DOUBLE may be from what is written. Left out: a difference that "
       "rounding explains, a billionth of the number (of FLOAT a millionth)."},
      {"failure", Form::text,
       "The pipeline stops, as by an expectation with `else: fail`, and its reason holds this "
       "text."},
  };
}

}  // namespace

std::vector<Section> test_sections() {
  const auto given = [](std::string_view doc) {
    return Key{"given", Form::sequence, doc, false, {}, {}, {}, {}, "test.given"};
  };
  const auto expect = [](std::string_view doc) {
    return Key{"expect", Form::sequence, doc, false, {}, {}, {}, {}, "test.expect"};
  };
  return {
      {"test",
       "tests",
       "Each test begins with nothing: records go the way that they go in production, through "
       "topics, streams and views, but nothing is connected, no source or sink runs, and all is "
       "kept in memory. Every entry of `given` is taken in before the next, in an epoch of its own "
       "or several. The clock stands still until the test moves it.",
       {{"name", Form::text, "What the test shows; `leat test --only` finds it by this.", true},
        {"now", Form::time,
         "What the clock says at first. Left out: 2100-01-01T00:00:00Z, so that no event is "
         "ahead of it."},
        given("What comes in, in order."),
        expect("What there is at the end."),
        {"steps",
         Form::sequence,
         "In place of `given` and `expect`: several of both, one after the other.",
         false,
         {},
         {},
         {},
         {},
         "test.step"}},
       std::nullopt,
       test_example},
      {"test.step",
       "tests.steps",
       "What comes in, and what there is then.",
       {given("What comes in, in order."), expect("What there is then.")}},
      {"test.given", "tests.given",
       "One of `topic` with `records`, `stream` or `table` with `rows`, `advance` and `end`.",
       given_keys()},
      {"test.expect", "tests.expect",
       "One of `view` or `stream` with `rows`, `dead_letters` and `failure`.", test_expect_keys()},
      {"test.letter",
       "tests.expect.dead_letters",
       "What is named of a dead letter is compared. Of `reason` and `value` a part is enough.",
       {{"stage",
         Form::choice,
         "Where it was refused.",
         false,
         {},
         {"decode", "select", "expect", "future", "late", "view"}},
        {"stream", Form::reference, "The stream that refused it."},
        {"view", Form::reference, "The view, for `late` and `view`."},
        {"column", Form::text, "The column to blame, for `decode`."},
        {"expectation", Form::text, "Its name, for `expect`."},
        {"topic", Form::reference, "The topic that it came from."},
        {"reason", Form::text, "A part of what is wrong."},
        {"value", Form::text, "A part of the record's bytes."}}},
  };
}

}  // namespace leat::pipeline
