#include "pipeline/test_check.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/names.h"
#include "pipeline/node_json.h"
#include "pipeline/scalar.h"
#include "pipeline/test_rows_check.h"

namespace leat::pipeline {
namespace {

using Kind = Relation::Kind;
/// Where the tests stand, by their pipelines and names.
using TestNames = std::map<std::pair<std::string, std::string>, Location>;

class TestChecker {
 public:
  TestChecker(Scope& scope, const Declaration& declaration, const ReadsByName& reads,
              TestNames& names)
      : scope_(scope),
        diagnostics_(scope.diagnostics),
        declaration_(declaration),
        reads_(reads),
        names_(names),
        fields_(*declaration.body, section("test"), scope.diagnostics) {}

  void run() {
    if (!fields_.readable()) return;
    const auto before = diagnostics_.errors();
    test_.at = fields_.at();
    test_.pipeline = declaration_.pipeline;
    take_name();
    if (const auto now = time(fields_, "now")) test_.now = clock_ = *now;
    take_steps();
    if (diagnostics_.errors() != before) return;
    find_relations();
    scope_.graph.tests.push_back(std::move(test_));
  }

 private:
  void take_name() {
    const Node* name = fields_.find("name");
    if (name == nullptr) return;
    test_.name = name->text;
    const auto [other, fresh] = names_.try_emplace({test_.pipeline, test_.name}, name->at);
    if (fresh) return;
    diagnostics_.error(
        name->at, "duplicate-name",
        fmt::format("there is a test \"{}\" already, on line {}; choose another name",
                    name->shown(), other->second.line));
  }

  void take_steps() {
    const Node* steps = fields_.find("steps");
    if (steps == nullptr) {
      if (!fields_.has("steps")) take_step(fields_);
    } else {
      for (const auto* key : {"given", "expect"}) {
        if (!fields_.has(key)) continue;
        diagnostics_.error(
            fields_.at(key), "conflicting-keys",
            fmt::format("\"{}\" stands beside \"steps\"; make it a part of a step", key));
      }
      for (const Node& step : steps->items) {
        const Fields fields(step, section("test.step"), diagnostics_);
        if (fields.readable()) take_step(fields);
      }
    }
    if (expectations_ > 0) return;
    diagnostics_.error(fields_.at(), "missing-key",
                       "\"expect\" is missing here, so that the test would always pass; write "
                       "expect: and what there is at the end");
  }

  void take_step(const Fields& fields) {
    TestNode::Step& step = test_.steps.emplace_back();
    if (const Node* given = fields.find("given")) {
      for (const Node& item : given->items) take_given(item, step);
    }
    if (const Node* expect = fields.find("expect")) {
      expectations_ += expect->items.size();
      for (const Node& item : expect->items) take_expectation(item, step);
    }
  }

  /// The one key of `kinds` that says what an entry is; null: there is none or several, which is
  /// reported.
  const char* kind_of(const Fields& fields, std::initializer_list<const char*> kinds) {
    const char* found = nullptr;
    for (const auto* kind : kinds) {
      if (!fields.has(kind)) continue;
      if (found != nullptr) {
        diagnostics_.error(
            fields.at(kind), "conflicting-keys",
            fmt::format("\"{}\" stands beside \"{}\"; write an entry for each", kind, found));
        return nullptr;
      }
      found = kind;
    }
    if (found == nullptr) {
      diagnostics_.error(
          fields.at(), "missing-key",
          fmt::format("this entry says nothing; write one of {}", fmt::join(kinds, ", ")));
    }
    return found;
  }

  void refuse(const Fields& fields, std::string_view kind,
              std::initializer_list<const char*> keys) {
    for (const auto* key : keys) {
      if (!fields.has(key)) continue;
      diagnostics_.error(fields.at(key), "conflicting-keys",
                         fmt::format("\"{}\" has no meaning beside \"{}\"; remove it", key, kind));
    }
  }

  const Node* needed(const Fields& fields, std::string_view kind, const char* key) {
    if (!fields.has(key)) {
      diagnostics_.error(fields.at(), "missing-key",
                         fmt::format("\"{0}\" is missing beside \"{1}\"; write {0}:", key, kind));
    }
    return fields.find(key);
  }

