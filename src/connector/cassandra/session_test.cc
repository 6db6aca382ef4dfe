#include "connector/cassandra/session.h"

#include <gmock/gmock.h>

#include <thread>

#include "base/test_patience.h"
#include "connector/cassandra/cassandra_fixture.h"

namespace leat::connector::cql {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CqlSession : public CassandraTest {
 protected:
  static void SetUpTestSuite() { CassandraTest::SetUpTestSuite("client"); }

  /// Makes a table of texts and prepares the statement that writes to it.
  static const Prepared* prepare_insert(Session& session, const std::string& table) {
    run(fmt::format("CREATE TABLE IF NOT EXISTS client.{} (id text PRIMARY KEY, text text)",
                    table));
    const auto prepared =
        session.prepare(fmt::format("INSERT INTO client.{} (id, text) VALUES (?, ?)", table));
    EXPECT_TRUE(prepared.has_value()) << prepared.error().message;
    return *prepared;
  }
};

TEST_F(CqlSession, WritesAndReadsInEveryFraming) {
  for (const std::uint8_t version : {std::uint8_t{4}, std::uint8_t{5}}) {
    for (const bool lz4 : {false, true}) {
      ClusterOptions wanted = options();
      wanted.connection.version_max = version;
      wanted.connection.lz4 = lz4;
      const auto session = connect(wanted);
      const std::string table = fmt::format("texts_{}{}", version, lz4 ? "_lz4" : "");
      Inserts inserts(prepare_insert(*session, table));
      for (int i = 0; i < 3000; ++i) inserts.add(fmt::format("id{:04}", i), std::string(100, 'x'));
      inserts.add("large", std::string(300'000, 'y'));
      inserts.run(*session);
      EXPECT_EQ(inserts.written, 3001U) << version << lz4;
      const auto read = rows(*session, "SELECT id, text FROM client." + table);
      ASSERT_THAT(read, SizeIs(3001));
      EXPECT_EQ(read.front(), "id0000|" + std::string(100, 'x'));
      EXPECT_EQ(read.back(), "large|" + std::string(300'000, 'y'));
    }
  }
}

TEST_F(CqlSession, ARowsRefusalIsItsOwn) {
  const auto session = connect();
  Inserts inserts(prepare_insert(*session, "texts"));
  inserts.add("good", "1");
  inserts.add("", "empty key");
  inserts.add("huge", std::string(9 << 20, 'z'));
  inserts.add("invalid", "\xff\xfe");
  inserts.add("better", "2");
  inserts.run(*session);
  EXPECT_EQ(inserts.written, 2U);
  EXPECT_THAT(inserts.failures, IsEmpty());
  std::ranges::sort(inserts.refused);
  EXPECT_THAT(inserts.refused,
              ElementsAre(HasSubstr("Key may not be empty"), HasSubstr("huge: CQL Message of size"),
                          HasSubstr("String didn't validate")));
}

TEST_F(CqlSession, StatementsArePreparedAgainAfterTheSchemaChanged) {
  const auto session = connect();
  Inserts before(prepare_insert(*session, "altered"));
  before.add("a", "1");
  before.run(*session);
  run("ALTER TABLE client.altered ADD more int");
  Inserts after(prepare_insert(*session, "altered"));
  for (int i = 0; i < 100; ++i) after.add(std::to_string(i), "2");
  after.run(*session);
  EXPECT_EQ(before.written + after.written, 101U);
  EXPECT_THAT(after.failures, IsEmpty());
}

TEST_F(CqlSession, AStatementWhoseTableIsGoneFailsWithoutRefusingRows) {
  const auto session = connect();
  Inserts inserts(prepare_insert(*session, "dropped"));
  run("DROP TABLE client.dropped");
  for (int i = 0; i < 20; ++i) inserts.add(std::to_string(i), "1");
  inserts.run(*session);
  EXPECT_EQ(inserts.written, 0U);
  EXPECT_THAT(inserts.refused, IsEmpty());
  ASSERT_THAT(inserts.failures, SizeIs(20));
  EXPECT_FALSE(inserts.failures[0].retryable);
  EXPECT_THAT(inserts.failures[0].message, HasSubstr("table dropped does not exist"));
}

TEST_F(CqlSession, AStatementWhoseColumnTypesChangedAsksForANewStart) {
  const auto session = connect();
  Inserts inserts(prepare_insert(*session, "retyped"));
  run("DROP TABLE client.retyped");
  run("CREATE TABLE client.retyped (id text PRIMARY KEY, text blob)");
  inserts.add("a", "1");
  inserts.run(*session);
  ASSERT_THAT(inserts.failures, SizeIs(1));
  EXPECT_EQ(inserts.failures[0].code, "cassandra-schema-changed");
  EXPECT_TRUE(inserts.failures[0].retryable);
}

TEST_F(CqlSession, AServersErrorIsInItsOwnWords) {
  const auto session = connect();
  const auto missing = session->query("SELECT * FROM client.nothing");
  ASSERT_FALSE(missing.has_value());
  EXPECT_THAT(missing.error().message, HasSubstr("table nothing does not exist"));
  const auto syntax = session->query("SELEC 1");
  ASSERT_FALSE(syntax.has_value());
  EXPECT_EQ(syntax.error().code, "cassandra-syntax");
}

TEST_F(CqlSession, TooFewReplicasAreAnOutage) {
  make_keyspace("thrice", 3);
  run("CREATE TABLE thrice.texts (id text PRIMARY KEY, text text)");
  const auto session = connect();
  const auto insert = session->prepare("INSERT INTO thrice.texts (id, text) VALUES (?, ?)");
  ASSERT_TRUE(insert.has_value());
  Inserts inserts(*insert);
  inserts.add("a", "1");
  inserts.run(*session, Consistency::quorum);
  ASSERT_THAT(inserts.failures, SizeIs(1));
  EXPECT_EQ(inserts.failures[0].code, "cassandra-unavailable");
  EXPECT_TRUE(inserts.failures[0].retryable);
}

TEST_F(CqlSession, AConnectionThatBreaksComesBack) {
  const auto session = connect();
  const Prepared* insert = prepare_insert(*session, "texts");
  ASSERT_EQ(server().command("cut"), "ok");
  Inserts lost(insert);
  for (int i = 0; i < 50; ++i) lost.add(std::to_string(i), "lost");
  lost.run(*session);
  EXPECT_EQ(lost.written, 0U);
  ASSERT_EQ(server().command("mend"), "ok");
  const auto end = std::chrono::steady_clock::now() + patience(20s);
  while (session->cluster().ready() == 0 && std::chrono::steady_clock::now() < end) {
    ASSERT_TRUE(session->drive(end).has_value());
  }
  Inserts found(insert);
  for (int i = 0; i < 50; ++i) found.add(std::to_string(i), "found");
  found.run(*session);
  EXPECT_EQ(found.written, 50U);
}

TEST_F(CqlSession, AServerThatStandsStillIsATimeOut) {
  ClusterOptions wanted = options();
  wanted.connection.request_timeout = 700ms;
  const auto session = connect(wanted);
  Inserts inserts(prepare_insert(*session, "texts"));
  for (int i = 0; i < 10; ++i) inserts.add(std::to_string(i), "1");
  ASSERT_EQ(server().command("freeze"), "ok");
  const auto begin = std::chrono::steady_clock::now();
  inserts.run(*session);
  EXPECT_EQ(server().command("thaw"), "ok");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, patience(15s));
  ASSERT_THAT(inserts.failures, SizeIs(10));
  EXPECT_EQ(inserts.failures[0].code, "cassandra-timeout");
  EXPECT_TRUE(inserts.failures[0].retryable);
}

TEST_F(CqlSession, AStopEndsEveryWait) {
  const auto session = connect();
  std::stop_source stop;
  session->use(stop.get_token());
  ASSERT_EQ(server().command("freeze"), "ok");
  std::jthread stopper([&stop] { stop.request_stop(); });
  const auto answer = session->query("SELECT * FROM system.local");
  EXPECT_EQ(server().command("thaw"), "ok");
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, "stopping");
}

TEST_F(CqlSession, WhatIsNotThereIsUnreachable) {
  ClusterOptions wanted;
  wanted.hosts = {*parse_endpoint("127.0.0.1:1", 9042)};
  Session session(wanted);
  const Status opened = session.open({});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, "cassandra-unreachable");
  EXPECT_TRUE(opened.error().retryable);
}

TEST_F(CqlSession, AnUnknownDataCentreIsNamedWithTheKnownOnes) {
  ClusterOptions wanted = options();
  wanted.datacenter = "mars";
  Session session(wanted);
  const Status opened = session.open({});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, "cassandra-datacenter");
  EXPECT_THAT(opened.error().message, HasSubstr("datacenter1"));
}

}  // namespace
}  // namespace leat::connector::cql
