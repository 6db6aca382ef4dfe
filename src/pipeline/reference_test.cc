#include "pipeline/reference.h"

#include <fstream>
#include <iterator>
#include <regex>

#include <gmock/gmock.h>
#include <yaml-cpp/yaml.h>
#include <nlohmann/json.hpp>

#include "pipeline/check_fixture.h"
#include "pipeline/codes.h"
#include "pipeline/explain.h"
#include "pipeline/grammar.h"
#include "pipeline/names.h"
#include "pipeline/order.h"
#include "pipeline/schema.h"
#include "pipeline/sql_text.h"
#include "sql/window_function.h"

namespace leat::pipeline {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A YAML value as an editor's language server sees it.
json json_of(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Sequence: {
      json out = json::array();
      for (const auto& item : node) out.push_back(json_of(item));
      return out;
    }
    case YAML::NodeType::Map: {
      json out = json::object();
      for (const auto& entry : node) out[entry.first.as<std::string>()] = json_of(entry.second);
      return out;
    }
    case YAML::NodeType::Scalar: {
      const auto text = node.as<std::string>();
      if (node.Tag() == "!") return text;
      if (text == "true" || text == "false") return text == "true";
      const auto number = json::parse(text, nullptr, false);
      return number.is_number() ? number : json(text);
    }
    default:
      return nullptr;
  }
}

bool has_type(const json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return value.type_name() == type;
}

/// The keywords of JSON Schema that the schema uses; an unknown one fails the test.
class Validator {
 public:
  explicit Validator(json schema) : schema_(std::move(schema)) {}
  bool accepts(const json& value) const { return accepts(schema_, value); }

 private:
  bool accepts(const json& schema, const json& value) const {
    if (schema.is_boolean()) return schema.get<bool>();
    for (const auto& [keyword, rule] : schema.items()) {
      if (!holds(keyword, rule, schema, value)) return false;
    }
    return true;
  }

  bool holds(const std::string& keyword, const json& rule, const json& schema,
             const json& value) const {
    const auto fits = [&](const json& part) { return accepts(part, value); };
    if (keyword == "$ref")
      return fits(schema_.at(json::json_pointer(rule.get<std::string>().substr(1))));
    if (keyword == "anyOf") return std::ranges::any_of(rule, fits);
    if (keyword == "enum") return std::ranges::find(rule, value) != rule.end();
    if (keyword == "type") {
      if (rule.is_string()) return has_type(value, rule);
      return std::ranges::any_of(rule, [&](const json& type) { return has_type(value, type); });
    }
    if (keyword == "pattern") {
      return !value.is_string() ||
             std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>()));
    }
    if (keyword == "maxProperties")
      return !value.is_object() || value.size() <= rule.get<std::size_t>();
    if (keyword == "required") {
      return !value.is_object() || std::ranges::all_of(rule, [&](const json& key) {
        return value.contains(key.get<std::string>());
      });
    }
    if (keyword == "items") {
      return !value.is_array() ||
             std::ranges::all_of(value, [&](const json& item) { return accepts(rule, item); });
    }
    if (keyword == "properties") {
      if (!value.is_object()) return true;
      for (const auto& [key, part] : value.items()) {
        if (rule.contains(key) && !accepts(rule.at(key), part)) return false;
      }
      return true;
    }
    if (keyword == "additionalProperties") {
      if (!value.is_object()) return true;
      for (const auto& [key, part] : value.items()) {
        const bool known = schema.contains("properties") && schema.at("properties").contains(key);
        if (!known && !accepts(rule, part)) return false;
      }
      return true;
    }
    EXPECT_TRUE(keyword == "$schema" || keyword == "title" || keyword == "description" ||
                keyword == "$defs")
        << keyword;
    return true;
  }

  json schema_;
};

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Schema, AcceptsThePipelinesThatComeWithLeat) {
  const Validator validator(json::parse(json_schema(test_registry())));
  for (const auto* name : {"users.yaml", "sensors.yaml", "clicks.yaml"}) {
    EXPECT_TRUE(validator.accepts(json_of(YAML::Load(read(in_repository("pipelines") / name)))))
        << name;
  }
}

