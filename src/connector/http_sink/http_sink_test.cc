#include "connector/http_sink/http_sink.h"

#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_patience.h"
#include "connector/default_settings_test.h"
#include "connector/digest.h"
#include "connector/http_sink/spec.h"
#include "connector/raw_server_test.h"
#include "model/chunk_copy.h"
#include "model/duck_test_database.h"

namespace leat::connector {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Received {
  std::map<std::string, std::string> header;
  std::string line, body;
};

/// A webhook that keeps what it gets, and answers as told for each body.
class Webhook {
 public:
  using Answers = std::function<std::string(const Received&)>;
  explicit Webhook(Answers answers = {})
      : answers_(std::move(answers)),
        server_([this](int connection, const std::string& request) { take(connection, request); }) {
  }

  std::string url() const { return server_.url("/hook?key=canary"); }
  std::vector<Received> received() {
    std::lock_guard lock(mutex_);
    return received_;
  }
  std::vector<std::string> bodies() {
    std::vector<std::string> bodies;
    for (const Received& one : received()) bodies.push_back(one.body);
    return bodies;
  }

 private:
  void take(int connection, const std::string& request) {
    const std::size_t end = request.find("\r\n\r\n");
    if (end == std::string::npos) return;
    Received one;
    std::size_t at = request.find("\r\n");
    one.line = request.substr(0, at);
    while (at < end) {
      const std::size_t begin = at + 2;
      at = request.find("\r\n", begin);
      const std::string field = request.substr(begin, at - begin);
      const std::size_t colon = field.find(": ");
      if (colon != std::string::npos) one.header[field.substr(0, colon)] = field.substr(colon + 2);
    }
    one.body = request.substr(end + 4);
    std::size_t length = 0;
    const std::string& said = one.header["Content-Length"];
    std::from_chars(said.data(), said.data() + said.size(), length);
    char buffer[4096];
    while (one.body.size() < length) {
      const ssize_t count = recv(connection, buffer, sizeof buffer, 0);
      if (count <= 0) break;
      one.body.append(buffer, static_cast<std::size_t>(count));
    }
    const std::string answer = answers_ ? answers_(one) : "200 OK\r\n";
    {
      std::lock_guard lock(mutex_);
      received_.push_back(one);
    }
    if (answer == "cut") return;
    RawServer::send_text(
        connection, "HTTP/1.1 " + answer + "Connection: close\r\nContent-Length: 4\r\n\r\nwhy?");
  }

  const Answers answers_;
  std::mutex mutex_;
  std::vector<Received> received_;
  RawServer server_;
};

class HttpSinkTest : public testing::Test {
 protected:
  HttpSinkTest() {
    input_.sink = "hook";
    reads("SELECT 1::INTEGER AS id, 'x' AS name", SinkInput::Kind::stream);
  }
  void reads(const std::string& sql, SinkInput::Kind kind) {
    input_.kind = kind;
    input_.rows_change = kind == SinkInput::Kind::view;
    input_.schema = kind == SinkInput::Kind::topic ? record_schema() : duck_.schema_of(sql);
  }

  std::unique_ptr<Sink> sink(Webhook& hook) {
    Settings settings = default_settings(http_sink_spec());
    settings.set("url", hook.url());
    for (const auto& [name, value] : set_) settings.set(name, value);
    auto made = make_http_sink(input_, settings, {});
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }

  /// The rows' places are 10, 11, …; a last column `w`, where there is one more, is their weight.
  SinkBatch batch(const std::string& sql) {
    SinkBatch made;
    made.position = "p";
    made.partition = Partition(3);
    for (const Chunk& chunk : duck_.chunks(sql)) {
      SinkRows part;
      const Chunk copy = copy_of(chunk);
      const std::size_t columns = input_.schema.size();
      Chunk rows(input_.schema);
      for (std::size_t i = 0; i < columns; ++i) {
        duckdb_vector_reference_vector(rows.vector(i), copy.vector(i));
      }
      rows.set_size(copy.size());
      const auto* weights =
          copy.column_count() > columns
              ? static_cast<const std::int32_t*>(duckdb_vector_get_data(copy.vector(columns)))
              : nullptr;
      for (std::size_t row = 0; row < copy.size(); ++row) {
        part.weights.push_back(weights == nullptr ? 1 : weights[row]);
        part.offsets.push_back(Offset(static_cast<std::int64_t>(10 + made.rows + row)));
        part.versions_us.push_back(1);
      }
      made.rows += copy.size();
      part.rows = copy_of(rows);
      made.parts.push_back(std::move(part));
    }
    return made;
  }