  /// The relation that a key of this name names; null: there is none, which is reported.
  const Relation* relation(const Fields& fields, const char* key, Kind kind) {
    const Node* name = fields.find(key);
    if (name == nullptr) return nullptr;
    const auto* found = scope_.resolve(*name, {kind});
    if (found == nullptr || found->kind == kind) return found;
    diagnostics_.error(
        name->at, "wrong-input",
        fmt::format("\"{}\" is {}; name {} here", found->name, with_article(to_string(found->kind)),
                    with_article(to_string(kind))));
    return nullptr;
  }

  std::optional<TimestampMs> time(const Fields& fields, const char* key) {
    const Node* value = fields.find(key);
    if (value == nullptr) return std::nullopt;
    const auto read = read_time_ms(value->text);
    if (read) return *read;
    diagnostics_.error(value->at, "invalid-value",
                       fmt::format("\"{}\": \"{}\" {}", key, value->shown(), read.error()));
    return std::nullopt;
  }

  void take_given(const Node& item, TestNode::Step& step) {
    const Fields fields(item, section("test.given"), diagnostics_);
    if (!fields.readable()) return;
    TestGiven given;
    given.at = fields.at();
    const char* kind = kind_of(fields, {"topic", "stream", "table", "advance", "end"});
    if (kind == nullptr) return;
    const std::string_view name = kind;
    if (name == "topic") {
      take_records(fields, given);
    } else if (name == "stream") {
      take_stream_rows(fields, given);
    } else if (name == "table") {
      take_table_rows(fields, given);
    } else {
      refuse(fields, kind, {"records", "rows", "partition", "key", "timestamp"});
      if (name == "advance") {
        take_advance(fields, given);
      } else {
        given.kind = TestGiven::Kind::end;
        if (!fields.flag("end")) {
          diagnostics_.error(fields.at("end"), "invalid-value",
                             "\"end\" says that the inputs have ended; write end: true, or remove "
                             "this entry");
        }
      }
    }
    if (ended_) {
      diagnostics_.error(given.at, "test-given",
                         "nothing comes any more after end: true; put this before it");
    }
    ended_ |= given.kind == TestGiven::Kind::end;
    step.given.push_back(std::move(given));
  }

  void take_records(const Fields& fields, TestGiven& given) {
    refuse(fields, "topic", {"rows"});
    given.kind = TestGiven::Kind::records;
    given.partition = static_cast<std::int32_t>(fields.number("partition").value_or(0));
    given.timestamp = time(fields, "timestamp");
    if (const Node* key = fields.find("key")) given.key = key->text;
    const Node* records = needed(fields, "topic", "records");
    const Relation* topic = relation(fields, "topic", Kind::topic);
    if (topic == nullptr) return;
    given.name = topic->name;
    given_.insert(folded(topic->name));
    check_partition(fields, given);
    if (records == nullptr) return;
    if (records->is_scalar()) {
      given.text = records->text;
      return;
    }
    const bool csv = std::ranges::any_of(scope_.graph.streams, [&](const StreamNode& stream) {
      return stream.from_topic && stream.input == given.name && stream.format == "csv";
    });
    for (const Node& record : records->items) {
      if (record.faulty) continue;
      if (csv && !record.is_scalar() && !record.is_nothing()) {
        report_shape(diagnostics_, record, fmt::format("a record of the topic \"{}\"", given.name),
                     "a line of CSV as text");
      } else if (record.is_nothing()) {
        given.records.emplace_back();
      } else {
        given.records.emplace_back(record.is_scalar() ? record.text : json_text_of(record));
      }
    }
  }

  void check_partition(const Fields& fields, const TestGiven& given) {
    const auto topic = std::ranges::find(scope_.graph.topics, given.name, &TopicNode::name);
    if (topic == scope_.graph.topics.end() || !topic->source.empty()) return;
    if (given.partition < topic->partitions) return;
    diagnostics_.error(
        fields.at("partition"), "out-of-range",
        fmt::format("the topic \"{}\" has {} partition{}, counted from 0; write a number below {}",
                    given.name, topic->partitions, topic->partitions == 1 ? "" : "s",
                    topic->partitions));
  }

