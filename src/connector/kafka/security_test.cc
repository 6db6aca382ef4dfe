#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/kafka/cluster_test_support.h"
#include "connector/kafka/kafka_sink.h"
#include "connector/kafka/kafka_source.h"
#include "format/encoder.h"

namespace leat::connector::kafka {
namespace {

using testing::HasSubstr;

/// A broker that wants to know who comes.
class SecuredCluster {
 public:
  explicit SecuredCluster(ServedServer& server) : cluster_(&server), server_(server) {}

  Settings sasl(const std::string& mechanism, const std::string& user,
                const std::string& password) {
    Settings sasl;
    sasl.set("mechanism", mechanism);
    sasl.set("user", user);
    sasl.set("password", password);
    return sasl;
  }
  Settings sasl(const std::string& mechanism) {
    return sasl(mechanism, server_.text("user"), server_.text("password"));
  }
  Settings tls() {
    Settings tls;
    tls.set("ca", server_.text("ca_file"));
    return tls;
  }
  Settings sink_settings() {
    Settings settings = cluster_.sink_settings("secured");
    settings.set("connect_timeout", std::int64_t{20'000});
    return settings;
  }
  /// Opens a sink and writes a row; the error's code, or "written".
  std::string write(const Settings& settings) {
    TestInput input("SELECT 1 AS id");
    auto sink = make_kafka_sink(input.input, settings, Context());
    if (!sink) return sink.error().code + ": " + sink.error().message;
    const auto opened = (*sink)->open({});
    if (!opened) return opened.error().code + ": " + opened.error().message;
    const auto written = (*sink)->write(input.batch(), {});
    return written ? "written" : written.error().code + ": " + written.error().message;
  }
  TestCluster& cluster() { return cluster_; }

 private:
  TestCluster cluster_;
  ServedServer& server_;
};

TEST(KafkaSecurity, SignsInByEachMechanism) {
  LEAT_NEED_SERVER(server, "kafka", {"--auth", "--tls"});
  SecuredCluster secured(server);
  Settings settings = secured.sink_settings();
  settings.set("tls", secured.tls());
  for (const std::string mechanism : {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}) {
    SCOPED_TRACE(mechanism);
    settings.set("sasl", secured.sasl(mechanism));
    EXPECT_EQ(secured.write(settings), "written");
    settings.set("sasl", secured.sasl(mechanism, server.text("user"), "wrong-secret"));
    const std::string refused = secured.write(settings);
    EXPECT_THAT(refused, testing::StartsWith("kafka-sign-in: "));
    EXPECT_THAT(refused, HasSubstr("uthentication failed"));
    EXPECT_THAT(refused, testing::Not(HasSubstr("wrong-secret")));
    // One who may sign in and do nothing more.
    settings.set("sasl",
                 secured.sasl(mechanism, server.text("guest_user"), server.text("guest_password")));
    EXPECT_THAT(secured.write(settings), testing::StartsWith("kafka-forbidden: "));
  }

  // The source says it at once, too.
  Settings reading = secured.cluster().source_settings("secured");
  reading.set("tls", secured.tls());
  reading.set("sasl", secured.sasl("SCRAM-SHA-512", "nobody", "wrong-secret"));
  auto source = *make_kafka_source(reading, Context());
  auto found = source->discover();
  const Deadline deadline({}, 30'000);
  while (found && !deadline.over()) found = source->discover();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, "kafka-sign-in");
  reading.set("sasl", secured.sasl("SCRAM-SHA-512"));
  const auto probed = (*make_kafka_source(reading, Context()))->probe({});
  ASSERT_TRUE(probed) << probed.error().message;
  EXPECT_THAT(**probed, HasSubstr("1 topics with 1 partitions"));
}

TEST(KafkaSecurity, VerifiesTheBrokersCertificate) {
  LEAT_NEED_SERVER(server, "kafka", {"--auth", "--tls"});
  SecuredCluster secured(server);
  Settings settings = secured.sink_settings();
  settings.set("sasl", secured.sasl("PLAIN"));
  settings.set("tls", Settings());
  const std::string refused = secured.write(settings);
  EXPECT_THAT(refused, testing::StartsWith("kafka-tls: "));
  EXPECT_THAT(refused, HasSubstr("certificate"));
  Settings careless;
  careless.set("verify", false);
  settings.set("tls", careless);
  EXPECT_EQ(secured.write(settings), "written");
}

TEST(KafkaSecurity, ShowsItsOwnCertificate) {
  LEAT_NEED_SERVER(server, "kafka", {"--tls", "--mutual-tls"});
  SecuredCluster secured(server);
  Settings settings = secured.sink_settings();
  settings.set("connect_timeout", std::int64_t{5000});
  settings.set("tls", secured.tls());
  EXPECT_THAT(secured.write(settings), testing::StartsWith("kafka-"));
  Settings tls = secured.tls();
  tls.set("cert", server.text("client_certificate"));
  settings.set("tls", tls);
  EXPECT_THAT(secured.write(settings), HasSubstr("give both"));
  tls.set("key", server.text("client_key"));
  settings.set("tls", tls);
  settings.set("connect_timeout", std::int64_t{20'000});
  EXPECT_EQ(secured.write(settings), "written");
}

/// An unsecured token, as brokers take them for tests: {"alg":"none"} and who one is.
std::string token_of(const std::string& user) {
  const auto part = [](const std::string& json) {
    std::string text;
    format::append_base64(json, text);
    while (text.ends_with('=')) text.pop_back();
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    return text;
  };
  const std::int64_t now = system_clock().now_ms() / 1000;
  return part(R"({"alg":"none"})") + "." +
         part(fmt::format(R"({{"sub":"{}","iat":{},"exp":{}}})", user, now - 10, now + 3600)) + ".";
}

TEST(KafkaSecurity, SignsInByAToken) {
  LEAT_NEED_SERVER(server, "kafka", {"--auth"});
  SecuredCluster secured(server);
  Settings settings = secured.sink_settings();
  Settings sasl;
  sasl.set("mechanism", std::string("OAUTHBEARER"));
  sasl.set("token", token_of(server.text("user")));
  settings.set("sasl", sasl);
  EXPECT_EQ(secured.write(settings), "written");

  const auto path =
      std::filesystem::temp_directory_path() / fmt::format("leat-kafka-token-{}", ::getpid());
  std::ofstream(path) << token_of(server.text("user")) << "\n";
  Settings from_file;
  from_file.set("mechanism", std::string("OAUTHBEARER"));
  from_file.set("token_file", path.string());
  settings.set("sasl", from_file);
  EXPECT_EQ(secured.write(settings), "written");

  settings.set("connect_timeout", std::int64_t{5000});
  std::ofstream(path) << "nonsense\n";
  const std::string refused = secured.write(settings);
  EXPECT_THAT(refused, testing::StartsWith("kafka-sign-in: "));
  std::filesystem::remove(path);
  EXPECT_THAT(secured.write(settings), testing::StartsWith("kafka-sign-in: "));
}

TEST(KafkaSecurity, SaysWhatSettingsLack) {
  TestInput input("SELECT 1 AS id");
  const auto error_of = [&](const Settings& sasl) {
    Settings settings = kafka::sink_settings();
    settings.set("sasl", sasl);
    const auto sink = make_kafka_sink(input.input, settings, Context());
    return sink ? "none" : sink.error().message;
  };
  Settings sasl;
  sasl.set("mechanism", std::string("PLAIN"));
  EXPECT_THAT(error_of(sasl), HasSubstr("wants `user` and `password`"));
  sasl.set("mechanism", std::string("OAUTHBEARER"));
  EXPECT_THAT(error_of(sasl), HasSubstr("`token`, `token_file` and `token_url`"));
  sasl.set("token_url", std::string("https://sign.in/token"));
  EXPECT_THAT(error_of(sasl), HasSubstr("`client_id`"));
  sasl.set("client_id", std::string("leat"));
  sasl.set("client_secret", std::string("secret"));
  EXPECT_EQ(error_of(sasl), "none");
  sasl.set("token", std::string("x"));
  EXPECT_THAT(error_of(sasl), HasSubstr("not several"));
}

}  // namespace
}  // namespace leat::connector::kafka