  DuckTestDatabase duck_;
  SinkInput input_;
  std::map<std::string, Settings::Value> set_;
};

TEST_F(HttpSinkTest, SendsRowsAsOneArrayThatTheReceiverCanVerify) {
  Webhook hook;
  set_["secret"] = std::string("canary");
  const auto refused = sink(hook)->write(batch("VALUES (1::INTEGER, 'a\"b'), (2, NULL)"), {});
  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_THAT(*refused, IsEmpty());
  ASSERT_EQ(hook.received().size(), 1U);
  Received got = hook.received()[0];
  EXPECT_EQ(got.line, "POST /hook?key=canary HTTP/1.1");
  EXPECT_EQ(got.body, R"([{"id":1,"name":"a\"b"},{"id":2,"name":null}])");
  EXPECT_EQ(got.header["Content-Type"], "application/json");
  EXPECT_EQ(got.header["Leat-Sink"], "hook");
  EXPECT_EQ(got.header["Leat-Partition"], "3");
  EXPECT_EQ(got.header["Leat-First-Offset"], "10");
  EXPECT_EQ(got.header["Leat-Last-Offset"], "11");
  EXPECT_EQ(got.header["Leat-Signature"],
            "sha256=" + hmac_sha256("canary", got.header["Leat-Timestamp"] + "." + got.body));
  EXPECT_NEAR(std::stod(got.header["Leat-Timestamp"]), static_cast<double>(std::time(nullptr)), 60);
}

TEST(Signature, IsWhatOthersComputeToo) {
  // RFC 4231, test case 2; FIPS 180-2, "abc".
  EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(HttpSinkTest, CutsABatchIntoRequestsOfRowsAndBytes) {
  Webhook hook;
  set_["format"] = std::string("ndjson");
  set_["rows_max"] = std::int64_t{2};
  ASSERT_TRUE(sink(hook)->write(batch("SELECT range::INTEGER, 'x' FROM range(5)"), {}));
  EXPECT_THAT(hook.bodies(), ElementsAre("{\"id\":0,\"name\":\"x\"}\n{\"id\":1,\"name\":\"x\"}\n",
                                         "{\"id\":2,\"name\":\"x\"}\n{\"id\":3,\"name\":\"x\"}\n",
                                         "{\"id\":4,\"name\":\"x\"}\n"));
  EXPECT_EQ(hook.received()[2].header["Content-Type"], "application/x-ndjson");
  Webhook other;
  set_["rows_max"] = std::int64_t{100};
  set_["bytes_max"] = std::int64_t{30};
  ASSERT_TRUE(sink(other)->write(batch("SELECT range::INTEGER, 'x' FROM range(5)"), {}));
  EXPECT_EQ(other.bodies().size(), 3U);
}

TEST_F(HttpSinkTest, RowsThatAreSentAgainHaveTheSameKeyAndOthersAnother) {
  Webhook hook;
  ASSERT_TRUE(sink(hook)->write(batch("SELECT 1::INTEGER, 'x'"), {}));
  ASSERT_TRUE(sink(hook)->write(batch("SELECT 1::INTEGER, 'x'"), {}));
  ASSERT_TRUE(sink(hook)->write(batch("SELECT 2::INTEGER, 'x'"), {}));
  auto all = hook.received();
  EXPECT_EQ(all[0].header["Idempotency-Key"].size(), 32U);
  EXPECT_EQ(all[0].header["Idempotency-Key"], all[1].header["Idempotency-Key"]);
  EXPECT_NE(all[0].header["Idempotency-Key"], all[2].header["Idempotency-Key"]);
}

TEST_F(HttpSinkTest, GoesOnWithWhatWasNotDeliveredYet) {
  std::atomic<int> turn{0};
  Webhook hook([&](const Received&) {
    const int now = turn++;
    return now == 1 ? "503 Busy\r\nRetry-After: 1\r\n" : now == 2 ? "cut" : "200 OK\r\n";
  });
  set_["rows_max"] = std::int64_t{1};
  auto to = sink(hook);
  for (int tries = 0; tries < 2; ++tries) {
    const auto failed = to->write(batch("VALUES (1::INTEGER, 'a'), (2, 'b'), (3, 'c')"), {});
    ASSERT_FALSE(failed);
    EXPECT_TRUE(failed.error().retryable) << failed.error().message;
    EXPECT_THAT(failed.error().message, Not(HasSubstr("canary")));
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(to->open({}));
    if (tries == 0) {
      EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(700));
    }
  }
  ASSERT_TRUE(to->write(batch("VALUES (1::INTEGER, 'a'), (2, 'b'), (3, 'c')"), {}));
  std::string ids;
  for (const std::string& body : hook.bodies()) ids += body[7];
  EXPECT_EQ(ids, "12223");
}

