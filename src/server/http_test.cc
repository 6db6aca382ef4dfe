#include <set>

#include "base/test_patience.h"
#include "server/server_fixture.h"

namespace leat::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class HttpTest : public ServerTest {
 protected:
  /// The answer to these bytes, and that the connection ends after it where it must.
  int status_of(std::string_view bytes) {
    auto client = connect();
    client.send(bytes);
    return client.read().status;
  }
  void expect_refused(std::string_view bytes, int status = 400) {
    auto client = connect();
    client.send(bytes);
    const auto response = client.read();
    EXPECT_EQ(response.status, status) << bytes;
    EXPECT_EQ(response.header("connection"), "close") << bytes;
    EXPECT_EQ(response.header("content-type"), "application/json") << bytes;
    client.close_sending();
    EXPECT_TRUE(client.closed()) << bytes;
  }
};

constexpr std::string_view push =
    "POST /v1/topics/readings/records HTTP/1.1\r\nContent-Type: application/json\r\n";

TEST_F(HttpTest, AmbiguousFramingIsRefused) {
  start();
  const auto request = [](std::string_view rest) {
    return std::string(push) + "Host: localhost\r\n" + std::string(rest);
  };
  expect_refused(request("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
  expect_refused(request("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n"));
  expect_refused(request("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"));
  expect_refused(request("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"));
  expect_refused(request("Content-Length: 2, 2\r\n\r\n{}"));
  expect_refused(request("Content-Length: +2\r\n\r\n{}"));
  expect_refused(request("Content-Length: 0x2\r\n\r\n{}"));
  expect_refused(request("Content-Length: 99999999999999999999\r\n\r\n{}"));
  expect_refused(request("Content-Length : 2\r\n\r\n{}"));
  expect_refused(request("Content-Length:\r\n 2\r\n\r\n{}"));
  expect_refused(request("X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}"));
  expect_refused(request("X: a\r\n\tb\r\nContent-Length: 2\r\n\r\n{}"));
  expect_refused(request("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501);
  expect_refused(request("Transfer-Encoding: identity\r\n\r\n"), 501);
  expect_refused(request("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"));
  expect_refused(request("Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n"));
  expect_refused(request("Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n"));
  EXPECT_TRUE(engine_.records("readings").empty());
}

TEST_F(HttpTest, MalformedRequestsAreRefused) {
  start();
  expect_refused("GET /healthz HTTP/1.1\nHost: localhost\n\n");
  expect_refused("GET /healthz HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n");
  expect_refused("GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n");
  expect_refused("GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  expect_refused("GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  expect_refused("GET /healthz HTTP/1.1\r\n\r\n");
  expect_refused("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n");
  expect_refused("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX\x01: y\r\n\r\n");
  expect_refused(std::string_view("GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", 36));
  expect_refused("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
  EXPECT_EQ(connect().get("/v1/views/%zz").status, 400);
  EXPECT_EQ(connect().get("/v1/views/a%00b").status, 400);
}

TEST_F(HttpTest, HeadersAreBounded) {
  start();
  const std::string start_line = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
  expect_refused(start_line + "X: " + std::string(20'000, 'x') + "\r\n\r\n", 431);
  std::string many = start_line;
  for (int i = 0; i < 2000; ++i) many += fmt::format("X-{}: 1\r\n", i);
  expect_refused(many + "\r\n", 431);
  expect_refused("GET /" + std::string(20'000, 'x'), 431);
}

TEST_F(HttpTest, AChunkHeaderWithoutEndIsBounded) {
  start();
  auto client = connect();
  client.send(std::string(push) + "Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;");
  for (int i = 0; i < 64 && client.send(std::string(4096, 'x')); ++i) {
  }
  EXPECT_EQ(client.read().status, 431);
}

TEST_F(HttpTest, SlowRequestsAreGivenUp) {
  options_.limits.header_time_max = std::chrono::milliseconds(300);
  options_.limits.request_time_max = std::chrono::milliseconds(300);
  options_.limits.idle_time_max = std::chrono::milliseconds(300);
  start();
  expect_refused("GET /healthz HTTP/1.1\r\nHost: local", 408);
  expect_refused(std::string(push) + "Host: localhost\r\nContent-Length: 10\r\n\r\n{", 408);
  EXPECT_TRUE(connect().closed());
}

TEST_F(HttpTest, AClientThatTakesNothingIsGivenUp) {
  options_.limits.write_time_max = std::chrono::milliseconds(300);
  engine_.add_view("wide", "SELECT repeat('x', 1000) AS x FROM range(10000)");
  start();
  auto client = connect();
  for (int i = 0; i < 8; ++i) {
    client.send("GET /v1/views/wide?limit=10000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  // Each look has a connection of its own: on a machine that stalls the probe may be given up, too.
  const auto only_the_probe_is_left = [&] {
    return connect().get("/metrics").body.find("leat_http_connections 1\n") != std::string::npos;
  };
  const auto ends = std::chrono::steady_clock::now() + patience(std::chrono::seconds(60));
  bool given_up = false;
  while (!given_up && std::chrono::steady_clock::now() < ends) given_up = only_the_probe_is_left();
  EXPECT_TRUE(given_up);
}

TEST_F(HttpTest, ConnectionsAreBounded) {
  options_.limits.connections_max = 2;
  start();
  auto first = connect();
  EXPECT_EQ(first.get("/healthz").status, 200);
  auto second = connect();
  EXPECT_EQ(second.get("/healthz").status, 200);
  auto third = connect();
  const auto response = third.read();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(code_of(response), "too-many-connections");
  EXPECT_EQ(first.get("/healthz").status, 200);
}

TEST_F(HttpTest, ConnectionsAreKeptUnlessTheClientSaysOtherwise) {
  start();
  auto client = connect();
  EXPECT_EQ(client.get("/healthz").header("connection"), "keep-alive");
  EXPECT_EQ(client.get("/healthz", "Connection: close\r\n").header("connection"), "close");
  client.close_sending();
  EXPECT_TRUE(client.closed());
  auto old = connect();
  EXPECT_EQ(old.request("GET /healthz HTTP/1.0\r\n\r\n").status, 200);
  old.close_sending();
  EXPECT_TRUE(old.closed());
}

TEST_F(HttpTest, PipelinedAnswersComeInOrder) {
  start();
  auto client = connect();
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    // A quick one after one that goes through the work pool.
    requests += "GET /v1/views/totals HTTP/1.1\r\nHost: localhost\r\n\r\n";
    requests += "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  }
  client.send(requests);
  client.close_sending();
  for (int i = 0; i < 200; ++i) {
    ASSERT_THAT(client.read().body, StartsWith("{\"columns\"")) << i;
    ASSERT_EQ(client.read().body, "alive\n") << i;
  }
  EXPECT_TRUE(client.closed());
}

TEST_F(HttpTest, HeadIsGetWithoutTheBody) {
  start();
  auto client = connect();
  for (const std::string target : {"/healthz", "/v1/views/totals", "/", "/v1/openapi.json"}) {
    client.send("HEAD " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const auto head = client.read(true);
    EXPECT_EQ(head.status, 200) << target;
    const auto get = client.get(target);
    EXPECT_EQ(get.status, 200) << target;
    EXPECT_EQ(head.header("content-type"), get.header("content-type")) << target;
  }
}

TEST_F(HttpTest, UnknownPathsAndMethodsSayWhatThereIs) {
  start();
  auto client = connect();
  const auto unknown = client.get("/v1/topic");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(code_of(unknown), "unknown-route");
  EXPECT_THAT(unknown.body, HasSubstr("/v1/topics"));
  const auto method = client.post("/v1/topics", "{}");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.header("allow"), "GET, HEAD");
  client.send("DELETE /v1/topics/readings/records HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const auto other = client.read();
  EXPECT_EQ(other.status, 405);
  EXPECT_EQ(other.header("allow"), "POST, GET, HEAD");
}

TEST_F(HttpTest, OtherNamesForTheLoopbackAreRefused) {
  start();
  auto client = connect();
  const auto ask = [&](std::string_view host) {
    return client.request(fmt::format("GET /v1/topics HTTP/1.1\r\nHost: {}\r\n\r\n", host)).status;
  };
  for (const auto host : {"localhost", "localhost:8080", "127.0.0.1:1", "[::1]:80", "LOCALHOST",
                          "a.localhost", "127.1.2.3"}) {
    EXPECT_EQ(ask(host), 200) << host;
  }
  for (const auto host : {"evil.example", "evil.example:8080", "localhost.evil.example", "10.0.0.1",
                          "0.0.0.0", "notlocalhost", ""}) {
    EXPECT_EQ(ask(host), 403) << host;
  }
}

TEST_F(HttpTest, HostsThatWereNamedAreAllowed) {
  options_.hosts = {"leat.example.org"};
  start();
  EXPECT_EQ(
      connect().request("GET /v1/topics HTTP/1.1\r\nHost: Leat.example.org:80\r\n\r\n").status,
      200);
}

TEST_F(HttpTest, PagesOfOtherSitesChangeNothing) {
  start();
  auto client = connect();
  const auto with = [&](std::string_view header) {
    const auto headers = fmt::format("Content-Type: application/json\r\n{}\r\n", header);
    return client.post("/v1/topics/readings/records", "1", headers).status;
  };
  EXPECT_EQ(with("Origin: http://evil.example"), 403);
  EXPECT_EQ(with("Origin: http://localhost.evil.example"), 403);
  EXPECT_EQ(with("Origin: null"), 403);
  EXPECT_EQ(with("Origin: http://localhost:1"), 403);
  EXPECT_EQ(with("Sec-Fetch-Site: cross-site"), 403);
  EXPECT_TRUE(engine_.records("readings").empty());
  EXPECT_EQ(with("Origin: http://localhost"), 200);
  EXPECT_EQ(with("Sec-Fetch-Site: same-origin"), 200);
  const auto response = client.get("/v1/topics", "Origin: http://evil.example\r\n");
  EXPECT_EQ(response.header("access-control-allow-origin"), "");
}

TEST_F(HttpTest, OnlyLoopbackWithoutAWord) {
  options_.host = "0.0.0.0";
  options_.port = 0;
  const auto refused = Server::start(engine_, options_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "remote-listener");
  options_.allow_remote = true;
  start();
  EXPECT_EQ(connect().request("GET /healthz HTTP/1.1\r\nHost: any.example\r\n\r\n").status, 200);
}

TEST_F(HttpTest, APortInUseIsNamedWithTheRemedy) {
  start();
  ServerOptions second = options_;
  second.port = server_->port();
  const auto refused = Server::start(engine_, second);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "address-in-use");
  EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(second.port)));
  EXPECT_THAT(refused.error().message, HasSubstr("--listen"));
  second.host = "no-such-host.invalid";
  EXPECT_EQ(Server::start(engine_, second).error().code, "unknown-host");
}

TEST_F(HttpTest, StoppingAnswersWhatIsUnderWay) {
  start();
  engine_.hold_pushes();
  auto client = connect();
  client.send(std::string(push) + "Host: localhost\r\nContent-Length: 1\r\n\r\n7");
  engine_.wait_for_push_calls(1);
  auto idle = connect();
  EXPECT_EQ(idle.get("/healthz").status, 200);
  std::thread stopping([&] { server_->stop(std::chrono::seconds(20)); });
  EXPECT_TRUE(idle.closed());
  engine_.release_pushes();
  EXPECT_EQ(client.read().status, 200);
  stopping.join();
  EXPECT_EQ(engine_.records("readings").size(), 1u);
}

TEST_F(HttpTest, StoppingWaitsForNoQueryAndNoSlowClient) {
  options_.limits.query_time_max = std::chrono::minutes(5);
  options_.limits.stream_wait_max = std::chrono::minutes(5);
  engine_.add_view("wide", "SELECT repeat('x', 1000) AS x FROM range(10000)");
  start();
  std::vector<TestClient> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(connect());
    // More of both than there are threads.
    clients.back().send(
        i % 2 == 0 ? "GET /v1/views/wide?limit=10000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                   : "GET /v1/sql?query=SELECT+count(*)+FROM+range(10000000)+a,range(10000000)+b "
                     "HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  EXPECT_EQ(connect().get("/healthz").status, 200);
  const auto begin = std::chrono::steady_clock::now();
  server_->stop(std::chrono::milliseconds(100));
  // Far from the limits of a query and of a slow client, and from what a slow machine needs.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::minutes(1));
}

TEST_F(HttpTest, ThePageHasAStrictPolicy) {
  start();
  auto client = connect();
  const auto page = client.get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.header("content-type"), StartsWith("text/html"));
  EXPECT_THAT(page.header("content-security-policy"), HasSubstr("frame-ancestors 'none'"));
  EXPECT_EQ(page.header("content-security-policy").find("unsafe"), std::string::npos);
  EXPECT_EQ(page.header("x-content-type-options"), "nosniff");
  EXPECT_EQ(page.header("referrer-policy"), "no-referrer");
  EXPECT_EQ(page.header("cache-control"), "no-cache");
  const auto unchanged = client.get("/", "If-None-Match: " + page.header("etag") + "\r\n");
  EXPECT_EQ(unchanged.status, 304);
  EXPECT_EQ(client.get("/some/view").body, page.body);
  EXPECT_EQ(client.get("/assets/none-1234.js").status, 404);
  EXPECT_EQ(client.get("/../../etc/passwd.txt").status, 404);
  const auto zipped = client.get("/", "Accept-Encoding: br, gzip\r\n");
  EXPECT_EQ(zipped.header("content-encoding"), "gzip");
  EXPECT_THAT(zipped.body, StartsWith("\x1f\x8b"));
}

}  // namespace
}  // namespace leat::server
