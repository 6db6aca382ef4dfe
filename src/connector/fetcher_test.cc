#include "connector/fetcher.h"

#include <netdb.h>
#include <zlib.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/address.h"
#include "connector/raw_server_test.h"

namespace leat::connector {
namespace {

std::optional<std::string> nothing_set(std::string_view) { return std::nullopt; }

class FetcherTest : public testing::Test {
 protected:
  FetcherTest() { options_.allowed.loopback = true; }
  Result<FetchResponse> fetch(const std::string& url, std::stop_token stop = {}) {
    FetchRequest request;
    request.url = *parse_url(url);
    request.home = request.url;
    request.header = {{"Authorization", "Bearer canary"}};
    return Fetcher(options_, environment_).fetch(request, stop);
  }
  std::string code_of(const std::string& url) {
    const auto response = fetch(url);
    if (response) return fmt::format("answered {}", response->status);
    EXPECT_THAT(response.error().message, testing::Not(testing::HasSubstr("canary")));
    return response.error().code;
  }
  static RawServer::Answer says(std::string text) {
    return [text](int connection, const std::string&) { RawServer::send_text(connection, text); };
  }
  static RawServer::Answer repeats(std::string head, std::string text) {
    return [head, text](int connection, const std::string&) {
      if (!RawServer::send_text(connection, head)) return;
      while (RawServer::send_text(connection, text)) {
      }
    };
  }
  static std::string redirect(const std::string& target) {
    return "HTTP/1.1 302 Found\r\nLocation: " + target + "\r\nContent-Length: 0\r\n\r\n";
  }

