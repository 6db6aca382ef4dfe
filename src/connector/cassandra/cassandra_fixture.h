#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "connector/cassandra/cassandra_sink.h"
#include "connector/cassandra/session.h"
#include "connector/cassandra/spec.h"
#include "connector/default_settings_test.h"
#include "connector/served_test_support.h"
#include "model/duck_test_database.h"

namespace leat::connector::cql {

/// Tests with one running Cassandra, started for the first of them and left to the others, and a
/// keyspace there. A suite has its own SetUpTestSuite, which calls this one.
class CassandraTest : public testing::Test {
 protected:
  static void SetUpTestSuite(const std::string& keyspace, int replicas = 1,
                             const std::vector<std::string>& serve_options = {}) {
    started_ = ServedServer::start("cassandra", serve_options);
    if (started_) make_keyspace(keyspace, replicas);
  }
  static void TearDownTestSuite() { started_ = std::unexpected(ServedServer::NotStarted{}); }

  void SetUp() override {
    if (started_) return;
    if (started_.error().unavailable) GTEST_SKIP() << started_.error().message;
    FAIL() << started_.error().message;
  }

  static ServedServer& server() { return **started_; }
  static std::vector<std::string> addresses() {
    return server().json()["addresses"].get<std::vector<std::string>>();
  }

  static ClusterOptions options() {
    ClusterOptions options;
    for (const std::string& address : addresses()) {
      options.hosts.push_back(*parse_endpoint(address, 9042));
    }
    options.connection.username = server().text("user");
    options.connection.password = server().text("password");
    if (!server().text("ca_file").empty()) {
      const auto tls = TlsContext::make({.ca_file = server().text("ca_file"),
                                         .certificate_file = server().text("client_certificate"),
                                         .key_file = server().text("client_key")});
      EXPECT_TRUE(tls.has_value()) << tls.error().message;
      options.connection.tls = *tls;
    }
    return options;
  }
  static std::unique_ptr<Session> connect(const ClusterOptions& options) {
    auto session = std::make_unique<Session>(options);
    const Status opened = session->open({});
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    return session;
  }
  static std::unique_ptr<Session> connect() { return connect(options()); }

  /// Rows of a statement, each one's texts with bars between them, sorted.
  static std::vector<std::string> rows(Session& session, const std::string& cql,
                                       Consistency consistency = Consistency::one) {
    std::vector<std::string> lines;
    const Status read = session.query_pages(
        cql, {.consistency = consistency, .page_rows = 500}, [&](Rows& page) -> Status {
          for (std::size_t row = 0; row < page.size(); ++row) {
            std::string& line = lines.emplace_back();
            for (std::size_t i = 0; i < page.metadata.column_count; ++i) {
              const Cell cell = page.cell(row, i);
              line += (i == 0 ? "" : "|") + std::string(cell ? *cell : "NULL");
            }
          }
          return {};
        });
    EXPECT_TRUE(read.has_value()) << read.error().message;
    std::ranges::sort(lines);
    return lines;
  }
  static std::vector<std::string> rows(const std::string& cql) { return rows(*connect(), cql); }
  static void run(const std::string& cql) {
    const auto session = connect();
    const auto done = session->query(cql);
    EXPECT_TRUE(done.has_value()) << cql << ": " << done.error().message;
    EXPECT_TRUE(session->await_schema_agreement().has_value());
  }
  static void make_keyspace(const std::string& name, int replicas) {
    run(
        fmt::format("CREATE KEYSPACE {} WITH replication = {{'class': 'SimpleStrategy', "
                    "'replication_factor': {}}}",
                    name, replicas));
  }

  static Settings settings(const std::string& table) {
    Settings settings = default_settings(cassandra_sink_spec());
    // A group without defaults is there only when the user writes it.
    Settings plain;
    for (const Setting& setting : cassandra_sink_spec().settings) {
      if (setting.default_value.empty()) continue;
      copy(setting, settings, plain);
    }
    plain.set("hosts", addresses());
    plain.set("table", table);
    return plain;
  }

 private:
  static void copy(const Setting& setting, const Settings& from, Settings& to) {
    switch (setting.kind) {
      case Kind::integer:
      case Kind::duration:
        return to.set(setting.name, from.integer(setting.name));
      case Kind::boolean:
        return to.set(setting.name, from.flag(setting.name));
      default:
        return to.set(setting.name, from.text(setting.name));
    }
  }

  static inline ServedServer::Started started_ = std::unexpected(ServedServer::NotStarted{});
};

/// Rows that are written one by one, and what became of them.
class Inserts final : public ExecutionHandler {
 public:
  explicit Inserts(const Prepared* statement) : statement_(statement) {}

  void add(const std::string& id, const std::string& text) {
    std::string& values = values_.emplace_back();
    put_short(values, 2);
    put_bytes(values, id);
    put_bytes(values, text);
    ids_.push_back(id);
  }
  void run(Session& session, Consistency consistency = Consistency::one) {
    std::vector<Bound> bounds;
    for (const std::string& values : values_) bounds.push_back({statement_, values});
    std::size_t next = 0;
    while (done() < values_.size()) {
      while (next < bounds.size() &&
             session.submit({std::span(&bounds[next], 1), token_of(ids_[next]), consistency}, *this,
                            next)) {
        ++next;
      }
      if (next == 0 && session.in_flight() == 0 && session.cluster().ready() == 0) return;
      if (!session.drive(std::chrono::steady_clock::now() + std::chrono::seconds(1))) return;
    }
  }

  void executed(std::uint64_t, Rows*) override { ++written; }
  void row_refused(std::uint64_t tag, const std::string& reason) override {
    refused.push_back(ids_[tag] + ": " + reason);
  }
  void failed(std::uint64_t, const Error& error) override { failures.push_back(error); }
  std::size_t done() const { return written + refused.size() + failures.size(); }

  std::size_t written = 0;
  std::vector<std::string> refused;
  std::vector<Error> failures;

 private:
  const Prepared* statement_;
  std::vector<std::string> values_, ids_;
};

/// Rows as a sink is given them, from SQL.
class SinkRowsFromSql {
 public:
  SinkInput stream(const std::string& sql) {
    SinkInput input;
    input.sink = "out";
    input.from = "rows";
    input.schema = database_.schema_of(sql);
    return input;
  }
  SinkInput view(const std::string& sql, std::vector<std::size_t> key) {
    SinkInput input = stream(sql);
    input.kind = SinkInput::Kind::view;
    input.key = std::move(key);
    input.rows_change = true;
    return input;
  }
  /// Appends the SQL's rows to the batch, with this weight and version.
  void add(SinkBatch& batch, const std::string& sql, std::int64_t weight = 1,
           std::int64_t version_us = 1'700'000'000'000'000) {
    for (Chunk& chunk : database_.chunks(sql)) {
      SinkRows& part = batch.parts.emplace_back();
      part.weights.assign(chunk.size(), weight);
      part.versions_us.assign(chunk.size(), version_us);
      for (std::size_t i = 0; i < chunk.size(); ++i) {
        part.offsets.push_back(Offset(static_cast<std::int64_t>(batch.rows++)));
      }
      part.rows = std::move(chunk);
    }
  }
  SinkBatch batch(const std::string& sql, std::int64_t weight = 1,
                  std::int64_t version_us = 1'700'000'000'000'000) {
    SinkBatch batch;
    add(batch, sql, weight, version_us);
    return batch;
  }
  DuckTestDatabase& database() { return database_; }

 private:
  DuckTestDatabase database_;
};

}  // namespace leat::connector::cql
