#include "server/queries.h"

#include <algorithm>
#include <charconv>

#include "sql/user_queries.h"

namespace leat::server {
namespace {

/// One query's view of the engine.
class SnapshotScanner final : public sql::Scanner {
 public:
  explicit SnapshotScanner(runtime::Engine& engine)
      : engine_(engine), snapshot_(engine.snapshot()) {}

  Status scan(const std::string& name, const std::function<bool(const Chunk&)>& row_sink) override {
    return engine_.scan(name, *snapshot_, row_sink);
  }
  Result<std::vector<std::string>> files(const std::string& name, std::stop_token stop) override {
    return engine_.files_of(name, std::move(stop));
  }
  Epoch epoch() const { return snapshot_->epoch(); }

 private:
  runtime::Engine& engine_;
  const std::shared_ptr<const state::Snapshot> snapshot_;
};

/// Takes "line 1, column 8: " off the message's front and makes it a place.
ApiError with_place(Error error, std::string_view sql) {
  ApiError api;
  std::size_t line = 0;
  std::size_t column = 0;
  const char* at = error.message.data();
  const char* const end = at + error.message.size();
  constexpr std::string_view line_word = "line ";
  constexpr std::string_view column_word = ", column ";
  if (std::string_view(at, end).starts_with(line_word)) {
    const auto first = std::from_chars(at + line_word.size(), end, line);
    if (std::string_view(first.ptr, end).starts_with(column_word)) {
      std::from_chars(first.ptr + column_word.size(), end, column);
    }
  }
  if (line > 0 && column > 0) {
    std::size_t position = 0;
    for (std::size_t i = 1; i < line && position != std::string_view::npos; ++i) {
      position = sql.find('\n', position);
      if (position != std::string_view::npos) ++position;
    }
    api.place = Place{line, column, std::nullopt, std::nullopt};
    if (position != std::string_view::npos) api.place->position = position + column - 1;
  }
  api.error = std::move(error);
  return api;
}

class EngineQueries final : public Queries {
 public:
  EngineQueries(runtime::Engine& engine, const Limits& limits,
                std::unique_ptr<sql::UserQueries> queries)
      : engine_(engine), limits_(limits), queries_(std::move(queries)) {}

  std::expected<Summary, ApiError> run(const std::string& sql, std::size_t rows_max,
                                       const Receiver& receiver) override {
    SnapshotScanner scanner(engine_);
    const auto outcome = queries_->run(
        sql, scanner, {limits_.query_time_max, rows_max}, stop_.get_token(),
        [&](const Schema& schema) -> Status {
          receiver.begin(schema, scanner.epoch());
          return {};
        },
        [&](const Chunk& chunk) -> Status {
          if (receiver.rows(chunk)) return {};
          return external_error("client-gone", "the client left or takes nothing");
        });
    if (!outcome) return std::unexpected(with_place(outcome.error(), sql));
    return Summary{outcome->truncated,
                   std::chrono::duration<double, std::milli>(outcome->elapsed).count()};
  }
  void cancel() override { stop_.request_stop(); }

 private:
  runtime::Engine& engine_;
  std::stop_source stop_;
  const Limits limits_;
  const std::unique_ptr<sql::UserQueries> queries_;
};

}  // namespace

Result<std::unique_ptr<Queries>> Queries::open(runtime::Engine& engine, const Limits& limits) {
  std::map<std::string, Schema> relations;
  for (const auto& stream : engine.graph().streams) relations.emplace(stream.name, stream.schema);
  for (const auto& view : engine.graph().views) relations.emplace(view.name, view.schema);
  sql::UserQueries::Options options;
  options.memory_bytes_max = limits.query_memory_max;
  options.concurrent_max = limits.queries_max;
  for (const auto& macro : engine.graph().macros) {
    options.macros.emplace_back(macro.name, macro.text);
  }
  auto queries =
      LEAT_TRY(sql::UserQueries::open(options, std::move(relations), engine.histories()));
  return std::unique_ptr<Queries>(
      std::make_unique<EngineQueries>(engine, limits, std::move(queries)));
}

}  // namespace leat::server
