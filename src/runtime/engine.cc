#include "runtime/engine.h"

#include <spdlog/spdlog.h>

#include "model/nearest_name.h"
#include "runtime/assembly.h"
#include "runtime/committed_pipeline.h"
#include "runtime/data_snapshot.h"
#include "runtime/dead_letters.h"
#include "runtime/disk_guard.h"
#include "runtime/engine_status.h"
#include "runtime/epoch_loop.h"
#include "runtime/letter_copier.h"
#include "runtime/prepare_successor.h"
#include "runtime/pusher.h"
#include "runtime/refused_row.h"
#include "runtime/sink_runner.h"
#include "runtime/source_runner.h"

namespace leat::runtime {
namespace {

/// At a stop, how long an epoch that looks something up may take.
constexpr std::chrono::milliseconds table_patience{2000};
/// How long a stop waits for dead letters on their way to another system, and a run with `once`.
constexpr std::chrono::milliseconds letters_limit{2'000}, letters_patience{60'000};

class RunningEngine final : public Engine {
 public:
  explicit RunningEngine(std::unique_ptr<Assembly> assembly)
      : assembly_(std::move(assembly)),
        pusher_(*assembly_->topics),
        loop_(*assembly_),
        sources_(*assembly_, [this] { loop_.close_inputs(); }),
        disk_(assembly_->options, [this](bool full) { on_disk_full(full); }) {
    for (RemoteSinkSlot& slot : assembly_->remote_sinks) make_sink_runner(slot);
    if (assembly_->system_log) make_letter_copier();
    assembly_->topics->on_durable([this](log::Topic& topic, Partition) {
      loop_.wake();
      wake_sinks_of(topic);
    });
  }

  ~RunningEngine() override {
    sources_.stop();
    thread_.request_stop();
    stop_tables();
    thread_ = {};
    stop_sinks();
    if (letters_) letters_->stop();
    assembly_->feeds->on_durable({});
    assembly_->topics->on_durable({});
    close_feeds();
  }

  Status start() override {
    for (const auto& [name, table] : assembly_->tables) table->start();
    LEAT_TRY(loop_.begin());
    for (const ReferenceSlot& table : assembly_->reference_tables) {
      table.loader->on_change([this] { loop_.wake(); });
      if (!assembly_->options.once) table.loader->start();
    }
    disk_.start();
    thread_ = std::jthread([this](std::stop_token stop) { run_loop(std::move(stop)); });
    sources_.start();
    for (const auto& runner : sink_runners_) runner->start();
    if (letters_) letters_->start();
    const std::lock_guard lock(mutex_);
    started_ = true;
    return {};
  }

  Status stop(std::chrono::milliseconds limit) override {
    sources_.stop();
    wait_until_caught_up(limit);
    thread_.request_stop();
    loop_.wake();
    {
      std::unique_lock lock(mutex_);
      ended_changed_.wait_for(lock, table_patience, [&] { return ended_; });
    }
    stop_tables();
    stop_sinks();
    std::unique_lock lock(mutex_);
    if (!ended_changed_.wait_for(lock, limit, [&] { return ended_; })) {
      return transient_error("stop-timeout",
                             "the engine was still at work after {} ms; what was acknowledged is "
                             "safe and is taken in at the next start",
                             limit.count());
    }
    lock.unlock();
    // Those that are left go at the next start.
    if (letters_) letters_->drain({}, letters_limit);
    return outcome_;
  }

  Status wait(std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    ended_changed_.wait(lock, stop, [&] { return ended_; });
    return ended_ ? outcome_ : Status();
  }

  const pipeline::Graph& graph() const override { return assembly_->graph; }
  log::Topics& topics() override { return *assembly_->topics; }
  EngineStatus status() const override {
    EngineStatus status = status_of(*assembly_, loop_);
    std::lock_guard lock(mutex_);
    status.ready = started_ && !ended_;
    status.failure = outcome_ ? loop_.committer().waiting_for() : outcome_.error().message;
    if (status.failure.empty()) status.failure = assembly_->topics->trouble();
    if (status.failure.empty() && letters_) status.failure = letters_->trouble();
    rate_.measure(status.records_in, status.records_per_second, status.uptime_seconds);
    return status;
  }

