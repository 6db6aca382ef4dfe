#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "io/simulated_file_system.h"
#include "log/topics.h"
#include "model/duck_test_database.h"
#include "runtime/change_feed.h"
#include "runtime/engine.h"
#include "runtime/pusher.h"

namespace leat::server {

/// An engine for tests of the server: the real log on a simulated disk, the real change feeds, and
/// rows that a test writes as SQL.
class TestEngine final : public runtime::Engine {
 public:
  TestEngine() {
    graph_.pipelines = {"sensors"};
    pipeline::SourceNode file;
    file.name = "archive";
    file.connector = "file";
    file.topic = "archived";
    graph_.sources = {file};
    add_topic("readings", 1);
    add_topic("spread", 3);
    add_topic("archived", 1, "archive");
    topics_ = *log::open_embedded_topics(files_, "/topics", {});
    for (const auto& topic : graph_.topics) {
      if (!topic.source.empty()) continue;
      log::TopicConfig config;
      config.partitions = topic.partitions;
      config.record_bytes_max = 1 << 20;
      EXPECT_TRUE(topics_->open(topic.name, config).has_value());
    }
    pusher_ = std::make_unique<runtime::Pusher>(*topics_);
    add_view("totals", "SELECT 's1' AS sensor, 2::BIGINT AS readings");
    add_panel("total-readings", "SELECT sum(readings) AS readings FROM totals", {"totals"});
    add_panel("broken", "SELECT error('no such luck') AS x FROM totals", {"totals"});
    status_.ready = true;
    status_.topics.push_back({"readings", true, 3, 120, 1, 0, {{0, "", 0, 3, 2, 3, 120, 0}}});
    status_.streams.push_back({"clean", 10, 7, 1, 1, 1, 0, 0, {}, {{"positive", "drop", 9, 1}}});
    status_.sources.push_back({"archive", "file", "archived", "retrying", "gone \"away\"", 5});
  }

  void add_topic(const std::string& name, std::int32_t partitions, const std::string& source = "") {
    pipeline::TopicNode topic;
    topic.name = name;
    topic.partitions = partitions;
    topic.source = source;
    graph_.topics.push_back(topic);
  }
  void add_view(const std::string& name, const std::string& sql) {
    pipeline::ViewNode view;
    view.name = name;
    view.inputs = {"clean"};
    view.schema = database_.schema_of(sql);
    graph_.views.push_back(view);
    rows_[name] = sql;
    feeds_[name] = std::make_shared<runtime::ChangeFeed>(1 << 16);
    status_.views.push_back({name, 1, 100, 1, 0});
  }
  void add_panel(const std::string& id, const std::string& sql, std::vector<std::string> inputs) {
    graph_.panels.push_back({id, {}, "sensors", "Title of " + id, "stat", sql, std::move(inputs)});
  }

