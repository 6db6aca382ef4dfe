#include <set>

#include "server/assets.h"
#include "server/server_fixture.h"
#include "server/services.h"

namespace leat::server {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class RoutesTest : public ServerTest {
 protected:
  static std::string sql(const std::string& query, const std::string& rest = "") {
    return nlohmann::json({{"query", query}}).dump().insert(1, rest);
  }
};

TEST_F(RoutesTest, SqlAnswersWithColumnsAndRows) {
  start();
  auto client = connect();
  const auto response = client.post("/v1/sql", sql("SELECT * FROM totals"));
  EXPECT_EQ(response.status, 200);
  const auto json = json_of(response);
  EXPECT_EQ(json["columns"].dump(),
            R"([{"name":"sensor","type":"VARCHAR"},{"name":"readings","type":"BIGINT"}])");
  EXPECT_EQ(json["rows"].dump(), R"([["s1",2]])");
  EXPECT_EQ(json["epoch"], 1);
  EXPECT_EQ(json["truncated"], false);
  EXPECT_GE(json["elapsed_ms"].get<double>(), 0);
  EXPECT_EQ(response.header("leat-epoch"), "1");
  EXPECT_EQ(client.get("/v1/sql?query=SELECT+42").body.substr(0, 60),
            client.post("/v1/sql", "SELECT 42", "Content-Type: text/plain\r\n").body.substr(0, 60));
}

TEST_F(RoutesTest, SqlComesInTheFormAskedFor) {
  start();
  auto client = connect();
  const std::string query = "/v1/sql?query=SELECT+*+FROM+totals";
  EXPECT_EQ(client.get(query + "&format=csv").body, "sensor,readings\r\ns1,2\r\n");
  EXPECT_EQ(client.get(query, "Accept: text/csv\r\n").body, "sensor,readings\r\ns1,2\r\n");
  EXPECT_EQ(client.get(query, "Accept: text/html, application/x-ndjson;q=0.9\r\n").body,
            "{\"sensor\":\"s1\",\"readings\":2}\n");
  EXPECT_EQ(client.get(query, "Accept: image/png\r\n").status, 406);
  EXPECT_EQ(client.get(query + "&format=xml").status, 400);
  EXPECT_EQ(json_of(client.post("/v1/sql", sql("SELECT 1 AS a", R"("format":"json",)")))["rows"],
            nlohmann::json::parse("[[1]]"));
}

TEST_F(RoutesTest, SqlFaultsHaveTheirPlace) {
  start();
  auto client = connect();
  const auto unknown = client.post("/v1/sql", sql("SELECT *\nFROM total"));
  EXPECT_EQ(unknown.status, 400) << unknown.body;
  const auto place = json_of(unknown)["error"]["place"];
  EXPECT_EQ(place["line"], 2) << unknown.body;
  EXPECT_EQ(place["column"], 6);
  EXPECT_EQ(place["position"], 14);
  EXPECT_EQ(client.post("/v1/sql", sql("SELECT FROM")).status, 400);
  EXPECT_EQ(client.post("/v1/sql", "{\"query\": 5}").status, 400);
  EXPECT_EQ(client.post("/v1/sql", "{\"querry\": \"SELECT 1\"}").status, 400);
  EXPECT_EQ(client.post("/v1/sql", "{").status, 400);
  EXPECT_EQ(code_of(client.post("/v1/sql", "{")), "malformed-json");
  EXPECT_EQ(client.post("/v1/sql", sql("  ;")).status, 400);
  EXPECT_EQ(client.post("/v1/sql", "SELECT 1", "Content-Type: text/html\r\n").status, 415);
  EXPECT_EQ(client.get("/v1/sql").status, 400);
}

TEST_F(RoutesTest, SqlReadsNothingElse) {
  start();
  auto client = connect();
  for (const std::string query :
       {"SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '/etc/passwd'",
        "COPY totals TO '/tmp/x'", "ATTACH '/tmp/x'", "INSTALL httpfs", "LOAD httpfs",
        "SET threads=9", "PRAGMA database_list", "CREATE TABLE x AS SELECT 1", "SELECT 1; SELECT 2",
        "SELECT getenv('HOME')", "DELETE FROM totals"}) {
    const auto response = client.post("/v1/sql", sql(query));
    EXPECT_GE(response.status, 400) << query;
    EXPECT_LT(response.status, 500) << query << response.body;
  }
}

TEST_F(RoutesTest, SqlIsLimitedInTimeAndRows) {
  options_.limits.query_time_max = std::chrono::milliseconds(200);
  options_.limits.query_rows_max = 10;
  start();
  auto client = connect();
  const auto endless = client.post(
      "/v1/sql", sql("SELECT count(*) FROM range(10000000) a, range(10000000) b, range(1000) c"));
  EXPECT_EQ(endless.status, 504) << endless.body;
  EXPECT_EQ(code_of(endless), "query-timeout");
  const auto many = json_of(client.post("/v1/sql", sql("SELECT range FROM range(11)")));
  EXPECT_EQ(many["rows"].size(), 10u);
  EXPECT_EQ(many["truncated"], true);
  const auto lines = client.get("/v1/sql?query=SELECT+range+FROM+range(11)&format=ndjson");
  EXPECT_EQ(lines.header("leat-truncated"), "true");
}

TEST_F(RoutesTest, LongAnswersAreStreamedWhole) {
  start();
  auto client = connect();
  const std::string query = "SELECT range AS n, repeat('x', 100) AS x FROM range(20000)";
  const auto json = client.post("/v1/sql", sql(query));
  EXPECT_EQ(json.header("transfer-encoding"), "chunked");
  ASSERT_TRUE(json.complete);
  EXPECT_EQ(json_of(json)["rows"].size(), 20000u);
  EXPECT_EQ(json_of(json)["rows"][19999][0], 19999);
  const auto lines = client.post("/v1/sql", sql(query, R"("format":"ndjson","limit":15000,)"));
  EXPECT_EQ(std::count(lines.body.begin(), lines.body.end(), '\n'), 15000);
  EXPECT_EQ(lines.header("trailer:Leat-Truncated"), "true");
}

TEST_F(RoutesTest, AFaultAfterTheFirstRowsCutsTheTransfer) {
  start();
  auto client = connect();
  const std::string query =
      "SELECT repeat('x', 1000) AS x, CASE WHEN range = 9999 THEN error('late') ELSE '' END AS e "
      "FROM range(10000)";
  const auto csv = client.post("/v1/sql", sql(query, R"("format":"csv",)"));
  // Either nothing was sent yet, or the client can see that the end is missing.
  EXPECT_TRUE(csv.status == 422 || (csv.status == 200 && !csv.complete)) << csv.status;
}

TEST_F(RoutesTest, ViewsGiveTheirRows) {
  engine_.add_view("numbers", "SELECT range AS n, 'it''s' AS \"a \"\"b\" FROM range(5)");
  start();
  auto client = connect();
  const auto rows = [&](const std::string& query) {
    return json_of(client.get("/v1/views/numbers" + query))["rows"];
  };
  EXPECT_EQ(rows("").size(), 5u);
  EXPECT_EQ(rows("?order_by=n+desc&limit=2").dump(), R"([[4,"it's"],[3,"it's"]])");
  EXPECT_EQ(rows("?order_by=a%20%22b").size(), 5u);
  EXPECT_EQ(json_of(client.get("/v1/views/numbers?limit=2"))["truncated"], true);
  EXPECT_EQ(json_of(client.get("/v1/views/numbers?limit=5"))["truncated"], false);
  EXPECT_EQ(client.get("/v1/views/numbers?order_by=n;drop").status, 400);
  EXPECT_EQ(client.get("/v1/views/numbers?order_by=m").status, 400);
  EXPECT_EQ(client.get("/v1/views/numbers?limit=-1").status, 400);
  const auto unknown = client.get("/v1/views/number");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(code_of(unknown), "unknown-name");
  EXPECT_EQ(client.get("/v1/views/a%20%22b").status, 404);
}

TEST_F(RoutesTest, TopicsAreRead) {
  start();
  auto client = connect();
  const std::string records = "/v1/topics/readings/records";
  client.post(records, R"([{"a":1},{"a":2},{"a":3}])",
              "Content-Type: application/json\r\nLeat-Key: k\r\n");
  const auto all = json_of(client.get(records));
  EXPECT_EQ(all["topic"], "readings");
  ASSERT_EQ(all["records"].size(), 3u);
  EXPECT_EQ(all["records"][0]["value"]["a"], 1);
  EXPECT_EQ(all["records"][0]["key"], "k");
  EXPECT_EQ(all["records"][2]["offset"], 2);
  EXPECT_TRUE(all["records"][0]["headers"].is_object());
  EXPECT_THAT(all["records"][0]["timestamp"].get<std::string>(), StartsWith("20"));
  EXPECT_EQ(all["partitions"].dump(),
            R"([{"end_offset":3,"first_offset":0,"next_offset":3,"partition":0}])");
  const auto latest = json_of(client.get(records + "?from=latest&limit=1"));
  EXPECT_EQ(latest["records"][0]["value"]["a"], 3);
  const auto page = json_of(client.get(records + "?offset=1&limit=1"));
  EXPECT_EQ(page["records"][0]["offset"], 1);
  EXPECT_EQ(page["partitions"][0]["next_offset"], 2);
}

TEST_F(RoutesTest, AllPartitionsAreReadTogetherWithoutLoss) {
  start();
  auto client = connect();
  const std::string records = "/v1/topics/spread/records";
  for (int i = 0; i < 12; ++i) client.post(records, std::to_string(i));
  std::set<int> seen;
  std::map<int, int> next;
  const auto first = json_of(client.get(records + "?limit=5"));
  for (const auto& record : first["records"]) seen.insert(record["value"].get<int>());
  EXPECT_EQ(seen.size(), 5u);
  for (const auto& partition : first["partitions"]) {
    const auto rest = json_of(
        client.get(fmt::format("{}?partition={}&offset={}", records, partition["partition"].dump(),
                               partition["next_offset"].dump())));
    for (const auto& record : rest["records"]) {
      EXPECT_TRUE(seen.insert(record["value"].get<int>()).second) << record;
    }
  }
  EXPECT_EQ(seen.size(), 12u);
  EXPECT_EQ(json_of(client.get(records + "?from=latest&limit=4"))["records"].size(), 4u);
}

TEST_F(RoutesTest, ValuesThatAreNoJsonAreShownAllTheSame) {
  start();
  log::Topic& topic = *engine_.topics().find("readings");
  const std::string deep(100'000, '[');
  std::vector<log::NewRecord> records(5);
  records[0].value = "plain <b>text</b>";
  records[1].value = "\xff\xfe";
  records[2].tombstone = true;
  records[3].value = deep;
  records[4].value = "{\"a\":\n1}";
  records[4].headers = {{"trace", "abc"}, {"raw", "\xff"}};
  const auto appended = topic.partition(Partition(0)).append(records, std::nullopt);
  ASSERT_TRUE(appended.has_value());
  ASSERT_TRUE(topic.partition(Partition(0)).sync(appended->last).has_value());
  auto client = connect();
  const auto shown = json_of(client.get("/v1/topics/readings/records"))["records"];
  ASSERT_EQ(shown.size(), 5u);
  EXPECT_EQ(shown[0]["value_text"], "plain <b>text</b>");
  EXPECT_EQ(shown[1]["value_base64"], "//4=");
  EXPECT_EQ(shown[2]["tombstone"], true);
  EXPECT_TRUE(shown[2]["value"].is_null());
  EXPECT_EQ(shown[3]["value_text"], deep);
  EXPECT_EQ(shown[4]["value"]["a"], 1);
  EXPECT_EQ(shown[4]["headers"]["trace"], "abc");
  EXPECT_EQ(shown[4]["headers"]["raw"]["base64"], "/w==");
}

TEST_F(RoutesTest, TopicQuestionsAreChecked) {
  start();
  auto client = connect();
  const std::string records = "/v1/topics/readings/records";
  for (const auto query : {"?partition=1", "?partition=x", "?limit=10001", "?limit=-1",
                           "?from=middle", "?from=latest&offset=1", "?follow=maybe"}) {
    EXPECT_EQ(client.get(records + query).status, 400) << query;
  }
  EXPECT_EQ(client.get("/v1/topics/nothing/records").status, 404);
  const auto source = client.get("/v1/topics/archived/records");
  EXPECT_EQ(source.status, 422);
  EXPECT_THAT(source.body, HasSubstr("copy: true"));
}

TEST_F(RoutesTest, PipelineTopicsAndStatusShowTheCounters) {
  start();
  auto client = connect();
  const auto pipeline = json_of(client.get("/v1/pipeline"));
  EXPECT_EQ(pipeline["pipelines"][0], "sensors");
  std::map<std::string, nlohmann::json> nodes;
  for (const auto& node : pipeline["nodes"]) nodes[node["id"]] = node;
  EXPECT_EQ(nodes.at("source:archive")["counters"]["records"], 5);
  EXPECT_EQ(nodes.at("source:archive")["counters"]["last_error"], "gone \"away\"");
  EXPECT_EQ(nodes.at("view:totals")["columns"][0]["name"], "sensor");
  EXPECT_FALSE(nodes.at("source:archive").contains("settings"));
  EXPECT_EQ(pipeline["edges"][0].dump(), R"({"from":"source:archive","to":"topic:archived"})");
  const auto topics = json_of(client.get("/v1/topics"));
  EXPECT_EQ(topics["topics"][0]["partitions"][0]["read_offset"], 2);
  const auto status = json_of(client.get("/v1/status"));
  const auto& clean = status["streams"][0];
  EXPECT_EQ(clean["accepted"], clean["out"].get<int>() + clean["filtered"].get<int>() +
                                   clean["late"].get<int>() + clean["dead_letters"].get<int>());
  EXPECT_EQ(clean["expectations"][0]["refused"], 1);
  EXPECT_TRUE(status["failure"].is_null());
}

TEST_F(RoutesTest, ReadinessFollowsTheEngine) {
  start();
  auto client = connect();
  EXPECT_EQ(client.get("/readyz").status, 200);
  engine_.set_status([](auto& status) { status.ready = false; });
  const auto recovering = client.get("/readyz");
  EXPECT_EQ(recovering.status, 503);
  EXPECT_EQ(code_of(recovering), "not-ready");
  EXPECT_NE(recovering.header("retry-after"), "");
  engine_.set_status([](auto& status) { status.failure = "the disk is gone"; });
  const auto failed = client.get("/readyz");
  EXPECT_EQ(failed.status, 503);
  EXPECT_THAT(failed.body, HasSubstr("the disk is gone"));
  EXPECT_EQ(client.get("/healthz").status, 200);
}

TEST_F(RoutesTest, MetricsAreInPrometheusForm) {
  start();
  auto client = connect();
  client.get("/v1/topics");
  const auto response = client.get("/metrics");
  EXPECT_THAT(response.header("content-type"), StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(response.body, HasSubstr("leat_build_info{version=\"1.2.3\"} 1"));
  EXPECT_THAT(response.body, HasSubstr("leat_stream_accepted_total{stream=\"clean\"} 10"));
  EXPECT_THAT(response.body,
              HasSubstr("leat_http_requests_total{route=\"GET /v1/topics\",status=\"200\"} 1"));
  EXPECT_THAT(response.body, HasSubstr("leat_http_request_duration_seconds_bucket{route=\"GET "
                                       "/v1/topics\",le=\"+Inf\"} 1"));
  // Every family is told once, and every counter ends in _total.
  std::set<std::string> families;
  std::istringstream lines(response.body);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    const std::string name = line.substr(7, line.find(' ', 7) - 7);
    EXPECT_TRUE(families.insert(name).second) << line;
    EXPECT_THAT(name, StartsWith("leat_"));
    EXPECT_TRUE(!line.ends_with(" counter") || name.ends_with("_total")) << line;
  }
  EXPECT_GT(families.size(), 20u);
}

TEST_F(RoutesTest, TheDashboardHasAllPanels) {
  start();
  const auto dashboard = json_of(connect().get("/v1/dashboard"));
  EXPECT_EQ(dashboard["pipelines"][0], "sensors");
  ASSERT_EQ(dashboard["panels"].size(), 2u);
  const auto& total = dashboard["panels"][0];
  EXPECT_EQ(total["id"], "total-readings");
  EXPECT_EQ(total["kind"], "stat");
  EXPECT_EQ(total["rows"].dump(), "[[2]]");
  EXPECT_TRUE(total["error"].is_null());
  const auto& broken = dashboard["panels"][1];
  EXPECT_THAT(broken["error"]["message"].get<std::string>(), HasSubstr("no such luck"));
  EXPECT_TRUE(broken["rows"].empty());
  EXPECT_EQ(dashboard["status"]["ready"], true);
}

/// Every route is described, and nothing else is.
TEST_F(RoutesTest, TheDescriptionIsTheRouterTable) {
  start();
  const auto document = json_of(connect().get("/v1/openapi.json"));
  EXPECT_EQ(document["openapi"], "3.1.0");
  std::set<std::string> described;
  for (const auto& [path, operations] : document["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      described.insert(method + " " + path);
      EXPECT_TRUE(operation.contains("operationId")) << path;
      EXPECT_TRUE(operation["responses"].contains("200")) << path;
      const auto open = path.find('{');
      if (open == std::string::npos) continue;
      const std::string name = path.substr(open + 1, path.find('}') - open - 1);
      const auto& parameters = operation["parameters"];
      EXPECT_TRUE(std::any_of(parameters.begin(), parameters.end(), [&](const auto& parameter) {
        return parameter["in"] == "path" && parameter["name"] == name;
      })) << path;
    }
  }
  std::set<std::string> routed;
  // The metrics name every route, so the running server itself tells its table.
  for (const std::string& route : server_->routes()) {
    std::string text = route;
    for (std::size_t i = 0; i < text.find(' '); ++i) text[i] = static_cast<char>(tolower(text[i]));
    routed.insert(text);
  }
  EXPECT_EQ(described, routed);
  // Every reference leads somewhere.
  const std::string text = document.dump();
  for (std::size_t at = text.find("#/"); at != std::string::npos; at = text.find("#/", at + 1)) {
    const std::string pointer = text.substr(at + 1, text.find('"', at) - at - 1);
    EXPECT_TRUE(document.contains(nlohmann::json::json_pointer(pointer))) << pointer;
  }
}

}  // namespace
}  // namespace leat::server
