#include <gmock/gmock.h>

#include "base/test_patience.h"
#include "connector/cassandra/cassandra_fixture.h"

namespace leat::connector::cql {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::SizeIs;

Time now_steady() { return std::chrono::steady_clock::now(); }

/// Drives the session until the condition holds; false: it did not within a minute.
template <class Condition>
bool drive_until(Session& session, Condition&& condition) {
  const Time end = now_steady() + patience(60s);
  while (!condition()) {
    if (now_steady() > end || !session.drive(now_steady() + 200ms)) return false;
  }
  return true;
}

/// Three nodes, each of which has every row.
class CqlCluster : public CassandraTest {
 protected:
  static void SetUpTestSuite() { CassandraTest::SetUpTestSuite("nodes", 3, {"--nodes", "3"}); }
};

TEST_F(CqlCluster, AllNodesAreFoundFromOne) {
  ClusterOptions one = options();
  one.hosts.resize(1);
  const auto session = connect(one);
  EXPECT_EQ(session->cluster().node_count(), 3U);
  EXPECT_TRUE(drive_until(*session, [&] { return session->cluster().ready() == 3; }));
}

TEST_F(CqlCluster, RowsGoToTheNodesThatOwnThem) {
  run("CREATE KEYSPACE once WITH replication = {'class': 'SimpleStrategy', "
      "'replication_factor': 1}");
  run("CREATE TABLE once.texts (id text PRIMARY KEY, text text)");
  const auto session = connect();
  ASSERT_TRUE(drive_until(*session, [&] { return session->cluster().ready() == 3; }));
  const auto insert = session->prepare("INSERT INTO once.texts (id, text) VALUES (?, ?)");
  ASSERT_TRUE(insert.has_value()) << insert.error().message;
  // The first node's token is the lowest there is: it owns what lies above the third one's.
  constexpr Token third_token = 3074457345618258602;
  Inserts inserts(*insert);
  for (int i = 0; i < 300; ++i) {
    if (token_of(std::to_string(i)) > third_token) inserts.add(std::to_string(i), "mine");
  }
  // Nobody but the owner can take them.
  ASSERT_EQ(server().command("freeze 2"), "ok");
  ASSERT_EQ(server().command("freeze 3"), "ok");
  inserts.run(*session);
  EXPECT_EQ(server().command("thaw 2"), "ok");
  EXPECT_EQ(server().command("thaw 3"), "ok");
  for (const Error& error : inserts.failures) EXPECT_EQ(error.message, "");
  EXPECT_GT(inserts.written, 50U);
  EXPECT_EQ(inserts.written, inserts.done());
}

TEST_F(CqlCluster, QuorumGoesOnWithoutANodeAndTheNodeComesBack) {
  SinkRowsFromSql rows_from;
  const std::string sql = "SELECT i::VARCHAR AS id, 'v' || i AS text FROM range({}, {}) t(i)";
  Settings wanted = settings("nodes.users");
  wanted.set("partition_key", std::vector<std::string>{"id"});
  wanted.set("consistency", std::string("quorum"));
  wanted.set("timeout", std::int64_t{3000});
  const auto sink =
      make_cassandra_sink(rows_from.stream("SELECT '' AS id, '' AS text"), wanted, {});
  ASSERT_TRUE(sink.has_value()) << sink.error().message;
  const auto opened = (*sink)->open({});
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  for (int batch = 0; batch < 30; ++batch) {
    if (batch == 10 || batch == 20) {
      ASSERT_EQ(server().command(batch == 10 ? "kill 2" : "restart 2"), "ok");
    }
    const int first = batch * 200;
    const auto written =
        (*sink)->write(rows_from.batch(fmt::format(fmt::runtime(sql), first, first + 200)), {});
    ASSERT_TRUE(written.has_value()) << batch << ": " << written.error().message;
    EXPECT_THAT(*written, SizeIs(0));
  }
  EXPECT_THAT(rows(*connect(), "SELECT id, text FROM nodes.users", Consistency::quorum),
              SizeIs(6000));
}

TEST_F(CqlCluster, ANodeThatStandsStillIsLeftOut) {
  ClusterOptions wanted = options();
  wanted.connection.request_timeout = 1500ms;
  wanted.connection.connect_timeout = 1500ms;
  const auto session = connect(wanted);
  ASSERT_TRUE(drive_until(*session, [&] { return session->cluster().ready() == 3; }));
  ASSERT_EQ(server().command("freeze 3"), "ok");
  int answered = 0;
  for (int i = 0; i < 12; ++i) {
    answered += session->query("SELECT key FROM system.local").has_value() ? 1 : 0;
  }
  EXPECT_EQ(session->cluster().ready(), 2U);
  EXPECT_EQ(server().command("thaw 3"), "ok");
  EXPECT_EQ(answered, 12);
  EXPECT_TRUE(drive_until(*session, [&] { return session->cluster().ready() == 3; }));
}

/// One node that wants a password and TLS with a certificate of the client's.
class CqlSecurity : public CassandraTest {
 protected:
  static void SetUpTestSuite() {
    CassandraTest::SetUpTestSuite("secret", 1, {"--auth", "--mutual-tls"});
  }
  static Error error_of_opening(const ClusterOptions& wanted) {
    Session session(wanted);
    const Status opened = session.open({});
    EXPECT_FALSE(opened.has_value());
    return opened ? Error() : opened.error();
  }
};

TEST_F(CqlSecurity, SignsInWithBothVersions) {
  for (const std::uint8_t version : {std::uint8_t{4}, std::uint8_t{5}}) {
    ClusterOptions wanted = options();
    wanted.connection.version_max = version;
    const auto session = connect(wanted);
    EXPECT_THAT(rows(*session, "SELECT key FROM system.local"), SizeIs(1));
  }
}

TEST_F(CqlSecurity, AWrongPasswordIsToldAndNotTransient) {
  ClusterOptions wanted = options();
  wanted.connection.password = "wrong";
  const Error error = error_of_opening(wanted);
  EXPECT_EQ(error.code, "cassandra-credentials");
  EXPECT_FALSE(error.retryable);
  EXPECT_THAT(error.message, HasSubstr("incorrect"));
  wanted.connection.username.clear();
  EXPECT_THAT(error_of_opening(wanted).message, HasSubstr("set `username` and `password`"));
}

TEST_F(CqlSecurity, ACertificateOfAStrangerIsNotTrusted) {
  ClusterOptions wanted = options();
  wanted.connection.tls = *TlsContext::make({});
  const Error error = error_of_opening(wanted);
  EXPECT_EQ(error.code, "cassandra-tls");
  EXPECT_THAT(error.message, HasSubstr("not trusted"));
}

TEST_F(CqlSecurity, ACertificateMustNameTheServer) {
  ClusterOptions wanted = options();
  wanted.connection.tls =
      *TlsContext::make({.ca_file = server().text("ca_file"),
                         .certificate_file = server().text("client_certificate"),
                         .key_file = server().text("client_key"),
                         .server_name = "elsewhere.example.com"});
  EXPECT_EQ(error_of_opening(wanted).code, "cassandra-tls");
}

TEST_F(CqlSecurity, WithoutACertificateOfOursTheServerHangsUp) {
  ClusterOptions wanted = options();
  wanted.connection.tls = *TlsContext::make({.ca_file = server().text("ca_file")});
  const Error error = error_of_opening(wanted);
  EXPECT_THAT(error.message, HasSubstr("certificate of ours"));
}

TEST_F(CqlSecurity, AFileThatIsNoCertificateIsNamed) {
  const auto made = TlsContext::make({.ca_file = "/dev/null"});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, "tls-files");
  EXPECT_THAT(made.error().message, HasSubstr("/dev/null"));
}

}  // namespace
}  // namespace leat::connector::cql