  /// The view's rows from now on, and what changed, as SQL with a last column `weight`.
  void change(const std::string& name, const std::string& rows, const std::string& changes) {
    std::lock_guard lock(mutex_);
    ++epoch_;
    rows_[name] = rows;
    std::vector<ChangeChunk> chunks;
    for (Chunk& chunk : database_.chunks(changes)) {
      ChangeChunk& change = chunks.emplace_back();
      const std::size_t last = chunk.column_count() - 1;
      const auto* weights =
          static_cast<const std::int64_t*>(duckdb_vector_get_data(chunk.vector(last)));
      change.weights.assign(weights, weights + chunk.size());
      change.rows = std::move(chunk);
    }
    for (auto& view : status_.views) {
      if (view.name != name) continue;
      ++view.changes;
      view.touched_epoch = epoch_.value();
    }
    feeds_[name]->publish(epoch_, std::move(chunks));
    changed_.notify_all();
  }
  void set_status(const std::function<void(runtime::EngineStatus&)>& change) {
    std::lock_guard lock(mutex_);
    change(status_);
  }
  /// Pushes wait until `release`.
  void hold_pushes() {
    std::lock_guard lock(mutex_);
    held_ = true;
  }
  void release_pushes() {
    std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
  }
  void wait_for_push_calls(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return push_calls_ >= count; });
  }
  std::size_t push_calls() const {
    std::lock_guard lock(mutex_);
    return push_calls_;
  }
  void fail_pushes(std::optional<Error> error) {
    std::lock_guard lock(mutex_);
    push_error_ = std::move(error);
  }
  std::vector<std::string> records(const std::string& topic, std::int32_t partition = 0) {
    const auto& log = topics_->find(topic)->partition(Partition(partition));
    std::vector<std::string> values;
    Slice slice;
    for (Offset at = log.first_offset(); at < log.durable_offset(); at = slice.next) {
      EXPECT_TRUE(log.read(at, 1 << 20, slice).has_value());
      for (const Record& record : slice.records) values.emplace_back(record.value);
    }
    return values;
  }

  Status start() override { return {}; }
  Status stop(std::chrono::milliseconds) override { return {}; }
  Status wait(std::stop_token) override { return {}; }
  const pipeline::Graph& graph() const override { return graph_; }
  log::Topics& topics() override { return *topics_; }
  runtime::EngineStatus status() const override {
    std::lock_guard lock(mutex_);
    return status_;
  }

  Result<runtime::Appended> push(const std::string& topic,
                                 std::span<const runtime::PushRecord> records,
                                 const std::optional<runtime::PushIdentity>& identity) override {
    {
      std::unique_lock lock(mutex_);
      ++push_calls_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return !held_; });
      if (push_error_) return std::unexpected(*push_error_);
    }
    return pusher_->push(topic, records, identity);
  }

  std::shared_ptr<const state::Snapshot> snapshot() override {
    std::lock_guard lock(mutex_);
    return std::make_shared<TestSnapshot>(epoch_, rows_);
  }
  Epoch visible_epoch() const override {
    std::lock_guard lock(mutex_);
    return epoch_;
  }
  Epoch wait_for_epoch(Epoch seen, std::chrono::milliseconds timeout) const override {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [&] { return epoch_ > seen; });
    return epoch_;
  }
  Result<Schema> schema_of(const std::string& name) const override {
    for (const auto& view : graph_.views) {
      if (view.name == name) return view.schema;
    }
    return user_error("unknown-name", "there is no stream or view `{}`", name);
  }
  Status scan(const std::string& name, const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override {
    std::vector<Chunk> chunks;
    {
      std::lock_guard lock(mutex_);
      chunks = database_.chunks(static_cast<const TestSnapshot&>(snapshot).rows.at(name));
    }
    for (const Chunk& chunk : chunks) {
      if (!row_sink(chunk)) break;
    }
    return {};
  }
  std::map<std::string, sql::FileTable> histories() const override { return {}; }
  Result<std::vector<std::string>> files_of(const std::string& history,
                                            std::stop_token) const override {
    return user_error("unknown-name", "there is no {}", history);
  }
  Status prepare(const Successor&) override { return {}; }
  Status write_snapshot(const std::string& directory) override {
    if (directory == "/taken") return user_error("snapshot-exists", "/taken is there already");
    snapshots.push_back(directory);
    return {};
  }
  std::vector<std::string> snapshots;  ///< where they were written to

  Result<std::unique_ptr<runtime::Subscription>> subscribe(const std::string& name,
                                                           std::optional<Epoch> after) override {
    if (const auto schema = schema_of(name); !schema) return std::unexpected(schema.error());
    std::lock_guard lock(mutex_);
    return runtime::ChangeFeed::subscribe(feeds_.at(name), after, epoch_);
  }

 private:
  struct TestSnapshot final : state::Snapshot {
    TestSnapshot(Epoch epoch_now, std::map<std::string, std::string> rows_now)
        : at(epoch_now), rows(std::move(rows_now)) {}
    Epoch epoch() const override { return at; }
    const Epoch at;
    const std::map<std::string, std::string> rows;
  };

  io::SimulatedFileSystem files_;
  std::unique_ptr<log::Topics> topics_;
  std::unique_ptr<runtime::Pusher> pusher_;
  mutable DuckTestDatabase database_;
  pipeline::Graph graph_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  runtime::EngineStatus status_;
  std::map<std::string, std::string> rows_;
  std::map<std::string, std::shared_ptr<runtime::ChangeFeed>> feeds_;
  Epoch epoch_{1};
  bool held_ = false;
  std::size_t push_calls_ = 0;
  std::optional<Error> push_error_;
};

}  // namespace leat::server