TEST_F(HttpSinkTest, FindsTheRowsThatAreRefused) {
  Webhook hook([](const Received& one) {
    return one.body.find("bad") != std::string::npos ? "422 No\r\n" : "202 Yes\r\n";
  });
  const auto refused = sink(hook)->write(
      batch("SELECT range::INTEGER, CASE WHEN range IN (3, 77) THEN 'bad' ELSE 'ok' END "
            "FROM range(100)"),
      {});
  ASSERT_TRUE(refused) << refused.error().message;
  ASSERT_EQ(refused->size(), 2U);
  EXPECT_EQ((*refused)[0].row, 3U);
  EXPECT_EQ((*refused)[1].row, 77U);
  EXPECT_THAT((*refused)[0].reason, HasSubstr("answered 422: why?"));
  EXPECT_THAT((*refused)[0].reason, Not(HasSubstr("canary")));
  int rows = 0;
  for (const Received& one : hook.received()) {
    if (one.body.find("bad") == std::string::npos)
      rows += static_cast<int>(std::ranges::count(one.body, '{'));
  }
  EXPECT_EQ(rows, 98);
}

TEST_F(HttpSinkTest, EveryRefusalSendsRowsToTheDeadLetters) {
  for (const char* status :
       {"400 No\r\n", "401 No\r\n", "404 No\r\n", "410 No\r\n", "499 No\r\n"}) {
    Webhook hook([&](const Received&) { return status; });
    const auto refused = sink(hook)->write(batch("VALUES (1::INTEGER, 'x'), (2, 'y')"), {});
    ASSERT_TRUE(refused) << refused.error().message;
    ASSERT_EQ(refused->size(), 2U) << status;
    EXPECT_THAT((*refused)[1].reason, HasSubstr(std::string(status, 3)));
    EXPECT_EQ(hook.received().size(), 3U) << "both together, then each alone";
  }
}

TEST_F(HttpSinkTest, HoldsOnWhereItIsTold) {
  set_["hold_on"] = std::vector<std::string>{"401", "403", "404"};
  for (const char* status :
       {"401 No\r\n", "403 No\r\n", "404 No\r\n", "302 Found\r\nLocation: /elsewhere\r\n"}) {
    Webhook hook([&](const Received&) { return status; });
    const auto failed = sink(hook)->write(batch("SELECT 1::INTEGER, 'x'"), {});
    ASSERT_FALSE(failed) << status;
    EXPECT_FALSE(failed.error().retryable) << status;
    EXPECT_THAT(failed.error().message, Not(HasSubstr("canary")));
    EXPECT_EQ(hook.received().size(), 1U);
  }
  for (const char* status : {"408 No\r\n", "425 No\r\n", "429 No\r\n", "500 No\r\n"}) {
    Webhook hook([&](const Received&) { return status; });
    const auto failed = sink(hook)->write(batch("SELECT 1::INTEGER, 'x'"), {});
    ASSERT_FALSE(failed) << status;
    EXPECT_TRUE(failed.error().retryable) << status;
  }
}

