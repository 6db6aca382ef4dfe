// The sink against servers that are dead, frozen, cut off, closed to it, or not whom they should
// be.
#include <future>

#include "base/test_patience.h"
#include "connector/mongodb/mongodb_fixture.h"

namespace leat::connector::mongodb {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;
using testing::Not;

std::int64_t ms_since(steady_clock::time_point begin) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin).count();
}

class MongodbOutageTest : public testing::Test, public SinkFeed {
 protected:
  MongodbOutageTest() { reads("SELECT 1::BIGINT AS id"); }

  std::unique_ptr<Sink> make(const std::string& uri, bool transactions = false) {
    Settings settings = default_settings(mongodb_sink_spec());
    settings.set("uri", uri);
    settings.set("collection", std::string("test.out"));
    settings.set("timeout", timeout_ms_);
    settings.set("transactions", transactions);
    for (const auto& [name, value] : set_) settings.set(name, value);
    auto sink = make_mongodb_sink(input, settings, {});
    EXPECT_TRUE(sink) << sink.error().message;
    return std::move(*sink);
  }
  SinkBatch thousand(std::int64_t number) {
    return rows(fmt::format("SELECT range + {} FROM range(1000)", number * 1000), number * 1000);
  }
  /// As the engine does it: opens and writes until it is done.
  void deliver(Sink& sink, const SinkBatch& batch, bool& open) {
    const auto begin = steady_clock::now();
    for (; ms_since(begin) < 40'000; std::this_thread::sleep_for(milliseconds(100))) {
      if (!open) {
        const auto position = sink.open({});
        open = position.has_value();
        if (!open) {
          ASSERT_TRUE(position.error().retryable) << position.error().message;
          newest_error_ = position.error().message;
        }
        // What the system has already is not written again.
        if (open && *position == batch.position) return;
      }
      if (!open) continue;
      const auto refused = sink.write(batch, {});
      if (refused) {
        EXPECT_THAT(reasons(*refused), testing::IsEmpty());
        return;
      }
      ASSERT_TRUE(refused.error().retryable) << refused.error().message;
      newest_error_ = refused.error().message;
      ++failures_;
      open = false;
    }
    FAIL() << "the server did not come back: " << newest_error_;
  }

  std::int64_t timeout_ms_ = 10'000;
  std::map<std::string, Settings::Value> set_;
  int failures_ = 0;
  std::string newest_error_;
};

TEST_F(MongodbOutageTest, NobodyThereIsAnOutageAndSaysWho) {
  const auto opened = make("mongodb://127.0.0.1:1/")->open({});
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().retryable);
  EXPECT_EQ(opened.error().code, "mongodb-unavailable");
  EXPECT_THAT(opened.error().message, HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(opened.error().message, HasSubstr("Connection refused"));
}

TEST_F(MongodbOutageTest, AServerThatIsKilledFrozenOrCutOffDelaysAndLosesNothing) {
  LEAT_NEED_SERVER(server, "mongodb");
  timeout_ms_ = 1000;
  for (const bool transactions : {false, true}) {
    auto sink = make(server.text("uri"), transactions);
    bool open = false;
    const std::int64_t first = transactions ? 100 : 0;
    ASSERT_NO_FATAL_FAILURE(deliver(*sink, thousand(first), open));
    std::vector<std::pair<std::string, std::string>> faults = {
        {"kill", "restart"}, {"freeze", "thaw"}, {"cut", "mend"}, {"stall", "mend"}};
    if (transactions) faults.resize(2);
    for (std::size_t i = 0; i < faults.size(); ++i) {
      SCOPED_TRACE(faults[i].first + (transactions ? " with transactions" : ""));
      failures_ = 0;
      ASSERT_EQ(server.command(faults[i].first), "ok");
      auto healed = std::async(std::launch::async, [&] {
        std::this_thread::sleep_for(milliseconds(1500));
        return server.command(faults[i].second);
      });
      ASSERT_NO_FATAL_FAILURE(
          deliver(*sink, thousand(first + 1 + static_cast<std::int64_t>(i)), open));
      EXPECT_EQ(healed.get(), "ok");
      EXPECT_GE(failures_, 1) << faults[i].first;
    }
  }
  EXPECT_EQ(Onlooker(server.text("uri")).count("out"), 8000);
}

