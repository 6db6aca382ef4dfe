#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connector/default_settings_test.h"
#include "connector/kafka/spec.h"
#include "connector/sink.h"
#include "model/duck_test_database.h"

namespace leat::connector::kafka {

/// A stream or view as a pipeline would have it, and batches of its rows, both from SQL.
class TestInput {
 public:
  explicit TestInput(const std::string& sql)
      : sql_(sql), database_(std::make_unique<DuckTestDatabase>()) {
    input.sink = "out";
    input.from = "rows";
    input.schema = database_->schema_of(sql);
  }
  static TestInput view(const std::string& sql, std::vector<std::size_t> key) {
    TestInput out(sql);
    out.input.kind = SinkInput::Kind::view;
    out.input.key = std::move(key);
    out.input.rows_change = true;
    return out;
  }
  static TestInput topic() {
    TestInput out("SELECT ''::BLOB");
    out.input.kind = SinkInput::Kind::topic;
    out.input.schema = record_schema();
    return out;
  }

  /// All rows of the SQL, each with weight 1 unless weights are given.
  SinkBatch batch(const std::string& sql, std::vector<std::int64_t> weights = {}) {
    SinkBatch out;
    for (Chunk& chunk : database_->chunks(sql)) {
      SinkRows& part = out.parts.emplace_back();
      for (std::size_t row = 0; row < chunk.size(); ++row) {
        part.weights.push_back(weights.empty() ? 1 : weights[out.rows]);
        part.offsets.push_back(Offset(static_cast<std::int64_t>(out.rows)));
        part.versions_us.push_back(1'700'000'000'000'000 + static_cast<std::int64_t>(out.rows));
        ++out.rows;
      }
      part.rows = std::move(chunk);
    }
    out.position = "0123456789abcdef 42";
    out.set_aside = [](std::span<const RefusedRow>) -> Status { return {}; };
    return out;
  }
  SinkBatch batch() { return batch(sql_); }

  SinkInput input;

 private:
  std::string sql_;
  std::unique_ptr<DuckTestDatabase> database_;
};

inline Settings sink_settings(const std::string& topic = "t") {
  Settings settings = default_settings(kafka_sink_spec());
  settings.set("brokers", std::vector<std::string>{"127.0.0.1:9092"});
  settings.set("topic", topic);
  return settings;
}

}  // namespace leat::connector::kafka