TEST(Schema, AcceptsTheExamplesOfTheReference) {
  const Validator validator(json::parse(json_schema(test_registry())));
  for (const auto& part : grammar()) {
    if (part.example.empty()) continue;
    auto file = json_of(YAML::Load(std::string(part.example)));
    file["pipeline"] = "example";
    EXPECT_TRUE(validator.accepts(file)) << part.name;
  }
}

TEST(Schema, RefusesWhatIsNoPipeline) {
  const Validator validator(json::parse(json_schema(test_registry())));
  for (const auto* text :
       {"{}", "{pipeline: a, stream: {}}", "{pipeline: a, streams: {s: {columns: {a: text}}}}",
        "{pipeline: a, sources: {s: {http: {}}}}",
        "{pipeline: a, sources: {s: {http: {url: x, every: soon}}}}",
        "{pipeline: a, topics: {t: {partitions: many}}}",
        "{pipeline: a, views: {v: {emit: later}}}", "{pipeline: a, dashboard: [{stat: SELECT 1}]}",
        "[]"}) {
    EXPECT_FALSE(validator.accepts(json_of(YAML::Load(text)))) << text;
  }
}

TEST(Reference, HasEveryKeySettingAndCode) {
  const auto registry = test_registry();
  auto pages = reference(registry);
  EXPECT_EQ(pages.size(), 8u);
  EXPECT_THAT(pages["logs.md"], HasSubstr("| `brokers` | list of texts |"));
  for (const auto& part : grammar()) {
    EXPECT_THAT(pages["pipeline.md"], HasSubstr(part.title));
    for (const auto& key : part.keys) {
      EXPECT_THAT(pages["pipeline.md"], HasSubstr(fmt::format("| `{}` |", key.name)));
      EXPECT_FALSE(key.doc.empty()) << key.name;
    }
  }
  EXPECT_THAT(pages["sources.md"], HasSubstr("| `backoff.first` | duration | `500ms` |"));
  EXPECT_THAT(pages["sources.md"], HasSubstr("| `token` | text, secret |"));
  EXPECT_THAT(pages["formats.md"], HasSubstr("## csv"));
  for (const auto& code : codes())
    EXPECT_THAT(pages["errors.md"], HasSubstr(fmt::format("| `{}` |", code.name)));
}

class Examples : public CheckTest {};

TEST_F(Examples, OfTheGrammarHaveNoUnknownKey) {
  for (const auto& part : grammar()) {
    if (part.example.empty()) continue;
    const bool whole = part.example.starts_with("pipeline:");
    const auto text = (whole ? "" : "pipeline: example\n") + std::string(part.example);
    for (const auto& found : check_text(text).diagnostics) {
      // They may read what another part of the file would declare.
      const bool elsewhere = found.severity != Severity::error || found.code == "unknown-name" ||
                             found.code == "unknown-table";
      EXPECT_TRUE(elsewhere) << part.name << ": " << to_text(found);
    }
  }
}

TEST_F(Examples, OfFormatsAreValid) {
  for (const auto& spec : registry_.formats) {
    const auto example = json_of(YAML::Load(spec.example)).dump();
    EXPECT_THAT(findings(fmt::format("pipeline: a\ntopics: {{t: {{}}}}\nstreams:\n  s: {{from: t, "
                                     "format: {}, columns: {{a: text}}}}\n"
                                     "dashboard: [{{title: A, table: SELECT a FROM s}}]\n",
                                     example)),
                IsEmpty())
        << spec.name;
  }
}

TEST_F(Examples, OfWindowsAreValidAndExplained) {
  const std::map<std::string_view, const char*> explained = {
      {"tumble", "windows of 1h,"},
      {"hop", "windows of 1h each 5m,"},
      {"cumulate", "windows of up to 1d in steps of 1h,"},
      {"session", "sessions that end 30m after their last row"}};
  auto pages = reference(registry_);
  for (const auto& function : sql::window_functions()) {
    EXPECT_THAT(pages["windows.md"], HasSubstr(fmt::format("`{}`", function.signature())));
    const auto query = std::regex_replace(std::string(function.example), std::regex("\n"), " ");
    const auto checked = check_text(
        fmt::format("pipeline: a\ntopics: {{t: {{}}}}\nstreams:\n  orders: {{from: t, columns: "
                    "{{ordered_at: timestamp, country: text}}}}\nviews:\n  v: {{query: \"{}\"}}\n",
                    query));
    ASSERT_TRUE(checked.graph.has_value()) << function.name;
    EXPECT_THAT(explain(*checked.graph), HasSubstr(explained.at(function.name)));
    EXPECT_THAT(explain(*checked.graph, "v").value(), HasSubstr("over ordered_at"));
  }
}

