#include "pipeline/check.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "pipeline/check_fixture.h"

namespace leat::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Pipelines : public CheckTest, public testing::WithParamInterface<const char*> {};

TEST_P(Pipelines, AreClean) {
  const auto path = in_repository("pipelines") / GetParam();
  const auto checked = check({path}, registry_, *analyser_, environment_);
  for (const auto& found : checked.diagnostics) {
    EXPECT_EQ(found.severity, Severity::note) << to_text(found);
  }
  ASSERT_TRUE(checked.graph.has_value());
  EXPECT_FALSE(checked.graph->panels.empty());
}
INSTANTIATE_TEST_SUITE_P(All, Pipelines,
                         testing::Values("users.yaml", "sensors.yaml", "clicks.yaml"));

class Check : public CheckTest {
 protected:
  Graph graph_of(std::string text) {
    auto checked = check_text(std::move(text));
    for (const auto& found : checked.diagnostics) {
      EXPECT_NE(found.severity, Severity::error) << to_text(found);
    }
    return checked.graph.value_or(Graph{});
  }
};

TEST_F(Check, TakesAFolderAsOneGraph) {
  const auto checked = check({in_repository("pipelines")}, registry_, *analyser_, environment_);
  ASSERT_TRUE(checked.graph.has_value());
  EXPECT_THAT(checked.graph->pipelines, ElementsAre("clicks", "sensors", "users"));
}

TEST_F(Check, GivesTheUsersTableItsColumns) {
  const auto checked =
      check({in_repository("pipelines/users.yaml")}, registry_, *analyser_, environment_);
  ASSERT_TRUE(checked.graph.has_value());
  const auto& views = checked.graph->views;
  ASSERT_EQ(views.front().name, "created_users");
  auto names = views.front().schema.names();
  ASSERT_GE(names.size(), 15u);
  names.resize(15);
  EXPECT_THAT(names, ElementsAre("id", "first_name", "last_name", "gender", "address", "post_code",
                                 "email", "username", "registered_date", "phone", "picture", "year",
                                 "month", "day", "country"));
  for (std::size_t i = 0; i < 15; ++i) {
    EXPECT_EQ(views.front().schema[i].type.to_sql(), "VARCHAR") << names[i];
  }
  for (const auto& view : views) {
    if (view.name == "users_by_month") {
      EXPECT_THAT(view.schema.names(), ElementsAre("month", "users"));
      EXPECT_THAT(view.key, ElementsAre(0));
      EXPECT_TRUE(std::get<op::AggregateView>(view.definition).query.weighted);
    }
  }
}

TEST_F(Check, SharesNamesAmongFilesAndKeepsThemUnique) {
  const std::string one =
      "pipeline: one\ntopics: {t: {}}\nstreams:\n  s: {from: t, columns: {n: integer}}\n";
  const std::string two = "pipeline: two\nviews:\n  v: {query: SELECT sum(n) AS total FROM s}\n";
  const auto shared =
      check_texts({{"two.yaml", two}, {"one.yaml", one}}, registry_, *analyser_, environment_);
  ASSERT_TRUE(shared.graph.has_value());
  EXPECT_EQ(shared.graph->views[0].pipeline, "two");
  EXPECT_EQ(shared.graph->views[0].inputs.front(), "s");

  const auto twice =
      check_texts({{"one.yaml", one}, {"again.yaml", one}}, registry_, *analyser_, environment_);
  std::vector<std::string> found;
  for (const auto& diagnostic : twice.diagnostics)
    found.push_back(to_text(diagnostic).substr(0, 40));
  EXPECT_FALSE(twice.graph.has_value());
  EXPECT_THAT(found, ElementsAre("again.yaml:1:11: error[duplicate-name]: ",
                                 "again.yaml:2:10: error[topic-conflict]: ",
                                 "again.yaml:4:3: error[duplicate-name]: t"));
}

