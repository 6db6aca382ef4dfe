#include <sys/resource.h>

#include "server/server_fixture.h"

namespace leat::server {
namespace {

using testing::HasSubstr;

constexpr auto rows_1 = "SELECT 's1' AS sensor, 2::BIGINT AS readings";
constexpr auto rows_2 = "SELECT 's1' AS sensor, 3::BIGINT AS readings";
constexpr auto changes_2 =
    "SELECT 's1' AS sensor, 2::BIGINT AS readings, -1::BIGINT AS weight "
    "UNION ALL SELECT 's1', 3, 1 ORDER BY weight";

class EventsTest : public ServerTest {
 protected:
  static nlohmann::json data_of(const std::optional<TestEvent>& event) {
    if (!event) return "no event";
    return nlohmann::json::parse(event->data, nullptr, false);
  }
  /// A number in the metrics.
  static long metric(TestClient& client, const std::string& name) {
    const std::string text = "\n" + client.get("/metrics").body;
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stol(text.substr(at + name.size() + 2));
  }
};

TEST_F(EventsTest, ChangesComeAfterTheSnapshot) {
  start();
  auto client = connect();
  const auto head = client.open_events("/v1/changes/totals");
  EXPECT_EQ(head.header("content-type"), "text/event-stream");
  const auto snapshot = client.next_event();
  ASSERT_TRUE(snapshot.has_value());
  EXPECT_EQ(snapshot->name, "snapshot");
  EXPECT_EQ(snapshot->id, "1");
  EXPECT_EQ(data_of(snapshot)["rows"].dump(), R"([{"readings":2,"sensor":"s1"}])");
  EXPECT_EQ(data_of(snapshot)["last"], true);
  engine_.change("totals", rows_2, changes_2);
  const auto changes = client.next_event();
  ASSERT_TRUE(changes.has_value());
  EXPECT_EQ(changes->name, "changes");
  EXPECT_EQ(changes->id, "2");
  EXPECT_EQ(changes->data,
            R"({"epoch":2,"changes":[{"weight":-1,"row":{"sensor":"s1","readings":2}},)"
            R"({"weight":1,"row":{"sensor":"s1","readings":3}}]})");
}

TEST_F(EventsTest, BigSnapshotsComeInPieces) {
  engine_.add_view("wide", "SELECT range AS n, repeat('x', 500) AS x FROM range(5000)");
  start();
  auto client = connect();
  client.open_events("/v1/changes/wide");
  std::size_t rows = 0;
  std::size_t pieces = 0;
  while (true) {
    const auto event = client.next_event();
    ASSERT_TRUE(event.has_value());
    ASSERT_EQ(event->name, "snapshot");
    EXPECT_LT(event->data.size(), 100'000u);
    const auto data = data_of(event);
    rows += data["rows"].size();
    ++pieces;
    EXPECT_EQ(event->id.empty(), data["last"] == false);
    if (data["last"] == true) break;
  }
  EXPECT_EQ(rows, 5000u);
  EXPECT_GT(pieces, 10u);
}

TEST_F(EventsTest, ALostConnectionGoesOnWhereItWas) {
  start();
  {
    auto client = connect();
    client.open_events("/v1/changes/totals");
    ASSERT_EQ(client.next_event()->id, "1");
  }
  engine_.change("totals", rows_2, changes_2);
  auto client = connect();
  client.open_events("/v1/changes/totals", "Last-Event-ID: 1\r\n");
  const auto event = client.next_event();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->name, "changes");
  EXPECT_EQ(event->id, "2");
}

TEST_F(EventsTest, WhatIsNotKeptAnyMoreIsResetToASnapshot) {
  start();
  // Nobody followed, so the changes of epoch 2 were not kept; epoch 99 never was.
  engine_.change("totals", rows_2, changes_2);
  for (const std::string id : {"1", "99"}) {
    auto client = connect();
    client.open_events("/v1/changes/totals", "Last-Event-ID: " + id + "\r\n");
    const auto reset = client.next_event();
    ASSERT_TRUE(reset.has_value());
    EXPECT_EQ(reset->name, "reset") << id;
    EXPECT_EQ(data_of(reset)["error"]["code"], "changes-gone");
    const auto snapshot = client.next_event();
    EXPECT_EQ(snapshot->name, "snapshot");
    EXPECT_EQ(data_of(snapshot)["rows"][0]["readings"], 3);
  }
}

TEST_F(EventsTest, ASnapshotCanBeLeftOut) {
  start();
  auto client = connect();
  client.open_events("/v1/changes/totals?snapshot=false");
  auto probe = connect();
  while (metric(probe, "leat_http_event_streams") != 1) {
  }
  engine_.change("totals", rows_2, changes_2);
  EXPECT_EQ(client.next_event()->name, "changes");
}

TEST_F(EventsTest, ChangesQuestionsAreChecked) {
  start();
  EXPECT_EQ(connect().open_events("/v1/changes/nothing").status, 404);
  EXPECT_EQ(connect().open_events("/v1/changes/totals", "Last-Event-ID: x\r\n").status, 400);
  EXPECT_EQ(connect().open_events("/v1/changes/totals?after=-1").status, 400);
}

TEST_F(EventsTest, ASlowFollowerIsDroppedAndTheOthersAreNot) {
  options_.limits.stream_bytes_max = 16 << 10;
  start();
  auto slow = connect();
  slow.open_events("/v1/changes/totals");
  auto fast = connect();
  fast.open_events("/v1/changes/totals");
  ASSERT_EQ(fast.next_event()->name, "snapshot");
  const std::string wide =
      "SELECT repeat('x', 30000) AS sensor, 1::BIGINT AS readings, 1::BIGINT AS weight";
  // More than the sockets' buffers, the stream's bound and the feed's bound take together.
  for (int i = 0; i < 1000; ++i) {
    engine_.change("totals", rows_2, wide);
    const auto event = fast.next_event();
    ASSERT_TRUE(event.has_value());
    ASSERT_EQ(event->name, "changes");
  }
  std::optional<TestEvent> last;
  while (auto event = slow.next_event()) last = event;
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->name, "error");
  EXPECT_EQ(data_of(last)["error"]["code"], "fell-behind");
  auto probe = connect();
  EXPECT_EQ(metric(probe, "leat_http_event_streams_dropped_total"), 1);
}

TEST_F(EventsTest, QuietStreamsHaveHeartbeats) {
  options_.limits.heartbeat = std::chrono::milliseconds(50);
  start();
  auto client = connect();
  client.send(
      "GET /v1/changes/totals?snapshot=false HTTP/1.1\r\nHost: localhost\r\n"
      "Connection: close\r\n\r\n");
  client.close_sending();
  // A client that closes its side has left an event stream.
  auto probe = connect();
  while (metric(probe, "leat_http_event_streams") != 0 ||
         metric(probe, "leat_http_connections") != 1) {
  }
  auto listening = connect();
  listening.send("GET /v1/changes/totals?snapshot=false HTTP/1.0\r\n\r\n");
  std::string text;
  while (text.find(": heartbeat\n\n: heartbeat\n\n") == std::string::npos) {
    const auto piece = listening.read_some();
    ASSERT_TRUE(piece.has_value()) << text;
    text += *piece;
  }
}

TEST_F(EventsTest, TopicsAreFollowed) {
  start();
  auto pusher = connect();
  const std::string records = "/v1/topics/readings/records";
  pusher.post(records, "0");
  auto client = connect();
  client.open_events(records + "?from=earliest");
  auto event = client.next_event();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->name, "record");
  EXPECT_EQ(event->id, "0:1");
  EXPECT_EQ(data_of(event)["value"], 0);
  pusher.post(records, "[{\"a\":\n1},2]");
  EXPECT_EQ(data_of(client.next_event())["value"]["a"], 1);
  EXPECT_EQ(client.next_event()->id, "0:3");
  auto resumed = connect();
  resumed.open_events(records, "Last-Event-ID: 0:2\r\n");
  EXPECT_EQ(data_of(resumed.next_event())["offset"], 2);
  EXPECT_EQ(connect().open_events(records, "Last-Event-ID: what\r\n").status, 400);
  auto latest = connect();
  latest.open_events(records + "?from=latest&limit=1");
  EXPECT_EQ(data_of(latest.next_event())["offset"], 2);
}