  FetchOptions options_;
  Environment environment_ = nothing_set;
};

TEST_F(FetcherTest, BringsAnAnswerWithWhatMatters) {
  const RawServer server(
      says("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nLink: <a>; rel=next\r\n"
           "Link: <b>; rel=prev\r\nContent-Length: 3\r\n\r\nyes"));
  const auto response = fetch(server.url("/x?key=canary"));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(response->body, "yes");
  EXPECT_EQ(response->link, "<a>; rel=next, <b>; rel=prev");
  EXPECT_EQ(response->retry_after_ms, 7000);
}

TEST_F(FetcherTest, UnderstandsRetryAfterAsADate) {
  const RawServer server(
      says("HTTP/1.1 429 Slow\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n"
           "Content-Length: 0\r\n\r\n"));
  EXPECT_EQ(fetch(server.url())->retry_after_ms, 0);
}

TEST_F(FetcherTest, EndlessHeadersAreCutOff) {
  const RawServer server(
      repeats("HTTP/1.1 200 OK\r\n", "X-More: " + std::string(900, 'x') + "\r\n"));
  EXPECT_EQ(code_of(server.url()), "response-too-large");
}

TEST_F(FetcherTest, EndlessBodiesAreCutOff) {
  options_.response_bytes_max = 1 << 20;
  const RawServer server(repeats("HTTP/1.1 200 OK\r\n\r\n", std::string(8192, 'x')));
  EXPECT_EQ(code_of(server.url()), "response-too-large");
}

TEST_F(FetcherTest, CompressionBombsAreCutOff) {
  options_.response_bytes_max = 1 << 20;
  const std::string zeros(64 << 20, '\0');
  std::string bomb(200'000, '\0');
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
  stream.avail_in = static_cast<uInt>(zeros.size());
  stream.next_out = reinterpret_cast<Bytef*>(bomb.data());
  stream.avail_out = static_cast<uInt>(bomb.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  bomb.resize(stream.total_out);
  deflateEnd(&stream);
  const RawServer server(says(fmt::format("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                                          "Content-Length: {}\r\n\r\n",
                                          bomb.size()) +
                              bomb));
  EXPECT_EQ(code_of(server.url()), "response-too-large");
}

TEST_F(FetcherTest, SlowDripsTimeOut) {
  options_.timeout_ms = 200;
  const RawServer server([](int connection, const std::string&) {
    RawServer::send_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (RawServer::send_text(connection, "x")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  EXPECT_EQ(code_of(server.url()), "timed-out");
}

TEST_F(FetcherTest, RedirectsToInnerAddressesAreRefused) {
  for (const char* target :
       {"http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[fe80::1]/",
        "http://[::ffff:192.168.0.1]/", "http://0.0.0.0/", "http://0xa9fea9fe/"}) {
    const RawServer server(says(redirect(target)));
    EXPECT_EQ(code_of(server.url()), "address-refused") << target;
  }
}

TEST_F(FetcherTest, RedirectsElsewhereAreRefused) {
  for (const char* target : {"file:///etc/passwd", "ftp://example.com/", "gopher://x/"}) {
    const RawServer server(says(redirect(target)));
    EXPECT_THAT(code_of(server.url()), testing::AnyOf("redirect-refused", "answered 302"))
        << target;
  }
}

TEST_F(FetcherTest, RedirectLoopsEnd) {
  options_.redirects_max = 3;
  const RawServer server(says(redirect("/again")));
  EXPECT_EQ(code_of(server.url()), "redirect-refused");
  EXPECT_EQ(server.connections(), 4);
}

TEST_F(FetcherTest, HeadersStayAtHome) {
  std::string seen;
  const RawServer other([&seen](int connection, const std::string& request) {
    seen = request;
    RawServer::send_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
  });
  std::string at_home;
  const RawServer home([&](int connection, const std::string& request) {
    at_home = request;
    RawServer::send_text(connection, redirect(other.url("/there")));
  });
  EXPECT_EQ(code_of(home.url()), "answered 200");
  EXPECT_THAT(at_home, testing::HasSubstr("Authorization: Bearer canary"));
  EXPECT_THAT(seen, testing::HasSubstr("GET /there"));
  EXPECT_THAT(seen, testing::Not(testing::HasSubstr("canary")));
}

TEST_F(FetcherTest, LoopbackIsRefusedUnlessAllowed) {
  options_.allowed.loopback = false;
  const RawServer server(says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(code_of(server.url()), "address-refused");
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(FetcherTest, NamesAreCheckedByTheAddressTheyLeadTo) {
  options_.allowed.loopback = false;
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  addrinfo* found = nullptr;
  if (reach_of_literal(name) != Reach::open || getaddrinfo(name, nullptr, nullptr, &found) != 0) {
    GTEST_SKIP() << "this machine's name leads nowhere";
  }
  const bool inside = reach_of(*found->ai_addr) != Reach::open;
  freeaddrinfo(found);
  if (!inside) GTEST_SKIP() << "this machine's name leads to a public address";
  EXPECT_EQ(code_of(fmt::format("http://{}:9/", name)), "address-refused");
}

TEST_F(FetcherTest, StopEndsARequestAtOnce) {
  const RawServer server([](int connection, const std::string&) {
    char byte;
    (void)recv(connection, &byte, 1, 0);  // until the client goes away
  });
  std::stop_source stop;
  std::thread later([&] {
    while (server.connections() == 0) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_EQ(fetch(server.url(), stop.get_token()).error().code, "stopped");
  later.join();
}

TEST_F(FetcherTest, ProxiesComeFromTheEnvironmentAndLiteralsAreStillChecked) {
  std::string asked;
  const RawServer proxy([&](int connection, const std::string& request) {
    asked = request;
    RawServer::send_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  environment_ = [&](std::string_view name) -> std::optional<std::string> {
    if (name == "http_proxy") return proxy.url();
    return std::nullopt;
  };
  EXPECT_EQ(code_of("http://example.com/x"), "answered 200");
  EXPECT_THAT(asked, testing::StartsWith("GET http://example.com/x HTTP/1.1"));
  EXPECT_EQ(code_of("http://10.1.2.3/x"), "address-refused");
}

TEST(Proxy, IsChosenAsTheEnvironmentSays) {
  const Environment environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "https_proxy") return "http://p:1";
    if (name == "HTTP_PROXY") return "http://not-this:1";
    if (name == "no_proxy") return "internal.example, .corp";
    return std::nullopt;
  };
  const auto proxy = [&](const char* url) { return proxy_for(*parse_url(url), environment); };
  EXPECT_EQ(proxy("https://a.example/"), "http://p:1");
  EXPECT_EQ(proxy("http://a.example/"), "");
  EXPECT_EQ(proxy("https://x.internal.example/"), "");
  EXPECT_EQ(proxy("https://db.corp/"), "");
  EXPECT_EQ(proxy("https://xinternal.example/"), "http://p:1");
  EXPECT_EQ(proxy("https://localhost/"), "");
}

TEST(Address, ReachIsTold) {
  using enum Reach;
  const std::pair<const char*, Reach> cases[] = {{"127.0.0.1", loopback},
                                                 {"127.9.9.9", loopback},
                                                 {"localhost", loopback},
                                                 {"LOCALHOST.", loopback},
                                                 {"[::1]", loopback},
                                                 {"127.1", loopback},
                                                 {"2130706433", loopback},
                                                 {"[::ffff:127.0.0.1]", loopback},
                                                 {"0.0.0.0", internal},
                                                 {"10.0.0.1", internal},
                                                 {"172.16.0.1", internal},
                                                 {"172.32.0.1", open},
                                                 {"192.168.1.1", internal},
                                                 {"169.254.169.254", internal},
                                                 {"100.64.0.1", internal},
                                                 {"100.128.0.1", open},
                                                 {"224.0.0.1", internal},
                                                 {"255.255.255.255", internal},
                                                 {"198.18.0.1", internal},
                                                 {"8.8.8.8", open},
                                                 {"[::]", internal},
                                                 {"[fe80::1]", internal},
                                                 {"[fc00::1]", internal},
                                                 {"[fd12::1]", internal},
                                                 {"[ff02::1]", internal},
                                                 {"[2001:db8::1]", internal},
                                                 {"[2001::1]", internal},
                                                 {"[64:ff9b::a00:1]", internal},
                                                 {"[64:ff9b::808:808]", open},
                                                 {"[2002:a00:1::]", internal},
                                                 {"[2002:7f00:1::]", loopback},
                                                 {"[::a00:1]", internal},
                                                 {"[2606:4700::1111]", open},
                                                 {"example.com", open},
                                                 {"[4000::1]", internal}};
  for (const auto& [host, expected] : cases) {
    EXPECT_EQ(reach_of_literal(host), expected) << host;
  }
}

TEST(Url, PartsAndParameters) {
  const Url url = *parse_url("HTTP://User:pw@Example.COM:8080/a b?key=secret#part");
  EXPECT_EQ(url.host, "example.com");
  EXPECT_EQ(url.port, 8080);
  EXPECT_THAT(url.without_secrets(), testing::AllOf(testing::HasSubstr(":8080/a%20b"),
                                                    testing::Not(testing::HasSubstr("secret")),
                                                    testing::Not(testing::HasSubstr("pw"))));
  EXPECT_EQ(parse_url("https://example.com/")->port, 443);
  EXPECT_FALSE(parse_url("ftp://example.com/").has_value());
  EXPECT_FALSE(parse_url("").has_value());
  EXPECT_EQ(with_parameter("http://x/?a=1&page=2&b", "page", "3"), "http://x/?a=1&b&page=3");
  EXPECT_EQ(with_parameter("http://x/", "c", "a b&c"), "http://x/?c=a%20b%26c");
  EXPECT_EQ(resolve_url(*parse_url("http://x/a/b?c=1"), "../d?e")->text, "http://x/d?e");
}

TEST(Url, LinkHeader) {
  EXPECT_EQ(next_link(R"(<http://x/1>; rel="prev", <http://x/3,4>; title="a,b"; REL=Next)"),
            "http://x/3,4");
  EXPECT_EQ(next_link(R"(<u>; rel="last next")"), "u");
  EXPECT_EQ(next_link(R"(<u>; rel="nextish")"), "");
  EXPECT_EQ(next_link("nonsense <"), "");
}

}  // namespace
}  // namespace leat::connector
