#include <set>

#include <zlib.h>
#include <zstd.h>

#include "server/server_fixture.h"

namespace leat::server {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;

constexpr auto readings = "/v1/topics/readings/records";
constexpr auto ndjson = "Content-Type: application/x-ndjson\r\n";
constexpr auto json = "Content-Type: application/json\r\n";

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

class PushTest : public ServerTest {
 protected:
  static std::string push_text(std::string_view body) {
    return fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n{}",
                       readings, json, body.size(), body);
  }
  /// A push that the engine holds on to, as all that come after it.
  TestClient hold() {
    engine_.hold_pushes();
    auto client = connect();
    client.send(push_text("0"));
    engine_.wait_for_push_calls(1);
    return client;
  }
  std::string header(const std::string& more) { return json + more + "\r\n"; }
  /// Waits until this many requests were turned away: the others are waiting then.
  void wait_for_refusals(int count) {
    const std::string sample = "status=\"503\"} ";
    auto client = connect();
    int refused = 0;
    while (refused < count) {
      const std::string metrics = client.get("/metrics").body;
      ASSERT_THAT(metrics, HasSubstr("leat_http_connections"));
      const std::size_t at = metrics.find(sample);
      refused = at == std::string::npos ? 0 : std::stoi(metrics.substr(at + sample.size()));
    }
  }
};

TEST_F(PushTest, OneObjectIsOneRecord) {
  start();
  const auto response = connect().post(readings, R"( {"sensor": "s1"} )");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body,
            R"({"count":1,"partition":0,"first_offset":0,"last_offset":0,"duplicate":false})"
            "\n");
  EXPECT_THAT(engine_.records("readings"), ElementsAre(R"({"sensor": "s1"})"));
}

TEST_F(PushTest, AnArrayIsARecordPerElement) {
  start();
  auto client = connect();
  client.post(readings, "{}");
  const auto response = client.post(readings, R"([{"a": [1,2]}, 7, "x"])");
  EXPECT_EQ(json_of(response)["count"], 3);
  EXPECT_EQ(json_of(response)["first_offset"], 1);
  EXPECT_EQ(json_of(response)["last_offset"], 3);
  EXPECT_THAT(engine_.records("readings"), ElementsAre("{}", R"({"a": [1,2]})", "7", R"("x")"));
}

TEST_F(PushTest, LinesAreARecordEach) {
  start();
  const auto response = connect().post(readings, "{\"a\":1}\r\n\n{\"a\":2}\n", ndjson);
  EXPECT_EQ(json_of(response)["count"], 2);
  EXPECT_THAT(engine_.records("readings"), ElementsAre("{\"a\":1}", "{\"a\":2}"));
}

TEST_F(PushTest, CompressedBodiesAreTaken) {
  start();
  auto client = connect();
  EXPECT_EQ(client.post(readings, gzip("{\"a\":1}"), header("Content-Encoding: gzip")).status, 200);
  EXPECT_EQ(client.post(readings, zstd("{\"a\":2}"), header("Content-Encoding: zstd")).status, 200);
  // Two gzip members one after the other are one body.
  EXPECT_EQ(
      client.post(readings, gzip("[3,") + gzip("4]"), header("Content-Encoding: gzip")).status,
      200);
  EXPECT_THAT(engine_.records("readings"), ElementsAre("{\"a\":1}", "{\"a\":2}", "3", "4"));
}

TEST_F(PushTest, CompressionBombsAreRefusedInBoundedMemory) {
  options_.limits.decompressed_bytes_max = 1 << 20;
  start();
  auto client = connect();
  const std::string bomb = "[" + std::string(64 << 20, ' ') + "1]";
  const auto gzipped = client.post(readings, gzip(bomb), header("Content-Encoding: gzip"));
  EXPECT_EQ(gzipped.status, 413);
  EXPECT_EQ(code_of(gzipped), "body-too-large");
  const auto zstded = client.post(readings, zstd(bomb), header("Content-Encoding: zstd"));
  EXPECT_EQ(zstded.status, 413);
  EXPECT_THAT(engine_.records("readings"), IsEmpty());
}

TEST_F(PushTest, BrokenCompressionIsRefused) {
  start();
  auto client = connect();
  std::string cut = gzip(std::string(1000, '1'));
  cut.resize(cut.size() - 4);
  for (const auto& [encoding, body] : std::vector<std::pair<std::string, std::string>>{
           {"gzip", cut}, {"gzip", "{}"}, {"zstd", "{}"}, {"zstd", zstd("{}").substr(0, 7)}}) {
    const auto response = client.post(readings, body, header("Content-Encoding: " + encoding));
    EXPECT_EQ(response.status, 400) << encoding;
    EXPECT_EQ(code_of(response), "malformed-encoding") << encoding;
  }
  const auto unknown = client.post(readings, "{}", header("Content-Encoding: br"));
  EXPECT_EQ(unknown.status, 415);
  EXPECT_EQ(code_of(unknown), "unsupported-encoding");
}

