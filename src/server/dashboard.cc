#include "server/dashboard.h"

#include <algorithm>

#include "format/encoder.h"
#include "server/event_text.h"

namespace leat::server {
namespace {

constexpr std::chrono::milliseconds refresh_interval{250};
constexpr std::chrono::seconds status_interval{1};
/// Rows of a panel: more can't be looked at.
constexpr std::size_t panel_rows_max = 1000;

}  // namespace

/// One client of the dashboard: what it was sent last.
class DashboardFollower final : public Follower {
 public:
  explicit DashboardFollower(Dashboard& dashboard)
      : dashboard_(dashboard), versions_(dashboard.panels_.size(), 0) {
    dashboard_.add_listener();
  }
  ~DashboardFollower() override { dashboard_.remove_listener(); }

  State poll(ResponseStream& stream, bool) override {
    State state = State::quiet;
    // A client without room gets the newest version later, not every one in between.
    for (std::size_t i = 0; i < versions_.size(); ++i) {
      std::uint64_t version = versions_[i];
      const auto event = dashboard_.newer_event(i, version);
      if (event == nullptr) continue;
      if (!stream.try_write(event)) return state;
      versions_[i] = version;
      state = State::wrote;
    }
    std::uint64_t version = status_version_;
    const auto status = dashboard_.status_event(version);
    if (status != nullptr && stream.try_write(status)) status_version_ = version;
    // The status alone is no reason to leave out the heartbeat that the API promises.
    return state;
  }

 private:
  Dashboard& dashboard_;
  std::vector<std::uint64_t> versions_;
  std::uint64_t status_version_ = 0;
};

Dashboard::Dashboard(runtime::Engine& engine, Queries& queries)
    : engine_(engine), queries_(queries) {
  for (const pipeline::PanelNode& node : engine.graph().panels) panels_.emplace_back().node = &node;
  thread_ = std::thread([this] { run(); });
}

Dashboard::~Dashboard() { stop(); }

void Dashboard::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<Follower> Dashboard::follow() { return std::make_unique<DashboardFollower>(*this); }

void Dashboard::add_listener() {
  std::lock_guard lock(mutex_);
  if (++listeners_ == 1) ++arrivals_;
  changed_.notify_all();
}

void Dashboard::remove_listener() {
  std::lock_guard lock(mutex_);
  --listeners_;
}

void Dashboard::run() {
  while (true) {
    std::uint64_t arrival = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || listeners_ > 0; });
      if (stopping_) return;
      arrival = arrivals_;
    }
    refresh();
    std::unique_lock lock(mutex_);
    fresh_for_ = arrival;
    changed_.wait_for(lock, refresh_interval,
                      [&] { return stopping_ || (listeners_ > 0 && !is_fresh()); });
    if (stopping_) return;
  }
}

Dashboard::Counters Dashboard::counters_of(const pipeline::PanelNode& node,
                                           const runtime::EngineStatus& status) {
  Counters counters;
  for (const std::string& input : node.inputs) {
    for (const auto& view : status.views) {
      if (view.name == input) counters.push_back(view.touched_epoch);
    }
    for (const auto& stream : status.streams) {
      if (stream.name == input) counters.push_back(stream.out);
    }
  }
  return counters;
}

void Dashboard::refresh() {
  std::lock_guard one_at_a_time(refreshing_);
  // Counted before the queries run: what comes in between makes them run again.
  const runtime::EngineStatus status = engine_.status();
  for (std::size_t i = 0; i < panels_.size(); ++i) {
    Counters counters = counters_of(*panels_[i].node, status);
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      if (panels_[i].counters == counters) continue;
    }
    evaluate(i, std::move(counters));
  }
}

void Dashboard::evaluate(std::size_t index, Counters counters) {
  Panel panel;
  panel.node = panels_[index].node;
  panel.rows = "[";
  std::optional<format::RowEncoder> encoder;
  const Queries::Receiver receiver{[&](const Schema& schema, Epoch epoch) {
                                     encoder.emplace(schema);
                                     panel.columns = text_of(columns_json(schema));
                                     panel.epoch = epoch;
                                   },
                                   [&](const Chunk& chunk) {
                                     for (std::size_t row = 0; row < chunk.size(); ++row) {
                                       if (panel.rows.size() > 1) panel.rows += ',';
                                       encoder->append_json_array(chunk, row, panel.rows);
                                     }
                                     return true;
                                   }};
  const auto summary = queries_.run(panel.node->sql, panel_rows_max, receiver);
  panel.rows += ']';
  bool retry = false;
  if (!summary) {
    const Error& error = summary.error().error;
    panel.rows = "[]";
    panel.epoch = engine_.visible_epoch();
    panel.error = text_of({{"code", error.code}, {"message", error.message}});
    retry = error.retryable;
  }

  std::lock_guard lock(mutex_);
  Panel& known = panels_[index];
  panel.version = known.version + 1;
  const bool same = known.version > 0 && known.rows == panel.rows &&
                    known.columns == panel.columns && known.error == panel.error;
  if (same) {
    known.epoch = panel.epoch;
    known.counters = std::move(counters);
    return;
  }
  // A passing fault is tried again at the next look.
  if (!retry) panel.counters = std::move(counters);
  std::string event;
  append_event(fmt::to_string(panel.epoch.value()), "panel", json_of_panel(panel), event);
  panel.event = std::make_shared<const std::string>(std::move(event));
  known = std::move(panel);
}

std::string Dashboard::json_of_panel(const Panel& panel) {
  const pipeline::PanelNode& node = *panel.node;
  std::string json = text_of({{"id", node.id},
                              {"pipeline", node.pipeline},
                              {"title", node.title},
                              {"kind", node.kind},
                              {"sql", node.sql}});
  json.pop_back();
  json += fmt::format(R"(,"columns":{},"rows":{},"epoch":{},"error":{}}})", panel.columns,
                      panel.rows, panel.epoch, panel.error);
  return json;
}

ResponseStream::Piece Dashboard::newer_event(std::size_t index, std::uint64_t& version) {
  std::lock_guard lock(mutex_);
  if (!is_fresh() || panels_[index].version <= version) return nullptr;
  version = panels_[index].version;
  return panels_[index].event;
}

ResponseStream::Piece Dashboard::status_event(std::uint64_t& version) {
  std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (status_event_ == nullptr || now - status_made_ >= status_interval) {
    std::string event;
    append_event({}, "status", text_of(status_json(engine_.status())), event);
    status_event_ = std::make_shared<const std::string>(std::move(event));
    status_made_ = now;
    ++status_version_;
  }
  if (version == status_version_) return nullptr;
  version = status_version_;
  return status_event_;
}

std::string Dashboard::document() {
  refresh();
  std::string json = R"({"pipelines":)" + text_of(Json(engine_.graph().pipelines));
  json += R"(,"panels":[)";
  {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < panels_.size(); ++i) {
      if (i > 0) json += ',';
      json += json_of_panel(panels_[i]);
    }
  }
  json += R"(],"status":)" + text_of(status_json(engine_.status())) + "}\n";
  return json;
}

}  // namespace leat::server