TEST_F(Check, KeepsOneLogForAllFiles) {
  const auto log_of = [&](const std::string& one, const std::string& other) {
    return check_texts(
        {{"one.yaml", "pipeline: one\n" + one}, {"two.yaml", "pipeline: two\n" + other}}, registry_,
        *analyser_, environment_);
  };
  const std::string log = "log: {kafka: {brokers: [\"a:1\", \"b:2\"], replication: 3}}\n";
  const auto alone = log_of("", log);
  ASSERT_TRUE(alone.graph && alone.graph->log);
  EXPECT_EQ(alone.graph->log->connector, "kafka");
  EXPECT_THAT(alone.graph->log->settings.list("brokers"), ElementsAre("a:1", "b:2"));
  const auto same = log_of(log, "log:\n  kafka:\n    replication: 3\n    brokers: [a:1, b:2]\n");
  EXPECT_TRUE(same.graph && same.graph->log);
  const auto differ = log_of(log, "log: {kafka: {brokers: [\"a:1\"], replication: 3}}\n");
  ASSERT_FALSE(differ.graph);
  EXPECT_THAT(to_text(differ.diagnostics.front()),
              HasSubstr("two.yaml:2:6: error[log-conflict]: the log is another one here than at "
                        "one.yaml:2"));
  EXPECT_FALSE(log_of("", "log: {kafka: {}}\n").graph);
  EXPECT_FALSE(log_of("", "log: {}\n").graph);
  EXPECT_FALSE(log_of("", "log: {kakfa: {brokers: a}}\n").graph);
}

TEST_F(Check, KnowsOnePlaceHoweverItsPathIsWritten) {
  const auto link = std::filesystem::path(testing::TempDir()) / "leat_check_link";
  std::filesystem::remove(link);
  std::filesystem::create_directory_symlink(std::filesystem::current_path(), link);
  const auto targets = [&](const std::string& one, const std::string& other) {
    return findings(
        fmt::format("pipeline: a\ntopics: {{t: {{}}}}\nstreams:\n  s: {{from: t, columns: {{n: "
                    "integer}}}}\nsinks:\n  a: {{from: s, file: {{path: \"{}\"}}}}\n"
                    "  b: {{from: s, file: {{path: \"{}\"}}}}\n",
                    one, other));
  };
  const std::string here = std::filesystem::current_path().string();
  for (const auto& [one, other] : std::vector<std::pair<std::string, std::string>>{
           {"out/rows", "out/rows/"},
           {"out/rows.jsonl", here + "/out/rows.jsonl"},
           {"out/rows.jsonl", "out/../out/./rows.jsonl"},
           {"rows.jsonl", link.string() + "/rows.jsonl"}}) {
    EXPECT_THAT(targets(one, other), HasSubstr("a.yaml:7:3: error[same-target]: the sink \"b\" "
                                               "writes to the path of the sink \"a\" (a.yaml:6)"))
        << one << " " << other;
  }
  EXPECT_THAT(targets("out/rows", "out/rows2"), Not(HasSubstr("same-target")));
  std::filesystem::remove(link);
}

TEST_F(Check, PutsEachNodeAfterItsInputs) {
  const auto graph = graph_of(
      "pipeline: a\ntopics: {t: {}}\n"
      "streams:\n  c: {from: b}\n  b: {from: a}\n  a: {from: t, columns: {n: integer}}\n"
      "views:\n  y: {query: SELECT sum(c) AS c FROM x}\n"
      "  x: {query: \"SELECT n, count(*) AS c FROM c GROUP BY n\"}\n");
  ASSERT_EQ(graph.streams.size(), 3u);
  EXPECT_EQ(graph.streams[0].name, "a");
  EXPECT_EQ(graph.streams[2].name, "c");
  EXPECT_EQ(graph.views[0].name, "x");
}

/// A file that uses nearly every key; its variable PARTS is 3.
constexpr const char* full_file = R"yaml(pipeline: a
sources:
  web:
    http: {url: "http://a/b", headers: {X: "${PARTS}"}, paging: {kind: page}}
    topic:
      name: t
      partitions: "${PARTS}"
      retention: {time: 7d, size: 1.5GiB}
      compact: true
      compression: zstd
  lines: {file: {path: x.csv, only: one}}
