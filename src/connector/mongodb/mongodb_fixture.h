#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/default_settings_test.h"
#include "connector/mongodb/client.h"
#include "connector/mongodb/mongodb_sink.h"
#include "connector/mongodb/spec.h"
#include "connector/served_test_support.h"
#include "model/chunk_copy.h"
#include "model/duck_test_database.h"

namespace leat::connector::mongodb {

/// A session of the test's own with a server, to look into it and to change it.
class Onlooker {
 public:
  explicit Onlooker(const std::string& uri) {
    Settings settings = default_settings(endpoint_settings());
    settings.set("uri", uri);
    endpoint_ = *read_endpoint(settings, {});
    client_ = *Client::make(endpoint_);
  }

  /// The answer to a command (extended JSON) as text; the server's words where it is refused.
  std::string run(const std::string& command, const std::string& database = "test") {
    const auto turn = client_->begin({});
    bson_error_t error;
    bson_t* parsed = bson_new_from_json(reinterpret_cast<const std::uint8_t*>(command.data()),
                                        static_cast<ssize_t>(command.size()), &error);
    EXPECT_NE(parsed, nullptr) << command << ": " << error.message;
    Reply reply;
    const bool done = mongoc_client_command_simple(client_->handle(), database.c_str(), parsed,
                                                   nullptr, reply.fresh(), &error);
    bson_destroy(parsed);
    return done ? text(reply.document) : error.message;
  }

  /// Documents in the order of their `_id`, as extended JSON.
  std::vector<std::string> documents(const std::string& collection,
                                     const std::string& options = R"({"sort": {"_id": 1}})") {
    const auto turn = client_->begin({});
    const Collection from = client_->collection({"test", collection});
    bson_t* parsed = bson_new_from_json(reinterpret_cast<const std::uint8_t*>(options.data()),
                                        static_cast<ssize_t>(options.size()), nullptr);
    const Bson all;
    const Cursor cursor(mongoc_collection_find_with_opts(from.get(), all.get(), parsed, nullptr));
    bson_destroy(parsed);
    std::vector<std::string> documents;
    const bson_t* document = nullptr;
    while (mongoc_cursor_next(cursor.get(), &document)) documents.push_back(text(*document));
    bson_error_t error;
    EXPECT_FALSE(mongoc_cursor_error(cursor.get(), &error)) << error.message;
    return documents;
  }

  std::int64_t count(const std::string& collection) {
    const std::string answer = run(R"({"aggregate": ")" + collection +
                                   R"(", "pipeline": [{"$count": "n"}], "cursor": {}})");
    const std::size_t at = answer.find("\"n\" : ");
    return at == std::string::npos ? 0 : std::stoll(answer.substr(at + 6));
  }

 private:
  static std::string text(const bson_t& document) {
    char* json = bson_as_relaxed_extended_json(&document, nullptr);
    std::string text = json;
    bson_free(json);
    return text;
  }

  Endpoint endpoint_;
  std::unique_ptr<Client> client_;
};

/// A MongoDB server for one test suite.
class MongodbTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { started_ = ServedServer::start("mongodb", {"--auth"}); }
  static void TearDownTestSuite() { started_ = {}; }
  void SetUp() override {
    if (!started_ && started_.error().unavailable) GTEST_SKIP() << started_.error().message;
    ASSERT_TRUE(started_) << started_.error().message;
    onlooker_ = std::make_unique<Onlooker>(uri());
    onlooker_->run(R"({"dropDatabase": 1})");
  }

  static ServedServer& server() { return **started_; }
  static std::string uri() { return server().text("uri"); }

  static Settings base_settings(const Spec& spec) {
    Settings settings = default_settings(spec);
    settings.set("uri", uri());
    settings.set("timeout", std::int64_t{10'000});
    return settings;
  }

  std::string run(const std::string& command, const std::string& database = "test") {
    return onlooker_->run(command, database);
  }
  std::vector<std::string> documents(const std::string& collection = "out") {
    return onlooker_->documents(collection);
  }
  std::int64_t count(const std::string& collection = "out") { return onlooker_->count(collection); }

  static inline ServedServer::Started started_;
  std::unique_ptr<Onlooker> onlooker_;
};

/// What a sink is given: rows made by SQL.
class SinkFeed {
 public:
  /// The sink's input has the columns of the query.
  void reads(const std::string& sql, SinkInput::Kind kind = SinkInput::Kind::stream,
             std::vector<std::size_t> key = {}) {
    input.sink = "raw";
    input.from = "rows";
    input.kind = kind;
    input.key = std::move(key);
    input.rows_change = kind == SinkInput::Kind::view;
    input.schema = duck_.schema_of(sql);
  }
  /// A topic's records.
  void reads_topic() {
    input.sink = "raw";
    input.from = "events";
    input.kind = SinkInput::Kind::topic;
    input.schema = record_schema();
  }

  /// Rows of a query; where it has one column more than the input, that is their weight.
  SinkBatch rows(const std::string& sql, std::int64_t first_offset = 0) {
    SinkBatch batch;
    batch.position = fmt::format("after {}", sql.size() + static_cast<std::size_t>(first_offset));
    batch.set_aside = [this](std::span<const RefusedRow> rows) {
      set_aside.insert(set_aside.end(), rows.begin(), rows.end());
      return Status();
    };
    for (const Chunk& chunk : duck_.chunks(sql)) {
      SinkRows part;
      part.rows = copy_of(chunk);
      const bool weighted = chunk.column_count() > input.schema.size();
      const std::size_t last = chunk.column_count() - 1;
      for (std::size_t row = 0; row < chunk.size(); ++row) {
        const auto* weights =
            static_cast<const std::int32_t*>(duckdb_vector_get_data(part.rows.vector(last)));
        part.weights.push_back(weighted ? weights[row] : 1);
        part.offsets.emplace_back(first_offset + static_cast<std::int64_t>(batch.rows + row));
        part.versions_us.push_back(1);
      }
      batch.rows += chunk.size();
      batch.parts.push_back(std::move(part));
    }
    return batch;
  }
  /// Records without key of these values.
  SinkBatch records(const std::vector<std::string>& values, std::int64_t first_offset = 0) {
    std::string list;
    for (const std::string& value : values) {
      std::string quoted = "'";
      for (const char c : value) quoted += c == '\'' ? std::string("''") : std::string(1, c);
      list += fmt::format("{}(NULL::BLOB, encode({}'))", list.empty() ? "" : ", ", quoted);
    }
    return rows(
        "SELECT k, v, TIMESTAMPTZ '2026-01-01 00:00:00.123456+00', 0::INTEGER, 0::BIGINT, "
        "NULL::BLOB FROM (VALUES " +
            list + ") records(k, v)",
        first_offset);
  }

  SinkInput input;
  std::vector<RefusedRow> set_aside;

 private:
  DuckTestDatabase duck_;
};

/// Reasons of refused rows, by row.
inline std::map<std::size_t, std::string> reasons(const std::vector<RefusedRow>& refused) {
  std::map<std::size_t, std::string> reasons;
  for (const RefusedRow& row : refused) {
    reasons[row.part * chunk_rows_max + row.row] += row.reason;
  }
  return reasons;
}

}  // namespace leat::connector::mongodb