TEST_F(Examples, AreExplained) {
  const auto users =
      check({in_repository("pipelines/users.yaml")}, registry_, *analyser_, environment_);
  ASSERT_TRUE(users.graph.has_value());
  const auto tree = explain(*users.graph);
  EXPECT_THAT(tree, HasSubstr("source random_user (http, "));
  EXPECT_THAT(tree, HasSubstr("└─ topic user_events (1 partition, lz4, kept for 7d, up to 2GiB)"));
  EXPECT_THAT(tree, HasSubstr("view created_users (newest row per id)"));
  const auto view = explain(*users.graph, "users_by_country").value();
  EXPECT_THAT(view, HasSubstr("a0 = count(*) → BIGINT"));
  EXPECT_THAT(view, HasSubstr("rows come and are taken back"));
  EXPECT_THAT(view, HasSubstr("one row per distinct country, for ever"));
  EXPECT_THAT(explain(*users.graph, "users_created").value(),
              HasSubstr("id UUID at /login/uuid, required"));
  EXPECT_THAT(explain(*users.graph, "user_event").error().message,
              HasSubstr("did you mean \"user_events\"?"));
}

TEST_F(Examples, ReservedWordsAreThoseOfSql) {
  const Schema schema({{"a", Type::of(DUCKDB_TYPE_INTEGER)}});
  for (const auto* word : {"select", "order", "at", "left", "true", "unpack", "positional"}) {
    EXPECT_TRUE(is_reserved_word(word)) << word;
    const sql::Catalog catalog = {{word, {sql::Relation::Kind::view, schema}}};
    EXPECT_FALSE(analyser_->free_query(fmt::format("SELECT a FROM {}", word), catalog)) << word;
  }
  for (const auto* word :
       {"users", "date", "year", "value", "key", "row", "data", "name", "view"}) {
    EXPECT_FALSE(is_reserved_word(word)) << word;
    const sql::Catalog catalog = {{word, {sql::Relation::Kind::view, schema}}};
    EXPECT_TRUE(analyser_->free_query(fmt::format("SELECT a FROM {}", word), catalog)) << word;
  }
}

TEST(SqlText, FindsNamesAfterFrom) {
  EXPECT_THAT(names_after_from(
                  "SELECT 'FROM x', \"from\" -- FROM y\n FROM a /* JOIN b */ JOIN \"c d\" ON 1"),
              ElementsAre("a", "c d"));
  EXPECT_THAT(names_after_from("FROM tumble(orders, t, INTERVAL '1 hour')"), ElementsAre("orders"));
  EXPECT_THAT(names_after_from("SELECT 1 FROM (SELECT 2 FROM b)"), testing::Contains("b"));
  EXPECT_THAT(names_after_from("SELECT x, y FROM a p, b AS q, hop(c, t, e, f), d WHERE f(x, y)"),
              ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(names_after_from("SELECT x FROM a JOIN b USING (m, n), c GROUP BY y, z"),
              ElementsAre("a", "b", "c"));
  EXPECT_THAT(names_after_from("FROM"), IsEmpty());
  EXPECT_THAT(names_after_from("SELECT 'unended FROM a"), IsEmpty());
}

TEST(SqlText, SplitsTheSelectList) {
  EXPECT_THAT(select_items("SELECT k0 AS a, f(x, y) AS b,'from, x' FROM t"),
              ElementsAre(" k0 AS a", " f(x, y) AS b", "'from, x' "));
}

TEST(Order, PutsInputsFirstAndFindsCycles) {
  const auto order = order_of({{1, 2}, {2}, {}, {4}, {5}, {4}});
  EXPECT_THAT(order.sequence, ElementsAre(2, 1, 0));
  EXPECT_THAT(order.cycles, ElementsAre(ElementsAre(4, 5)));
  EXPECT_THAT(order_of({{0}}).cycles, ElementsAre(ElementsAre(0)));
}

}  // namespace
}  // namespace leat::pipeline
