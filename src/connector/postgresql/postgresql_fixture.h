#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/default_settings_test.h"
#include "connector/postgresql/postgresql_sink.h"
#include "connector/postgresql/session.h"
#include "connector/postgresql/spec.h"
#include "connector/served_test_support.h"
#include "model/chunk_copy.h"
#include "model/duck_test_database.h"

namespace leat::connector::postgresql {

/// A PostgreSQL server for one test suite, with a session of the test's own to look into it.
class PostgresqlTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    started_ = new ServedServer::Started(ServedServer::start("postgresql", {"--auth"}));
  }
  static void TearDownTestSuite() {
    delete started_;
    started_ = nullptr;
  }
  void SetUp() override {
    if (!*started_ && started_->error().unavailable) GTEST_SKIP() << started_->error().message;
    if (!*started_) FAIL() << started_->error().message;
    run("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
  }
  static ServedServer& server() { return ***started_; }

  static std::string uri() { return server().text("uri"); }

  static Settings base_settings(const Spec& spec) {
    Settings settings = default_settings(spec);
    settings.set("uri", uri());
    settings.set("timeout", std::int64_t{5000});
    settings.set("connect_timeout", std::int64_t{5000});
    return settings;
  }

  /// Through the server's own door, which no relay stands in front of.
  static Connection session() {
    Settings settings;
    settings.set("uri", fmt::format("postgresql://leat@/leat?host={}&port={}",
                                    server().text("admin_socket_folder"),
                                    server().json()["admin_port"].get<int>()));
    settings.set("timeout", std::int64_t{20'000});
    settings.set("connect_timeout", std::int64_t{20'000});
    auto opened = open_session(*connect_options(settings, {}, "test"), {});
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }

  static void run(const std::string& sql) {
    auto connection = session();
    const auto done = connection.run(sql, {});
    EXPECT_TRUE(done) << sql << ": " << done.error().message;
  }

  /// Rows as text: values joined by "|", NULL as "-".
  static std::vector<std::string> rows(const std::string& sql) {
    auto connection = session();
    const auto done = connection.run(sql, {});
    EXPECT_TRUE(done) << sql << ": " << done.error().message;
    std::vector<std::string> lines;
    if (!done) return lines;
    for (std::size_t row = 0; row < done->back().size(); ++row) {
      std::string line;
      for (std::size_t column = 0; column < done->back().column_count(); ++column) {
        if (column > 0) line += '|';
        line += done->back().text(row, column).value_or("-");
      }
      lines.push_back(line);
    }
    return lines;
  }

  static std::string value(const std::string& sql) {
    const auto all = rows(sql);
    return all.size() == 1 ? all[0] : fmt::format("{} rows", all.size());
  }

  static inline ServedServer::Started* started_ = nullptr;
};

}  // namespace leat::connector::postgresql
