// The HTTP source against the look-alike of the random-user API: both ends of one wire, which is
// why this test stands above the two folders.
#include "connector/http/http_source.h"

#include <condition_variable>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/default_settings_test.h"
#include "connector/fetcher.h"
#include "connector/http/spec.h"
#include "connector/random_user/mock_server.h"

namespace leat::connector {
namespace {

using testing::HasSubstr;

class Topic final : public RecordWriter {
 public:
  Status append(std::span<const Entry> entries) override {
    std::lock_guard lock(mutex_);
    if (failures_to_come_ > 0) {
      --failures_to_come_;
      return transient_error("disk-full", "no room");
    }
    for (const Entry& entry : entries) {
      if (entry.value.size() > record_bytes_max_)
        return user_error("record-too-large", "too large");
    }
    for (const Entry& entry : entries) records_.emplace_back(entry.value);
    return {};
  }
  Status append(std::span<const Entry>, std::string_view) override {
    return internal_error("no-position", "an HTTP source has no position");
  }
  Result<std::optional<std::string>> position() override { return std::nullopt; }
  std::mutex mutex_;
  std::vector<std::string> records_;
  int failures_to_come_ = 0;
  std::size_t record_bytes_max_ = SIZE_MAX;
};

class HttpSourceTest : public testing::Test {
 protected:
  HttpSourceTest() {
    settings_.set("every", std::int64_t{10});
    settings_.set("records", std::string("/results"));
    settings_.set("pulls_max", std::int64_t{1});
    Settings backoff;
    backoff.set("first", std::int64_t{1});
    backoff.set("max", std::int64_t{5});
    backoff.set("retry_after_max", std::int64_t{20});
    settings_.set("backoff", backoff);
  }
  void serve(std::vector<std::string> faults = {}, double rate = 0) {
    MockServerOptions options{.listen = "127.0.0.1:0", .rate = rate, .seed = "test"};
    for (const std::string& fault : faults) options.faults.push_back(*parse_mock_fault(fault));
    auto server = MockServer::start(std::move(options));
    ASSERT_TRUE(server.has_value()) << server.error().message;
    server_ = std::move(*server);
  }
  void pull(const std::string& target, std::int64_t pulls = 1) {
    settings_.set("url", server_->origin() + target);
    settings_.set("pulls_max", pulls);
    auto source = make_http_source(settings_, {});
    ASSERT_TRUE(source.has_value()) << source.error().message;
    const Status ended = (*source)->run({}, topic_, status_);
    ASSERT_TRUE(ended) << ended.error().message;
  }
  void page_by(const std::string& kind, const std::string& at = "") {
    Settings paging;
    paging.set("kind", kind);
    paging.set("at", at);
    paging.set("first", std::int64_t{1});
    paging.set("pages_max", std::int64_t{10});
    settings_.set("paging", paging);
  }

