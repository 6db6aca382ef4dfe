#include <gmock/gmock.h>

#include "pipeline/check_fixture.h"
#include "pipeline/explain.h"

namespace leat::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Hostile : public CheckTest {
 protected:
  std::vector<std::string> codes_of(std::string text) {
    std::vector<std::string> out;
    for (const auto& found : check_text(std::move(text)).diagnostics) out.push_back(found.code);
    return out;
  }
};

std::string repeated(std::string_view part, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += part;
  return out;
}

TEST_F(Hostile, AliasesDoNotMultiply) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += fmt::format("a{0}: &a{0} [{1}*a{2}]\n", i, repeated(fmt::format("*a{}, ", i - 1), 8),
                        i - 1);
  }
  EXPECT_THAT(codes_of(bomb), ElementsAre("yaml-too-large"));
}

TEST_F(Hostile, LongTextsDoNotMultiply) {
  EXPECT_THAT(
      codes_of("a: &a " + std::string(1 << 20, 'x') + "\nb: [" + repeated("*a, ", 50) + "]\n"),
      ElementsAre("yaml-too-large"));
}

TEST_F(Hostile, AnAliasOfItself) {
  EXPECT_THAT(codes_of("a: &a [*a]\n"), ElementsAre("yaml-syntax"));
}

