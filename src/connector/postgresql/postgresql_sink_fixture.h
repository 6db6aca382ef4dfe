#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connector/postgresql/postgresql_fixture.h"
#include "connector/postgresql/postgresql_sink.h"

namespace leat::connector::postgresql {

/// A sink over the rows of a query, writing to a table of a real server.
class PostgresqlSinkTest : public PostgresqlTest {
 protected:
  PostgresqlSinkTest() { input_.sink = "out"; }

  /// What the sink's input is: the columns of a query.
  void reads(const std::string& sql, SinkInput::Kind kind = SinkInput::Kind::stream,
             std::vector<std::size_t> key = {}) {
    input_.from = "rows";
    input_.kind = kind;
    input_.key = std::move(key);
    input_.rows_change = kind == SinkInput::Kind::view;
    input_.schema = duck_.schema_of(sql);
  }
  void reads_view(const std::string& sql, std::vector<std::size_t> key) {
    reads(sql, SinkInput::Kind::view, std::move(key));
  }

  Settings settings() {
    Settings settings = base_settings(postgresql_sink_spec());
    settings.set("table", std::string("out"));
    for (const auto& [name, value] : set_) settings.set(name, value);
    return settings;
  }

  std::unique_ptr<Sink> make() {
    auto sink = make_postgresql_sink(input_, settings(), {});
    EXPECT_TRUE(sink) << sink.error().message;
    return std::move(*sink);
  }
  std::unique_ptr<Sink> opened() {
    auto sink = make();
    const auto position = sink->open({});
    EXPECT_TRUE(position) << position.error().message;
    return sink;
  }
  std::string open_error() {
    auto sink = make_postgresql_sink(input_, settings(), {});
    if (!sink) return sink.error().code;
    const auto position = (*sink)->open({});
    if (position) return "opened";
    message_ = position.error().message;
    return position.error().code;
  }

  /// Rows of a query as a batch; the last column `w` is their weight, where the input has none.
  SinkBatch batch(const std::string& sql, std::string position = "1") {
    SinkBatch made;
    made.position = std::move(position);
    for (const Chunk& chunk : duck_.chunks(sql)) {
      SinkRows part;
      const std::size_t rows = chunk.size();
      const bool weighted = chunk.column_count() == input_.schema.size() + 1;
      part.rows = Chunk(input_.schema);
      Chunk copy = copy_of(chunk);
      for (std::size_t i = 0; i < input_.schema.size(); ++i) {
        duckdb_vector_reference_vector(part.rows.vector(i), copy.vector(i));
      }
      part.rows.set_size(rows);
      part.rows = copy_of(part.rows);
      for (std::size_t row = 0; row < rows; ++row) {
        const auto* weights = weighted ? static_cast<const std::int32_t*>(duckdb_vector_get_data(
                                             copy.vector(input_.schema.size())))
                                       : nullptr;
        part.weights.push_back(weights == nullptr ? 1 : weights[row]);
        part.offsets.push_back(Offset(static_cast<std::int64_t>(made.rows + row)));
        part.versions_us.push_back(1);
      }
      made.rows += rows;
      made.parts.push_back(std::move(part));
    }
    return made;
  }

  void write(Sink& sink, const std::string& sql, const std::string& position = "1") {
    const auto refused = sink.write(batch(sql, position), {});
    ASSERT_TRUE(refused) << refused.error().message;
    EXPECT_EQ(refused->size(), 0U) << (refused->empty() ? "" : refused->front().reason);
  }
  std::vector<RefusedRow> refused(Sink& sink, const std::string& sql) {
    auto refused = sink.write(batch(sql), {});
    EXPECT_TRUE(refused) << refused.error().message;
    return refused ? *refused : std::vector<RefusedRow>();
  }

  DuckTestDatabase duck_;
  SinkInput input_;
  std::map<std::string, Settings::Value> set_;
  std::string message_;
};

}  // namespace leat::connector::postgresql