TEST_F(PushTest, MalformedJsonNamesThePlaceAndTakesNothing) {
  start();
  auto client = connect();
  const auto one = client.post(readings, R"([{"a": 1}, {"a": }])");
  EXPECT_EQ(one.status, 400);
  EXPECT_EQ(code_of(one), "malformed-json");
  EXPECT_EQ(json_of(one)["error"]["place"]["position"], 17);
  EXPECT_EQ(json_of(one)["error"]["retryable"], false);
  const auto lines = client.post(readings, "{\"a\":1}\n{\"a\":2}\n{\"a\"\n", ndjson);
  EXPECT_EQ(code_of(lines), "malformed-json");
  EXPECT_EQ(json_of(lines)["error"]["place"]["line"], 3);
  EXPECT_THAT(engine_.records("readings"), IsEmpty());
}

TEST_F(PushTest, WhatHoldsNoRecordIsRefused) {
  start();
  auto client = connect();
  for (const std::string body : {"", "  \n ", "[]"}) {
    const auto response = client.post(readings, body);
    EXPECT_EQ(response.status, 422) << "body: " << body;
    EXPECT_EQ(code_of(response), "no-records") << "body: " << body;
  }
  EXPECT_EQ(client.post(readings, "\n\n", ndjson).status, 422);
}

TEST_F(PushTest, OnlyJsonIsTaken) {
  start();
  auto client = connect();
  EXPECT_EQ(client.post(readings, "{}", "Content-Type: text/plain\r\n").status, 415);
  EXPECT_EQ(client.post(readings, "{}", "").status, 415);
  EXPECT_EQ(client.post(readings, "{}", "Content-Type: APPLICATION/JSON; charset=utf-8\r\n").status,
            200);
}

TEST_F(PushTest, UnknownTopicsAreNamedWithTheNearest) {
  start();
  auto client = connect();
  const auto unknown = client.post("/v1/topics/reading/records", "{}");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(code_of(unknown), "unknown-topic");
  EXPECT_THAT(unknown.body, HasSubstr("readings"));
  const auto source = client.post("/v1/topics/archived/records", "{}");
  EXPECT_EQ(source.status, 422);
  EXPECT_THAT(source.body, HasSubstr("archive"));
}

TEST_F(PushTest, IdempotencyKeysCountOnce) {
  start();
  auto client = connect();
  const auto first = client.post(readings, "[1,2]", header("Idempotency-Key: k1"));
  const auto again = client.post(readings, "[1,2]", header("Idempotency-Key: k1"));
  EXPECT_EQ(json_of(first)["duplicate"], false);
  EXPECT_EQ(json_of(again)["duplicate"], true);
  EXPECT_EQ(json_of(again)["first_offset"], 0);
  EXPECT_EQ(json_of(again)["last_offset"], 1);
  const auto producer = header("Leat-Producer-Id: p\r\nLeat-Sequence: 0");
  EXPECT_EQ(json_of(client.post(readings, "3", producer))["duplicate"], false);
  EXPECT_EQ(json_of(client.post(readings, "3", producer))["duplicate"], true);
  EXPECT_THAT(engine_.records("readings"), ElementsAre("1", "2", "3"));
}

TEST_F(PushTest, IdentitiesMustBeWhole) {
  start();
  auto client = connect();
  for (const std::string headers :
       {"Leat-Producer-Id: p", "Leat-Sequence: 1", "Leat-Producer-Id: p\r\nLeat-Sequence: -1",
        "Leat-Producer-Id: p\r\nLeat-Sequence: x",
        "Idempotency-Key:", "Idempotency-Key: k\r\nLeat-Producer-Id: p\r\nLeat-Sequence: 1"}) {
    const auto response = client.post(readings, "{}", header(headers));
    EXPECT_EQ(response.status, 400) << headers;
    EXPECT_EQ(code_of(response), "bad-parameter") << headers;
  }
  EXPECT_EQ(client.post(readings, "{}", header("Idempotency-Key: " + std::string(256, 'k'))).status,
            400);
}

TEST_F(PushTest, KeysComeFromHeaderOrPointer) {
  start();
  auto client = connect();
  const auto first = json_of(client.post("/v1/topics/spread/records", "1", header("Leat-Key: a")));
  client.post("/v1/topics/spread/records?key=/k", R"({"k": "a"})");
  const auto read = json_of(
      client.get(fmt::format("/v1/topics/spread/records?partition={}", first["partition"].dump())));
  ASSERT_EQ(read["records"].size(), 2u) << read;
  EXPECT_EQ(read["records"][0]["key"], "a");
  EXPECT_EQ(read["records"][1]["key"], "a");
  const auto both = client.post("/v1/topics/spread/records?key=/k", "{}", header("Leat-Key: a"));
  EXPECT_EQ(both.status, 400);
  EXPECT_EQ(client.post("/v1/topics/spread/records?key=k", "{}").status, 400);
}