  Result<Appended> push(const std::string& topic, std::span<const PushRecord> records,
                        const std::optional<PushIdentity>& identity) override {
    return pusher_.push(topic, records, identity);
  }

  std::shared_ptr<const state::Snapshot> snapshot() override { return loop_.snapshot(); }
  Epoch visible_epoch() const override { return loop_.visible(); }
  Epoch wait_for_epoch(Epoch seen, std::chrono::milliseconds timeout) const override {
    return loop_.wait_for_epoch(seen, timeout);
  }

  Result<Schema> schema_of(const std::string& name) const override {
    if (const auto stream = assembly_->find_stream(name)) {
      return assembly_->streams[*stream].node->schema;
    }
    if (const auto view = assembly_->find_view(name)) return assembly_->views[*view].node->schema;
    return unknown(name);
  }

  Status scan(const std::string& name, const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override {
    if (const auto stream = assembly_->find_stream(name)) {
      assembly_->streams[*stream].recent->scan(snapshot.epoch(), row_sink);
      return {};
    }
    if (const auto view = assembly_->find_view(name)) {
      return assembly_->views[*view].view->scan(snapshot, row_sink);
    }
    return unknown(name);
  }

  std::map<std::string, sql::FileTable> histories() const override {
    std::map<std::string, sql::FileTable> tables;
    for (const auto& [name, history] : assembly_->histories) tables[name] = history->table();
    return tables;
  }

  Result<std::vector<std::string>> files_of(const std::string& history,
                                            std::stop_token stop) const override {
    const auto found = assembly_->histories.find(history);
    if (found == assembly_->histories.end()) return unknown(history);
    return found->second->files(std::move(stop));
  }

  Status prepare(const Successor& successor) override {
    return prepare_successor(*assembly_, successor, committed_pipeline(*this));
  }

  Status write_snapshot(const std::string& directory) override {
    std::lock_guard lock(snapshot_mutex_);
    return runtime::write_snapshot({.files = assembly_->options.context.files,
                                    .data_directory = assembly_->options.data_directory,
                                    .store = *assembly_->store},
                                   directory);
  }

  Result<std::unique_ptr<Subscription>> subscribe(const std::string& name,
                                                  std::optional<Epoch> after) override {
    std::shared_ptr<ChangeFeed> feed;
    if (const auto stream = assembly_->find_stream(name)) feed = assembly_->streams[*stream].feed;
    if (const auto view = assembly_->find_view(name)) feed = assembly_->views[*view].feed;
    if (!feed) return unknown(name);
    std::optional<Result<std::unique_ptr<Subscription>>> subscription;
    const bool ran = loop_.between_epochs(
        [&] { subscription = ChangeFeed::subscribe(feed, after, loop_.visible()); });
    if (!ran) {
      return transient_error("epoch-waits",
                             "the engine waits for a table (see its status); follow \"{}\" again "
                             "when it goes on",
                             name);
    }
    return std::move(*subscription);
  }

 private:
  std::unexpected<Error> unknown(const std::string& name) const {
    std::vector<std::string_view> names;
    for (const StreamSlot& slot : assembly_->streams) names.push_back(slot.node->name);
    for (const pipeline::ViewNode& view : assembly_->graph.views) names.push_back(view.name);
    return user_error("unknown-name", "there is no stream or view `{}`{}", name,
                      did_you_mean(name, names));
  }

  void make_sink_runner(RemoteSinkSlot& slot) {
    sink_runners_.push_back(
        std::make_unique<SinkRunner>(SinkRunner::Setup{.sink = *slot.sink,
                                                       .input = slot.input,
                                                       .topic = *slot.topic,
                                                       .changelog = slot.changelog,
                                                       .letters = *assembly_->sink_letters,
                                                       .store = *assembly_->store,
                                                       .cursors = *assembly_->cursors,
                                                       .identity = assembly_->identity,
                                                       .status = *slot.status}));
    if (slot.changelog == nullptr) return;
    slot.changelog->on_committed([runner = sink_runners_.back().get()] { runner->wake(); });
  }

  void make_letter_copier() {
    letters_ = std::make_unique<LetterCopier>(
        LetterCopier::Setup{.from = *assembly_->feeds->find(dead_letters_topic),
                            .to = *assembly_->topics->find(dead_letters_topic),
                            .committed = [this] { return loop_.committer().committed_letters(); },
                            .store = *assembly_->store,
                            .cursors = *assembly_->cursors,
                            .identity = assembly_->identity});
    loop_.on_committed([this] { letters_->wake(); });
    assembly_->feeds->on_durable([this](log::Topic&, Partition partition) {
      if (partition == sink_letters_partition) letters_->wake();
    });
  }

  /// Of sinks that read the topic itself.
  void wake_sinks_of(const log::Topic& topic) {
    for (std::size_t i = 0; i < sink_runners_.size(); ++i) {
      const RemoteSinkSlot& slot = assembly_->remote_sinks[i];
      if (slot.topic == &topic && slot.changelog == nullptr) sink_runners_[i]->wake();
    }
  }

  /// An epoch that waits for a table is given up; its input is read again at the next start.
  void stop_tables() {
    for (const auto& [name, table] : assembly_->tables) table->stop();
    for (const ReferenceSlot& table : assembly_->reference_tables) table.loader->stop();
  }

  void stop_sinks() {
    for (const auto& runner : sink_runners_) runner->ask_to_stop();
    for (const auto& runner : sink_runners_) runner->stop();
  }

  /// Everything is committed: now it must get where it belongs.
  Status drain_sinks(const std::stop_token& stop) {
    for (const auto& runner : sink_runners_) LEAT_TRY(runner->drain(stop));
    if (letters_ && !letters_->drain(stop, letters_patience) && !stop.stop_requested()) {
      return external_error("letters-waiting", "dead letters are not copied to their topic: {}",
                            letters_->trouble());
    }
    return {};
  }

  void run_loop(const std::stop_token& stop) {
    Status status = loop_.run(stop);
    if (status && assembly_->options.once) status = drain_sinks(stop);
    if (!status) spdlog::error("the engine has stopped: {}", status.error().message);
    close_feeds();
    {
      std::lock_guard lock(mutex_);
      outcome_ = std::move(status);
      ended_ = true;
    }
    ended_changed_.notify_all();
  }

  /// What was acknowledged before the stop should be visible in sinks after it, where time allows.
  void wait_until_caught_up(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit / 2;
    Epoch seen = loop_.visible();
    while (unread_in_log() > 0 && std::chrono::steady_clock::now() < deadline) {
      seen = loop_.wait_for_epoch(seen, std::chrono::milliseconds(20));
      std::lock_guard lock(mutex_);
      if (ended_) return;
    }
  }

  std::uint64_t unread_in_log() const {
    std::uint64_t unread = 0;
    for (const TopicState& topic : status_of(*assembly_, loop_).topics) {
      if (topic.embedded && topic.name != dead_letters_topic) unread += topic.lag;
    }
    return unread;
  }

  void on_disk_full(bool full) {
    pusher_.set_disk_full(full);
    sources_.set_paused(full);
    loop_.set_paused(full);
  }

  void close_feeds() {
    for (StreamSlot& slot : assembly_->streams) slot.feed->close();
    for (ViewSlot& slot : assembly_->views) slot.feed->close();
  }

  std::unique_ptr<Assembly> assembly_;
  Pusher pusher_;
  std::unique_ptr<LetterCopier> letters_;  // null: the dead letters are in their topic at once
  EpochLoop loop_;
  SourceRunner sources_;
  std::vector<std::unique_ptr<SinkRunner>> sink_runners_;  // by index in assembly_->remote_sinks
  DiskGuard disk_;
  mutable Rate rate_;
  std::mutex snapshot_mutex_;  // one at a time

  mutable std::mutex mutex_;
  std::condition_variable_any ended_changed_;
  bool started_ = false;
  bool ended_ = false;
  Status outcome_;
  std::jthread thread_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(pipeline::Graph graph, Connectors connectors,
                                             Options options) {
  auto assembly =
      LEAT_TRY(Assembly::build(std::move(graph), std::move(connectors), std::move(options)));
  return std::unique_ptr<Engine>(std::make_unique<RunningEngine>(std::move(assembly)));
}

}  // namespace leat::runtime