TEST_F(MongodbOutageTest, AServerThatIsGoneWhenItIsLookedAtIsAnOutage) {
  LEAT_NEED_SERVER(server, "mongodb");
  // As often as libmongoc allows.
  auto sink = make(server.text("uri") + "&heartbeatFrequencyMS=500");
  bool open = false;
  ASSERT_NO_FATAL_FAILURE(deliver(*sink, thousand(0), open));
  ASSERT_EQ(server.command("kill"), "ok");
  std::this_thread::sleep_for(milliseconds(600));
  const auto written = sink->write(thousand(1), {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, "mongodb-unavailable");
  EXPECT_THAT(written.error().message, HasSubstr("Connection refused"));
}

TEST_F(MongodbOutageTest, StopEndsEveryWait) {
  LEAT_NEED_SERVER(server, "mongodb");
  timeout_ms_ = 60'000;
  const std::int64_t stop_ms_max = patience(milliseconds(2000)).count();
  const auto stopped_in_ms = [](auto call) {
    std::stop_source stop;
    auto answer = std::async(std::launch::async, [&] { return call(stop.get_token()); });
    std::this_thread::sleep_for(milliseconds(300));
    const auto begin = steady_clock::now();
    stop.request_stop();
    const auto answered = answer.get();
    EXPECT_FALSE(answered);
    return ms_since(begin);
  };
  auto sink = make(server.text("uri"));
  ASSERT_TRUE(sink->open({}));
  ASSERT_EQ(server.command("freeze"), "ok");
  EXPECT_LT(stopped_in_ms([&](std::stop_token stop) { return sink->write(thousand(0), stop); }),
            stop_ms_max);
  // While it looks for a server that takes connections and says nothing.
  EXPECT_LT(stopped_in_ms([&](std::stop_token stop) { return sink->open(stop); }), stop_ms_max);
  const auto begin = steady_clock::now();
  sink.reset();
  EXPECT_LT(ms_since(begin), stop_ms_max);
  ASSERT_EQ(server.command("thaw"), "ok");
  // An address that swallows all packets.
  auto nowhere = make("mongodb://192.0.2.1:27017/");
  EXPECT_LT(stopped_in_ms([&](std::stop_token stop) { return nowhere->open(stop); }), stop_ms_max);
}

TEST_F(MongodbOutageTest, AWriteEndsWithItsTimeout) {
  LEAT_NEED_SERVER(server, "mongodb");
  timeout_ms_ = 1000;
  auto sink = make(server.text("uri"));
  ASSERT_TRUE(sink->open({}));
  ASSERT_EQ(server.command("freeze"), "ok");
  const auto begin = steady_clock::now();
  const auto written = sink->write(thousand(0), {});
  EXPECT_LT(ms_since(begin), patience(milliseconds(4000)).count());
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().retryable);
  EXPECT_THAT(written.error().message, HasSubstr("timeout"));
  ASSERT_EQ(server.command("thaw"), "ok");
}

TEST_F(MongodbOutageTest, APrimaryThatDiesUnderLoadLosesAndDoublesNothing) {
  LEAT_NEED_SERVER(server, "mongodb", {"--nodes", "3"});
  for (const bool transactions : {false, true}) {
    auto sink = make(server.text("uri"), transactions);
    bool open = false;
    const std::int64_t first = transactions ? 100 : 0;
    const std::string primary = server.command("primary").substr(sizeof("ok"));
    auto killed = std::async(std::launch::async, [&] {
      std::this_thread::sleep_for(milliseconds(400));
      return server.command("kill " + primary);
    });
    for (std::int64_t number = first; number < first + 40; ++number) {
      ASSERT_NO_FATAL_FAILURE(deliver(*sink, thousand(number), open));
    }
    EXPECT_EQ(killed.get(), "ok");
    EXPECT_EQ(server.command("restart " + primary), "ok");
    Onlooker onlooker(server.text("uri"));
    EXPECT_EQ(onlooker.count("out"), transactions ? 80'000 : 40'000);
    EXPECT_THAT(onlooker.run(R"({"aggregate": "out", "cursor": {}, "pipeline": [
                    {"$group": {"_id": "$id"}}, {"$count": "n"}]})"),
                HasSubstr(transactions ? "\"n\" : 80000" : "\"n\" : 40000"));
  }
}

TEST_F(MongodbOutageTest, AWrongPasswordIsTheUsersToMend) {
  LEAT_NEED_SERVER(server, "mongodb", {"--auth"});
  std::string uri = server.text("uri");
  const std::size_t at = uri.find('@');
  const auto wrong =
      make("mongodb://" + server.text("user") + ":s3cret-wrong" + uri.substr(at))->open({});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "mongodb-auth");
  EXPECT_FALSE(wrong.error().retryable);
  EXPECT_THAT(wrong.error().message, HasSubstr("Authentication failed"));
  EXPECT_THAT(wrong.error().message, Not(HasSubstr("s3cret")));

  const std::string nobody = "mongodb://" + uri.substr(at + 1);
  const auto unsigned_in = make(nobody)->open({});
  ASSERT_FALSE(unsigned_in);
  EXPECT_EQ(unsigned_in.error().code, "mongodb-not-allowed");
  set_["user"] = server.text("user");
  set_["password"] = server.text("password");
  EXPECT_TRUE(make(nobody)->open({}));
  set_.clear();

  const auto guest = make(server.text("guest_uri"))->open({});
  ASSERT_FALSE(guest);
  EXPECT_EQ(guest.error().code, "mongodb-not-allowed");
  EXPECT_THAT(guest.error().message, HasSubstr("not authorized"));
}

TEST_F(MongodbOutageTest, TlsIsVerifiedBothWays) {
  LEAT_NEED_SERVER(server, "mongodb", {"--auth", "--mutual-tls"});
  std::string uri = server.text("uri");
  uri.resize(uri.find("&tls=true"));
  const auto open_with = [&](const std::string& ca, bool certificate) {
    Settings tls;
    tls.set("ca", ca);
    tls.set("cert", certificate ? server.text("client_certificate") : "");
    tls.set("key", certificate ? server.text("client_key") : "");
    set_["tls"] = tls;
    return make(uri)->open({});
  };
  const auto whole = open_with(server.text("ca_file"), true);
  EXPECT_TRUE(whole) << whole.error().message;
  set_.clear();
  EXPECT_TRUE(make(server.text("uri"))->open({}));

  const auto unknown = open_with(server.text("client_certificate"), true);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, "mongodb-tls");
  EXPECT_FALSE(unknown.error().retryable);
  EXPECT_THAT(unknown.error().message, HasSubstr("certificate verify failed"));

  EXPECT_FALSE(open_with(server.text("ca_file"), false)) << "no certificate of ours";
  set_.clear();
  EXPECT_FALSE(make(uri)->open({})) << "no TLS at all";
}

}  // namespace
}  // namespace leat::connector::mongodb