  std::unique_ptr<MockServer> server_;
  Settings settings_ = default_settings(http_source_spec());
  Topic topic_;
  SourceStatus status_;
};

TEST_F(HttpSourceTest, TakesEachElementAsOneRecord) {
  serve();
  pull("/api/?results=50&seed=a");
  ASSERT_EQ(topic_.records_.size(), 50u);
  EXPECT_THAT(topic_.records_[49], testing::StartsWith("{\"gender\":"));
  EXPECT_EQ(status_.records, 50u);
  EXPECT_EQ(status_.attempts, 1u);
  EXPECT_EQ(status_.failures, 0u);
  EXPECT_EQ(status_.state(), "ended");
}

TEST_F(HttpSourceTest, PullsAgainAndAgain) {
  serve();
  pull("/api/?results=2", 3);
  EXPECT_EQ(topic_.records_.size(), 6u);
  EXPECT_NE(topic_.records_[0], topic_.records_[2]);
}

TEST_F(HttpSourceTest, TriesAgainWhenTheServerStumbles) {
  for (const char* fault : {"status:500@2", "status:429@2", "malformed@2", "cut@2"}) {
    topic_.records_.clear();
    serve({fault});
    pull("/api/?results=20", 2);
    EXPECT_EQ(topic_.records_.size(), 40u) << fault;
    EXPECT_EQ(status_.last_error(), "") << fault;
  }
  EXPECT_EQ(status_.retries, 4u);
  EXPECT_EQ(status_.failures, 0u);
}

TEST_F(HttpSourceTest, GivesAPullUpAndGoesOnWithTheNext) {
  settings_.set("retries", std::int64_t{2});
  serve({"status:503"});
  pull("/api/", 2);
  EXPECT_EQ(server_->requests(), 6u);
  EXPECT_EQ(status_.failures, 2u);
  EXPECT_THAT(status_.last_error(), HasSubstr("answered 503"));
}

TEST_F(HttpSourceTest, DoesNotRepeatWhatWasRefused) {
  serve({"status:403"});
  pull("/api/?key=canary");
  EXPECT_EQ(server_->requests(), 1u);
  EXPECT_THAT(status_.last_error(), HasSubstr("answered 403"));
  EXPECT_THAT(status_.last_error(), testing::Not(HasSubstr("canary")));
}

TEST_F(HttpSourceTest, ShowsTheBeginningOfAnAnswerOfAnotherShape) {
  settings_.set("retries", std::int64_t{0});
  settings_.set("records", std::string("/users"));
  serve();
  pull("/api/?inc=gender");
  EXPECT_EQ(status_.failures, 1u);
  EXPECT_THAT(status_.last_error(), HasSubstr("/users"));
  EXPECT_THAT(status_.last_error(), HasSubstr("{\"results\":["));
  EXPECT_TRUE(topic_.records_.empty());
}

TEST_F(HttpSourceTest, TakesEveryPage) {
  for (const auto& [kind, at] : {std::pair{"cursor", "/info/next"}, {"link", ""}, {"page", ""}}) {
    topic_.records_.clear();
    page_by(kind, at);
    serve();
    pull("/api/?results=5&pages=4&seed=s");
    EXPECT_EQ(topic_.records_.size(), 20u) << kind;
    std::ranges::sort(topic_.records_);
    EXPECT_EQ(std::ranges::unique(topic_.records_).size(), 0u) << kind;
  }
}

TEST_F(HttpSourceTest, WaitsForATopicThatHasNoRoom) {
  serve();
  topic_.failures_to_come_ = 2;
  pull("/api/?results=5");
  EXPECT_EQ(topic_.records_.size(), 5u);
  EXPECT_EQ(status_.retries, 2u);
}

TEST_F(HttpSourceTest, OneRecordThatTheTopicNeverTakesDoesNotKeepOthersOut) {
  serve();
  pull("/api/?results=20&seed=s");
  auto sizes = std::vector<std::size_t>();
  for (const std::string& record : topic_.records_) sizes.push_back(record.size());
  std::ranges::sort(sizes);
  topic_.record_bytes_max_ = sizes[18];
  topic_.records_.clear();
  pull("/api/?results=20&seed=s");
  EXPECT_GE(topic_.records_.size(), 18u);
  EXPECT_LT(topic_.records_.size(), 20u);
  EXPECT_GE(status_.failures, 1u);
}

TEST_F(HttpSourceTest, StopEndsAWaitAtOnce) {
  serve();
  settings_.set("url", server_->origin() + "/api/");
  settings_.set("every", std::int64_t{3'600'000});
  settings_.set("pulls_max", std::int64_t{0});
  auto source = *make_http_source(settings_, {});
  std::jthread running(
      [&](std::stop_token stop) { EXPECT_TRUE(source->run(stop, topic_, status_)); });
  while (status_.state() != "waiting") std::this_thread::yield();
  running.request_stop();
  running.join();
  EXPECT_EQ(status_.state(), "ended");
}

TEST_F(HttpSourceTest, PrivateAddressesAreForbiddenWhenTheFileSaysSo) {
  serve();
  settings_.set("allow_private", false);
  settings_.set("retries", std::int64_t{0});
  pull("/api/");
  EXPECT_THAT(status_.last_error(), HasSubstr("allow_private"));
  EXPECT_EQ(server_->requests(), 0u);
}

TEST_F(HttpSourceTest, RefusesImpossibleSettings) {
  const auto code = [&] { return make_http_source(settings_, {}).error().code; };
  settings_.set("url", std::string("ftp://x/"));
  EXPECT_EQ(code(), "bad-url");
  settings_.set("url", std::string("http://x/"));
  settings_.set("headers", std::map<std::string, std::string>{{"A", "canary\nb"}});
  EXPECT_EQ(code(), "bad-header");
  EXPECT_THAT(make_http_source(settings_, {}).error().message, testing::Not(HasSubstr("canary")));
  settings_.set("headers", std::map<std::string, std::string>{{"A b", "c"}});
  EXPECT_EQ(code(), "bad-header");
  settings_.set("headers", std::map<std::string, std::string>{});
  page_by("cursor");
  EXPECT_EQ(code(), "bad-paging");
}

class MockServerTest : public HttpSourceTest {
 protected:
  std::string get(const std::string& target) {
    FetchRequest request;
    request.url = *parse_url(server_->origin() + target);
    request.home = request.url;
    const auto response = Fetcher({.allowed = {.loopback = true}}).fetch(request, {});
    EXPECT_TRUE(response) << response.error().message;
    return response ? fmt::format("{} {}", response->status, response->body) : "";
  }
};

TEST_F(MockServerTest, RepeatsASeedAndPages) {
  serve();
  EXPECT_EQ(get("/api/?seed=x&results=3"), get("/api/1.4/?seed=x&results=3"));
  EXPECT_NE(get("/api/?seed=x&results=3"), get("/api/?seed=x&results=3&page=2"));
  EXPECT_NE(get("/api/"), get("/api/"));
  EXPECT_THAT(get("/api/?seed=x&results=2&page=3&inc=nat&nat=de"),
              HasSubstr(R"({"results":[{"nat":"DE"},{"nat":"DE"}],"info":{"seed":"x","results":2,)"
                        R"("page":3,"version":"1.4"}})"));
}

TEST_F(MockServerTest, ExplainsBadRequests) {
  serve();
  for (const char* target :
       {"/api/?results=5001", "/api/?results=0", "/api/?results=x", "/api/?gender=other",
        "/api/?nat=XX", "/api/?inc=nonsense", "/api/?page=-1", "/api/?cursor=3"}) {
    EXPECT_THAT(get(target), testing::StartsWith("400 {\"error\":\"")) << target;
  }
  EXPECT_THAT(get("/other"), testing::StartsWith("404 {\"error\":\""));
}

TEST_F(MockServerTest, KeepsToItsRate) {
  serve({}, 0.001);
  EXPECT_THAT(get("/api/"), testing::StartsWith("200"));
  EXPECT_THAT(get("/api/"), testing::StartsWith("429"));
}

TEST_F(MockServerTest, RefusesAPortInUse) {
  serve();
  MockServerOptions options{.listen = fmt::format("127.0.0.1:{}", server_->port())};
  EXPECT_EQ(MockServer::start(options).error().code, "port-in-use");
  options.listen = "nowhere";
  EXPECT_EQ(MockServer::start(options).error().code, "bad-address");
}

TEST(MockFault, IsWrittenAsDocumented) {
  EXPECT_EQ(parse_mock_fault("slow:2s")->delay, std::chrono::seconds(2));
  EXPECT_EQ(parse_mock_fault("status:503@3")->every, 3u);
  EXPECT_TRUE(parse_mock_fault("cut@3")->hits(6));
  EXPECT_FALSE(parse_mock_fault("cut@3")->hits(7));
  const MockFault chance = *parse_mock_fault("malformed%25");
  int hits = 0;
  for (std::uint64_t i = 0; i < 4000; ++i) hits += chance.hits(i);
  EXPECT_NEAR(hits, 1000, 150);
  for (const char* bad :
       {"", "slow", "slow:2", "status:200", "status:5x", "cut@0", "cut%101", "x"}) {
    EXPECT_EQ(parse_mock_fault(bad).error().code, "bad-fault") << bad;
  }
}

}  // namespace
}  // namespace leat::connector