  void take_stream_rows(const Fields& fields, TestGiven& given) {
    refuse(fields, "stream", {"records", "key", "timestamp"});
    given.kind = TestGiven::Kind::rows;
    given.partition = static_cast<std::int32_t>(fields.number("partition").value_or(0));
    const Node* rows = needed(fields, "stream", "rows");
    const Relation* found = relation(fields, "stream", Kind::stream);
    if (found == nullptr) return;
    given.name = found->name;
    given_.insert(folded(found->name));
    given_streams_.insert(folded(found->name));
    const StreamNode* stream = scope_.stream(found->name);
    if (stream == nullptr || rows == nullptr) return;  // its own fault is reported
    if (!check_row_columns(scope_, *fields.find("stream"), *stream)) return;
    for (TestRow& row : check_rows(scope_, *rows, stream->schema, shown(*found))) {
      given.records.emplace_back(std::move(row.json));
    }
  }

  void take_table_rows(const Fields& fields, TestGiven& given) {
    refuse(fields, "table", {"records", "partition", "key", "timestamp"});
    given.kind = TestGiven::Kind::table_rows;
    const Node* rows = needed(fields, "table", "rows");
    const Relation* found = relation(fields, "table", Kind::table);
    if (found == nullptr) return;
    given.name = found->name;
    given_.insert(folded(found->name));
    const bool looked_up = scope_.is_looked_up(found->name);
    const sql::Catalog& tables = looked_up ? scope_.tables : scope_.catalog;
    const auto known = tables.find(found->name);
    if (known == tables.end() || rows == nullptr) return;  // its own fault is reported
    for (TestRow& row : check_rows(scope_, *rows, known->second.schema, shown(*found))) {
      given.records.emplace_back(std::move(row.json));
    }
  }

  void take_advance(const Fields& fields, TestGiven& given) {
    given.kind = TestGiven::Kind::advance;
    const Node* value = fields.find("advance");
    if (value == nullptr) return;
    if (const auto duration = read_duration_ms(value->text)) {
      given.advance_ms = *duration;
      if (clock_) *clock_ += *duration;
      return;
    }
    const auto to = read_time_ms(value->text);
    if (!to) {
      diagnostics_.error(value->at, "invalid-value",
                         fmt::format("\"advance\": \"{}\" is neither a time nor a duration; write "
                                     "it as 2026-01-31T23:59:59Z or 90s",
                                     value->shown()));
    } else if (!clock_) {
      diagnostics_.error(value->at, "test-time",
                         "this test does not say what the clock says at first; add now: and a time "
                         "to it, or move on by a duration, as advance: 90s");
    } else if (*to < *clock_) {
      diagnostics_.error(value->at, "test-time",
                         "the clock is past this time already, and never goes back; write a later "
                         "one");
    } else {
      given.advance_ms = *to - *clock_;
      clock_ = *to;
    }
  }

  void take_expectation(const Node& item, TestNode::Step& step) {
    const Fields fields(item, section("test.expect"), diagnostics_);
    if (!fields.readable()) return;
    const char* kind = kind_of(fields, {"view", "stream", "dead_letters", "failure"});
    if (kind == nullptr) return;
    TestExpectation expected;
    expected.at = fields.at();
    expected.others = fields.flag("others");
    const std::string_view name = kind;
    if (name == "view" || name == "stream") {
      take_expected_rows(fields, kind, expected);
    } else {
      refuse(fields, kind, {"rows", "tolerance"});
      if (name == "failure") {
        refuse(fields, kind, {"others"});
        expected.kind = TestExpectation::Kind::failure;
        if (const Node* failure = fields.find("failure")) expected.failure = failure->text;
      } else {
        expected.kind = TestExpectation::Kind::dead_letters;
        take_letters(fields, expected);
      }
    }
    step.expect.push_back(std::move(expected));
  }