streams:
  s:
    from: t
    columns:
      plain/name: integer
      deep: {at: /a/b, type: "decimal(10,2)", default: 1.5, numbers_from_text: true}
      when: {type: timestamptz, unit: ms, required: true, pii: habit}
      at: {field: $timestamp, type: timestamp}
    event_time: {column: at, delay: 10s, idle_after: 1m, max_ahead: 0s, ahead: keep}
    expect: {small: {that: deep < 5, else: warn}}
    recent_rows: 5
  r:
    from: lines
    format: {csv: {delimiter: ";", header: [a, b]}}
    columns: {a: text, b: {field: B, type: bigint}}
    select: "SELECT b WHERE a = 'x'"
views:
  latest: {from: s, key: [deep, plain/name], version: when, deletes: deep > 4}
  hours:
    query: |
      SELECT count(*) AS n, window_start FROM tumble(s, "at", INTERVAL '90 minutes')
      GROUP BY window_start
    emit: on_close
    retain: 2h
sinks:
  out: {from: hours, file: {path: out.jsonl}}
dashboard:
  - {title: "Ünused & Co", table: SELECT * FROM r}
  - {title: "Ünused & Co", line: "SELECT window_start, n FROM hours"}
)yaml";

class FullFile : public Check {
 protected:
  void SetUp() override {
    variables_["PARTS"] = "3";
    graph_ = graph_of(full_file);
    ASSERT_EQ(graph_.streams.size(), 2u);
  }
  Graph graph_;
};