TEST_F(Hostile, DepthIsBounded) {
  EXPECT_THAT(codes_of("a: " + std::string(100'000, '[')), ElementsAre("yaml-too-deep"));
  EXPECT_THAT(codes_of("a: " + repeated("{a: ", 100'000)), ElementsAre("yaml-too-deep"));
  EXPECT_THAT(codes_of(repeated("- ", 100'000)), ElementsAre("yaml-too-deep"));
  EXPECT_THAT(codes_of(repeated("? ", 100'000)), ElementsAre("yaml-too-deep"));
}

TEST_F(Hostile, AliasesDoNotDeepen) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 100; ++i) text += fmt::format("a{0}: &a{0} [*a{1}]\n", i, i - 1);
  EXPECT_THAT(codes_of(text), ElementsAre("yaml-too-deep"));
}

TEST_F(Hostile, AHugeScalarIsNotParsed) {
  EXPECT_THAT(codes_of("pipeline: " + std::string(100 << 20, 'a')), ElementsAre("file-too-large"));
}

TEST_F(Hostile, ManyKeys) {
  std::string text = "pipeline: a\ntopics:\n";
  for (int i = 0; i < 60'000; ++i) text += fmt::format("  t{}: {{}}\n", i);
  EXPECT_THAT(codes_of(text), ElementsAre("yaml-too-large"));
}

TEST_F(Hostile, BytesThatAreNoText) {
  EXPECT_THAT(findings(std::string("pipeline: a\0b\n", 14)),
              HasSubstr("a.yaml:1:12: error[not-utf8]"));
  for (const auto* bytes : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_THAT(findings(fmt::format("# é\npipeline: é{}", bytes)),
                HasSubstr("a.yaml:2:12: error[not-utf8]"));
  }
}

TEST_F(Hostile, ControlCharactersDoNotReachATerminal) {
  EXPECT_THAT(findings("pipeline: a\n\"\\e[31mred\": 1\n"), Not(HasSubstr("\x1b")));
}

TEST_F(Hostile, ReferencesDoNotNestWithoutEnd) {
  EXPECT_THAT(codes_of("pipeline: a\nviews: {v: {query: \"" + repeated("${A:-", 1000) +
                       repeated("}", 1000) + "\"}}\n"),
              testing::Contains("expansion-syntax"));
}

TEST_F(Hostile, EveryPrefixOfAFileEnds) {
  const std::string text =
      "pipeline: a\ntopics: {t: {}}\nstreams:\n  s:\n    from: t\n    columns: {n: integer, 'é': "
      "text}\n"
      "    select: |\n      SELECT n,\n        \"é\"\nviews:\n  v: {query: \"SELECT n, count(*) AS "
      "c FROM s GROUP BY n\"}\n";
  for (std::size_t size = 0; size <= text.size(); size += 3) {
    const auto checked = check_text(text.substr(0, size));
    bool errors = false;
    for (const auto& found : checked.diagnostics)
      errors = errors || found.severity == Severity::error;
    EXPECT_NE(errors, checked.graph.has_value()) << size;
  }
}

class Secrets : public CheckTest {
 protected:
  /// Everything that a check prints of a text.
  std::string printed(std::string text) {
    const auto checked = check_text(std::move(text));
    std::string out = to_json(checked.diagnostics);
    for (const auto& found : checked.diagnostics) out += to_text(found) + "\n";
    if (!checked.graph) return out;
    out += explain(*checked.graph);
    for (const auto& source : checked.graph->sources)
      out += explain(*checked.graph, source.name).value();
    for (const auto& sink : checked.graph->sinks) out += explain(*checked.graph, sink.name).value();
    return out;
  }
};

TEST_F(Secrets, AreNeverPrinted) {
  variables_["TOKEN"] = "canary-env-7c2";
  variables_["URL"] = "http://canary-env-7c2:pw@exa mple.com";
  for (const std::string& value :
       {std::string("${TOKEN}"), std::string("Bearer ${TOKEN}"), std::string("${file:/run/token}"),
        std::string("${NONE:-${TOKEN}}"), std::string("${NONE:-canary-default}"),
        std::string("canary-literal")}) {
    for (const std::string& place :
         {std::string("http: {url: \"http://a\", token: \"@\"}"),
          std::string("http: {url: \"http://a\", headers: {Authorization: \"@\"}}"),
          std::string("http: {url: \"http://user:@@a/x\"}")}) {
      std::string text = place;
      text.replace(text.find('@'), 1, value);
      EXPECT_THAT(printed("pipeline: a\nsources:\n  s: {" + text + "}\n"), Not(HasSubstr("canary")))
          << text;
    }
  }
}

TEST_F(Secrets, OfTheEnvironmentAreNotQuotedWhereTheyAreWrong) {
  variables_["TOKEN"] = "canary-env-7c2";
  variables_["URL"] = "http://canary-env-7c2:pw@exa mple.com";
  variables_["SQL"] = "SELECT canary_column FROM canary_table";
  for (const auto* text : {"http: {url: \"${URL}\"}", "http: {url: \"${TOKEN}\"}",
                           "http: {url: \"http://a\", every: \"${TOKEN}\"}",
                           "http: {url: \"http://a\", method: \"${TOKEN}\"}", "http: \"${TOKEN}\"",
                           "file: {path: a, follow: \"${TOKEN}\"}",
                           "http: {url: \"http://a\"}, topic: {name: t, partitions: \"${TOKEN}\"}",
                           "http: {url: \"http://a\"}, topic: \"${URL}\""}) {
    EXPECT_THAT(printed(fmt::format("pipeline: a\nsources:\n  s: {{{}}}\n", text)),
                Not(HasSubstr("canary")))
        << text;
  }
  for (const auto* text :
       {"select: \"${SQL}\"", "select: \"SELECT ${TOKEN}\"", "event_time: {column: \"${TOKEN}\"}",
        "expect: {e: {that: \"${SQL}\", else: \"${TOKEN}\"}}", "format: \"${TOKEN}\""}) {
    EXPECT_THAT(printed(fmt::format("pipeline: a\ntopics: {{t: {{}}}}\nstreams:\n  s: {{from: t, "
                                    "columns: {{n: integer}}, {}}}\n",
                                    text)),
                Not(HasSubstr("canary")))
        << text;
  }
  EXPECT_THAT(printed("pipeline: \"${TOKEN}\"\ntopics: {t: {}}\nstreams: {s: {from: \"${TOKEN}\", "
                      "columns: {n: \"${TOKEN}\"}}}\n"),
              Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace leat::pipeline