  void take_expected_rows(const Fields& fields, const char* key, TestExpectation& expected) {
    const bool view = std::string_view(key) == "view";
    const Node* rows = needed(fields, key, "rows");
    if (const Node* tolerance = fields.find("tolerance")) {
      const auto read = read_number(tolerance->text);
      if (read && *read >= 0) {
        expected.tolerance = *read;
      } else {
        diagnostics_.error(
            tolerance->at, "invalid-value",
            fmt::format("\"tolerance\": \"{}\" is no number of 0 or more", tolerance->shown()));
      }
    }
    const Relation* found = relation(fields, key, view ? Kind::view : Kind::stream);
    if (found == nullptr) return;
    expected.name = found->name;
    named_.insert(folded(found->name));
    const auto known = scope_.catalog.find(found->name);
    if (known == scope_.catalog.end() || rows == nullptr) return;  // its own fault is reported
    for (const Node& row : rows->items) {
      if (!row.is_mapping() || !row.entries.empty()) continue;
      diagnostics_.error(row.at, "wrong-shape",
                         "this row names no column, so that any row is like it; name one");
    }
    expected.rows = check_rows(scope_, *rows, known->second.schema, shown(*found));
  }

  void take_letters(const Fields& fields, TestExpectation& expected) {
    const Node* letters = fields.find("dead_letters");
    if (letters == nullptr) return;
    for (const Node& item : letters->items) {
      const Fields of_letter(item, section("test.letter"), diagnostics_);
      if (!of_letter.readable()) continue;
      TestLetter letter;
      letter.at = of_letter.at();
      if (const auto stage = of_letter.text("stage")) letter.equal.emplace_back("stage", *stage);
      take_letter_names(of_letter, letter);
      for (const auto* key : {"column", "expectation"}) {
        if (const auto text = of_letter.text(key)) letter.equal.emplace_back(key, *text);
      }
      for (const auto* key : {"reason", "value"}) {
        if (const auto text = of_letter.text(key)) letter.holds.emplace_back(key, *text);
      }
      expected.letters.push_back(std::move(letter));
    }
  }

  void take_letter_names(const Fields& fields, TestLetter& letter) {
    for (const Kind kind : {Kind::stream, Kind::view, Kind::topic}) {
      const char* key = kind == Kind::stream ? "stream" : kind == Kind::view ? "view" : "topic";
      const Relation* found = relation(fields, key, kind);
      if (found == nullptr) continue;
      named_.insert(folded(found->name));
      letter.equal.emplace_back(key, found->name);
    }
  }

  static std::string shown(const Relation& relation) {
    return fmt::format("the {} \"{}\"", to_string(relation.kind), relation.name);
  }

  /// What a stream or view reads in this test, by folded names.
  const std::vector<std::string>& inputs(const std::string& reader) const {
    static const std::vector<std::string> none;
    const auto found = reads_.find(reader);
    return found == reads_.end() || given_streams_.contains(reader) ? none : found->second;
  }

  /// What the test names, all that is made of what it gives, and all that these read: the rest of
  /// the pipeline makes no difference.
  void find_relations() {
    std::set<std::string> kept = given_;
    for (bool grows = true; grows;) {
      const std::size_t before = kept.size();
      for (const auto& [reader, names] : reads_) {
        const bool fed = std::ranges::any_of(
            inputs(reader), [&](const std::string& name) { return kept.contains(name); });
        if (fed) kept.insert(reader);
      }
      grows = kept.size() != before;
    }
    kept.insert(named_.begin(), named_.end());
    std::vector<std::string> open(kept.begin(), kept.end());
    while (!open.empty()) {
      const std::string name = std::move(open.back());
      open.pop_back();
      for (const std::string& input : inputs(name)) {
        if (kept.insert(input).second) open.push_back(input);
      }
    }
    for (const auto name : scope_.names({Kind::topic, Kind::stream, Kind::view, Kind::table})) {
      if (kept.contains(folded(name))) test_.relations.emplace(name);
    }
  }

  Scope& scope_;
  Diagnostics& diagnostics_;
  const Declaration& declaration_;
  const ReadsByName& reads_;
  TestNames& names_;
  const Fields fields_;
  TestNode test_;
  std::optional<TimestampMs> clock_;
  bool ended_ = false;
  std::size_t expectations_ = 0;
  // By folded names: what the test gives, those of it that are streams (nothing that they read
  // matters), and what it expects something of.
  std::set<std::string> given_, given_streams_, named_;
};

}  // namespace

void check_tests(Scope& scope, std::span<const Declaration> declarations,
                 const ReadsByName& reads) {
  TestNames names;
  for (const Declaration& declaration : declarations) {
    TestChecker(scope, declaration, reads, names).run();
  }
}

}  // namespace leat::pipeline