TEST_F(FullFile, FillsSourcesAndTopics) {
  ASSERT_EQ(graph_.sources.size(), 2u);
  EXPECT_EQ(graph_.sources[0].settings.duration_ms("every"), 60'000);
  EXPECT_EQ(graph_.sources[0].settings.group("backoff").duration_ms("first"), 500);
  EXPECT_EQ(graph_.sources[0].settings.group("paging").integer("pages_max"), 100);
  EXPECT_EQ(graph_.sources[0].settings.map("headers").at("X"), "3");
  EXPECT_THAT(graph_.sources[1].settings.list("only"), ElementsAre("one"));
  EXPECT_FALSE(graph_.sources[1].settings.has("paging"));
  const auto& topic = graph_.topics[0];
  EXPECT_EQ(topic.partitions, 3);
  EXPECT_EQ(topic.retention_ms, 7 * 86'400'000);
  EXPECT_EQ(topic.retention_bytes, 3ll << 29);
  EXPECT_TRUE(topic.compacted);
  EXPECT_EQ(topic.compression, "zstd");
  EXPECT_EQ(graph_.topics[1].source, "lines");
}

TEST_F(FullFile, FillsStreams) {
  const auto& stream = graph_.streams[0];
  EXPECT_TRUE(stream.query.identity);
  EXPECT_EQ(stream.query.reads.size(), 4u);
  EXPECT_EQ(stream.columns[0].pointer, "/plain~1name");
  EXPECT_EQ(stream.columns[1].default_json, "1.5");
  EXPECT_EQ(stream.columns[2].time_unit, "ms");
  EXPECT_EQ(stream.columns[3].field, "$timestamp");
  ASSERT_TRUE(stream.event_time.has_value());
  EXPECT_EQ(stream.event_time->column, 3u);
  EXPECT_EQ(stream.event_time->idle_ms, 60'000);
  EXPECT_EQ(stream.event_time->max_ahead_ms, 0);
  EXPECT_TRUE(stream.event_time->keeps_future);
  EXPECT_EQ(stream.expectations[0].otherwise, Refusal::warn);
  EXPECT_THAT(stream.expectations[0].sql, HasSubstr("__leat_input"));
  EXPECT_EQ(stream.recent_rows_max, 5);
  const auto& rows = graph_.streams[1];
  EXPECT_FALSE(rows.query.identity);
  EXPECT_THAT(rows.query.reads, ElementsAre(true, true));
  EXPECT_EQ(rows.columns[1].field, "B");
  EXPECT_THAT(rows.format_settings.list("header"), ElementsAre("a", "b"));
}

TEST_F(FullFile, FillsViewsAndPanels) {
  EXPECT_THAT(std::get<op::LatestView>(graph_.views[0].definition).key, ElementsAre(1, 0));
  const auto& hours = std::get<op::AggregateView>(graph_.views[1].definition);
  EXPECT_EQ(hours.retain_us, 7'200'000'000);
  EXPECT_EQ(hours.query.window->size_us, 5'400'000'000);
  EXPECT_TRUE(graph_.views[1].append_only);
  EXPECT_THAT(graph_.views[1].key, ElementsAre(1));
  EXPECT_EQ(graph_.panels[0].id, "a-nused-co");
  EXPECT_EQ(graph_.panels[1].id, "a-nused-co-2");
  EXPECT_THAT(graph_.panels[1].inputs, ElementsAre("hours"));
}

TEST_F(Check, AsksTheDecoderAboutEachColumn) {
  registry_.decodes = [](const Graph&, const StreamNode& stream,
                         const DecodedColumn& column) -> Status {
    if (column.name != "bad") return {};
    return user_error("column-type", "{} has no form for {}", stream.format, column.type.to_sql());
  };
  EXPECT_THAT(
      findings("pipeline: a\ntopics: {t: {}}\nstreams:\n  s: {from: t, columns: {a: text, bad: "
               "interval}}\n"),
      testing::StartsWith("a.yaml:4:40: error[column-type]: json has no form for INTERVAL"));
}

TEST_F(Check, MergesAndAliases) {
  const auto graph = graph_of(
      "pipeline: a\ntopics:\n  t: &settings {partitions: 2, compact: true}\n"
      "  u: {<<: *settings, partitions: 5}\n  v: *settings\n");
  EXPECT_EQ(graph.topics[1].partitions, 5);
  EXPECT_TRUE(graph.topics[1].compacted);
  EXPECT_EQ(graph.topics[2].partitions, 2);
}

class Files : public CheckTest {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("leat_check_{}", getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::vector<std::string> codes_of(const std::vector<std::filesystem::path>& paths) {
    std::vector<std::string> out;
    for (const auto& found : check(paths, registry_, *analyser_, environment_).diagnostics) {
      if (found.severity == Severity::error) out.push_back(found.code);
    }
    return out;
  }

  std::filesystem::path folder_;
};

TEST_F(Files, ThatAreNotThereAreTold) {
  EXPECT_THAT(codes_of({}), ElementsAre("no-files"));
  EXPECT_THAT(codes_of({folder_}), ElementsAre("no-files"));
  EXPECT_THAT(codes_of({folder_ / "none.yaml"}), ElementsAre("file-unreadable"));
}

TEST_F(Files, OfAFolderAreTakenOnce) {
  std::ofstream(folder_ / "a.yaml") << "pipeline: a\n";
  std::ofstream(folder_ / "b.yml") << "pipeline: b\n";
  std::ofstream(folder_ / "notes.txt") << "no pipeline\n";
  EXPECT_THAT(codes_of({folder_, folder_ / "a.yaml"}), IsEmpty());
}

TEST_F(Files, AreLimitedInSize) {
  std::ofstream(folder_ / "a.yaml") << "pipeline: a # " << std::string(5 << 20, 'x');
  EXPECT_THAT(codes_of({folder_ / "a.yaml"}), ElementsAre("file-too-large"));
}

TEST(Diagnostics, AreSortedAndCounted) {
  Diagnostics diagnostics;
  diagnostics.note({"b", 1, 1}, "cycle", "third");
  diagnostics.error({"a", 10, 1}, "cycle", "second");
  diagnostics.warning({"a", 9, 5}, "cycle", "first");
  diagnostics.warning({"a", 9, 5}, "cycle", "first");
  EXPECT_TRUE(diagnostics.has_errors());
  const auto found = diagnostics.take();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(to_text(found[0]), "a:9:5: warning[cycle]: first");
  EXPECT_EQ(summary(found), "1 error, 1 warning");
  EXPECT_THAT(to_json(found), HasSubstr("\"column\": 5"));
}

TEST(Diagnostics, PrintNoControlCharacters) {
  EXPECT_EQ(printable("a\x1b[31m\n\tb\x7f"), "a [31m b");
  EXPECT_EQ(printable("éééé", 4), "éé…");
}

}  // namespace
}  // namespace leat::pipeline