TEST_F(HttpSinkTest, AViewsRowsComeAndGo) {
  reads("SELECT 'a' AS country, 1::BIGINT AS users", SinkInput::Kind::view);
  input_.key = {0};
  Webhook hook;
  const std::string changes = "VALUES ('de', 1::BIGINT, -1), ('de', 2, 1), ('fr', 5, -1)";
  ASSERT_TRUE(sink(hook)->write(batch(changes), {}));
  input_.changes = true;
  ASSERT_TRUE(sink(hook)->write(batch(changes), {}));
  EXPECT_THAT(hook.bodies(), ElementsAre(R"([{"op":"upsert","row":{"country":"de","users":2}},)"
                                         R"({"op":"delete","row":{"country":"fr","users":5}}])",
                                         R"([{"weight":-1,"country":"de","users":1},)"
                                         R"({"weight":1,"country":"de","users":2},)"
                                         R"({"weight":-1,"country":"fr","users":5}])"));
}

TEST_F(HttpSinkTest, ATopicsRecordsGoAsTheyAre) {
  reads("", SinkInput::Kind::topic);
  Webhook hook;
  set_["format"] = std::string("ndjson");
  const std::string rest =
      ", '2026-01-01 00:00:00+00'::TIMESTAMPTZ, 0::INTEGER, 1::BIGINT, NULL::BLOB)";
  const auto refused = sink(hook)->write(
      batch("VALUES (NULL::BLOB, '{\"a\": [1,\n 2]}'::BLOB" + rest + ", (NULL, '{\"a\"'" + rest +
            ", (NULL, NULL" + rest + ", (NULL, '7'" + rest),
      {});
  ASSERT_TRUE(refused) << refused.error().message;
  ASSERT_EQ(refused->size(), 1U);
  EXPECT_EQ(refused->front().row, 1U);
  EXPECT_THAT(refused->front().reason, HasSubstr("no JSON"));
  EXPECT_THAT(hook.bodies(), ElementsAre("{\"a\": [1,  2]}\nnull\n7\n"));
}

TEST_F(HttpSinkTest, StopsWhileTheServerSaysNothing) {
  std::stop_source stop;
  std::mutex mutex;
  std::condition_variable released;
  bool done = false;
  Webhook hook([&](const Received&) {
    stop.request_stop();
    std::unique_lock lock(mutex);
    released.wait(lock, [&] { return done; });
    return "200 OK\r\n";
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(sink(hook)->write(batch("SELECT 1::INTEGER, 'x'"), stop.get_token()));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, patience(std::chrono::seconds(2)));
  std::lock_guard lock(mutex);
  done = true;
  released.notify_all();
}

TEST_F(HttpSinkTest, ProbesByAsking) {
  Webhook hook;
  const auto found = sink(hook)->probe({});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_THAT(*found, HasSubstr("status 200"));
  EXPECT_EQ(hook.received()[0].line, "HEAD /hook?key=canary HTTP/1.1");
}

TEST_F(HttpSinkTest, RefusesSettingsThatCanNeverWork) {
  Settings settings = default_settings(http_sink_spec());
  const auto code = [&](const char* name, Settings::Value value) {
    Settings changed = settings;
    changed.set("url", std::string("https://example.com/"));
    changed.set(name, std::move(value));
    const auto made = make_http_sink(input_, changed, {});
    return made ? "made" : made.error().code;
  };
  EXPECT_EQ(code("url", std::string("ftp://example.com")), "bad-url");
  EXPECT_EQ(code("headers", std::map<std::string, std::string>{{"a b", "c"}}), "bad-header");
  EXPECT_EQ(code("hold_on", std::vector<std::string>{"401", "4o4"}), "bad-status");
  EXPECT_EQ(code("hold_on", std::vector<std::string>{"500"}), "bad-status");
  Settings tls;
  tls.set("cert", std::string("c.pem"));
  EXPECT_EQ(code("tls", tls), "bad-tls");
}

}  // namespace
}  // namespace leat::connector