TEST_F(PushTest, RequestsThatComeDuringAFlushAreWrittenTogether) {
  constexpr int waiting = 200;
  constexpr int turned_away = 10;
  options_.limits.push_requests_waiting_max = waiting;
  start();
  auto first = hold();
  std::vector<TestClient> clients;
  for (int i = 0; i < waiting + turned_away; ++i) {
    clients.push_back(connect());
    clients.back().send(push_text("[1,2,3]"));
  }
  wait_for_refusals(turned_away);
  engine_.release_pushes();
  std::set<int> offsets;
  for (auto& client : clients) {
    const auto response = client.read();
    if (response.status == 503) continue;
    const auto answer = json_of(response);
    EXPECT_EQ(answer["count"], 3);
    EXPECT_EQ(answer["last_offset"].get<int>() - answer["first_offset"].get<int>(), 2);
    offsets.insert(answer["first_offset"].get<int>());
  }
  EXPECT_EQ(offsets.size(), static_cast<std::size_t>(waiting));
  EXPECT_EQ(engine_.push_calls(), 2u);
  EXPECT_EQ(engine_.records("readings").size(), 1u + 3 * waiting);
}

TEST_F(PushTest, PipelinedRequestsAreWrittenInTheirOrder) {
  start();
  auto client = connect();
  std::string requests;
  std::vector<std::string> expected;
  constexpr int count = 300;  // more than may wait at once
  for (int i = 0; i < count; ++i) {
    expected.push_back(std::to_string(i));
    // Some with an identity, which are written on their own.
    requests += fmt::format(
        "POST {} HTTP/1.1\r\nHost: localhost\r\n{}{}Content-Length: {}\r\n\r\n{}", readings, json,
        i % 3 == 0 ? fmt::format("Idempotency-Key: {}\r\n", i) : "", expected.back().size(), i);
  }
  client.send(requests);
  for (int i = 0; i < count; ++i) {
    const auto response = client.read();
    ASSERT_EQ(response.status, 200) << i;
    EXPECT_EQ(json_of(response)["first_offset"], i);
  }
  EXPECT_EQ(engine_.records("readings"), expected);
}

TEST_F(PushTest, OneTooLargeRecordSpoilsNoOtherRequest) {
  start();
  auto first = hold();
  auto good = connect();
  auto bad = connect();
  const std::string large = "\"" + std::string(2 << 20, 'x') + "\"";
  good.send(push_text("1"));
  bad.send(push_text(large));
  connect().get("/metrics");
  engine_.release_pushes();
  EXPECT_EQ(first.read().status, 200);
  EXPECT_EQ(good.read().status, 200);
  const auto refused = bad.read();
  EXPECT_EQ(refused.status, 413);
  EXPECT_EQ(code_of(refused), "record-too-large");
}

TEST_F(PushTest, AFullDiskSaysWhenToTryAgain) {
  start();
  engine_.fail_pushes(Error{Domain::external, "disk-full", "the disk is full", true});
  auto client = connect();
  const auto full = client.post(readings, "{}");
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(code_of(full), "disk-full");
  EXPECT_EQ(json_of(full)["error"]["retryable"], true);
  EXPECT_EQ(full.header("retry-after"), "10");
  engine_.fail_pushes(std::nullopt);
  EXPECT_EQ(client.post(readings, "{}").status, 200);
}

TEST_F(PushTest, TooManyWaitingRequestsAreTurnedAway) {
  options_.limits.push_requests_waiting_max = 2;
  start();
  std::vector<TestClient> clients;
  clients.push_back(hold());
  for (int i = 0; i < 7; ++i) {
    clients.push_back(connect());
    clients.back().send(push_text("1"));
  }
  wait_for_refusals(5);
  engine_.release_pushes();
  int accepted = 0;
  for (auto& client : clients) {
    const auto response = client.read();
    if (response.status == 200) {
      ++accepted;
    } else {
      EXPECT_EQ(code_of(response), "overloaded");
      EXPECT_EQ(response.header("retry-after"), "1");
    }
  }
  EXPECT_EQ(accepted, 3);
}

TEST_F(PushTest, ABodyAboveTheLimitIsRefusedBeforeItComes) {
  options_.limits.body_bytes_max = 1000;
  start();
  auto client = connect();
  client.send(
      fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: 100000000\r\n"
                  "Expect: 100-continue\r\n\r\n",
                  readings, json));
  const auto response = client.read();
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(code_of(response), "body-too-large");
  EXPECT_EQ(response.header("connection"), "close");
  auto chunked = connect();
  chunked.send(
      fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\n{}Transfer-Encoding: chunked\r\n"
                  "\r\n3e9\r\n{}\r\n0\r\n\r\n",
                  readings, json, std::string(1001, '1')));
  EXPECT_EQ(chunked.read().status, 413);
}

TEST_F(PushTest, ChunkedBodiesAndExpectationsAreTaken) {
  start();
  auto client = connect();
  client.send(
      fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\n{}Transfer-Encoding: chunked\r\n"
                  "Expect: 100-continue\r\n\r\n",
                  readings, json));
  EXPECT_EQ(client.read().status, 100);
  client.send("2\r\n[1\r\n3\r\n,2]\r\n0\r\n\r\n");
  EXPECT_EQ(json_of(client.read())["count"], 2);
}

}  // namespace
}  // namespace leat::server