TEST_F(EventsTest, TheDashboardIsLive) {
  start();
  auto client = connect();
  client.open_events("/v1/dashboard/events");
  std::map<std::string, nlohmann::json> panels;
  bool status = false;
  while (panels.size() < 2 || !status) {
    const auto event = client.next_event();
    ASSERT_TRUE(event.has_value());
    if (event->name == "status") {
      status = true;
      EXPECT_EQ(data_of(event)["ready"], true);
      continue;
    }
    ASSERT_EQ(event->name, "panel");
    panels[data_of(event)["id"]] = data_of(event);
  }
  EXPECT_EQ(panels["total-readings"]["rows"].dump(), "[[2]]");
  EXPECT_FALSE(panels["broken"]["error"].is_null());
  engine_.change("totals", rows_2, changes_2);
  while (true) {
    const auto event = client.next_event();
    ASSERT_TRUE(event.has_value());
    if (event->name != "panel") continue;
    // The broken panel stays as it was, so it isn't sent again.
    EXPECT_EQ(data_of(event)["id"], "total-readings");
    EXPECT_EQ(data_of(event)["rows"].dump(), "[[3]]");
    EXPECT_EQ(event->id, "2");
    break;
  }
}

TEST_F(EventsTest, ALaterListenerGetsNewRowsAtOnce) {
  start();
  { connect().open_events("/v1/dashboard/events"); }
  auto probe = connect();
  while (metric(probe, "leat_http_event_streams") != 0) {
  }
  engine_.change("totals", rows_2, changes_2);
  auto client = connect();
  client.open_events("/v1/dashboard/events");
  while (true) {
    const auto event = client.next_event();
    ASSERT_TRUE(event.has_value());
    if (event->name != "panel" || data_of(event)["id"] != "total-readings") continue;
    EXPECT_EQ(data_of(event)["rows"].dump(), "[[3]]");
    break;
  }
}

TEST_F(EventsTest, AThousandIdleListenersCostLittle) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  constexpr std::size_t count = 1000;
  if (files.rlim_cur < 2 * count + 100) GTEST_SKIP() << "only " << files.rlim_cur << " files";
  start();
  std::vector<TestClient> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(connect());
    ASSERT_EQ(clients.back().open_events("/v1/changes/totals").status, 200);
  }
  for (auto& client : clients) ASSERT_EQ(client.next_event()->name, "snapshot");
  engine_.change("totals", rows_2, changes_2);
  for (auto& client : clients) ASSERT_EQ(client.next_event()->name, "changes");
  auto probe = connect();
  EXPECT_EQ(metric(probe, "leat_http_event_streams"), static_cast<long>(count));
  server_->stop(std::chrono::seconds(10));
  for (auto& client : clients) ASSERT_FALSE(client.next_event().has_value());
}

}  // namespace
}  // namespace leat::server
