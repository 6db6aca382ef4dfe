#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/engine.h"
#include "server/live_feed.h"
#include "server/queries.h"
#include "server/status_json.h"

namespace leat::server {

/// The panels of the pipeline files, kept up to date once for all who look at them: a panel's query
/// runs again only after something that it reads has changed, a few times a second at most, and
/// only while somebody listens. Thread-safe.
class Dashboard {
 public:
  Dashboard(runtime::Engine& engine, Queries& queries);
  ~Dashboard();
  void stop();

  /// The whole document, as of now.
  std::string document();
  /// Follows panels and status. Must not outlive the dashboard.
  std::unique_ptr<Follower> follow();

 private:
  friend class DashboardFollower;

  /// What a panel's inputs had counted when it ran: it runs again when that is different.
  using Counters = std::vector<std::uint64_t>;

  struct Panel {
    const pipeline::PanelNode* node = nullptr;
    std::uint64_t version = 0;  ///< 0: never ran; rises when the rows change
    std::string columns = "[]", rows = "[]", error = "null";
    Epoch epoch;
    std::optional<Counters> counters;
    ResponseStream::Piece event;
  };

  void run();
  void refresh();
  void evaluate(std::size_t index, Counters counters);
  static Counters counters_of(const pipeline::PanelNode& node, const runtime::EngineStatus& status);
  static std::string json_of_panel(const Panel& panel);
  bool is_fresh() const { return arrivals_ == fresh_for_; }  ///< under the lock
  void add_listener();
  void remove_listener();
  /// The panel's event, when it is newer than `version`; moves that on.
  ResponseStream::Piece newer_event(std::size_t index, std::uint64_t& version);
  /// The status event of this second.
  ResponseStream::Piece status_event(std::uint64_t& version);

  runtime::Engine& engine_;
  Queries& queries_;
  std::mutex refreshing_;  ///< one refresh at a time; taken before `mutex_`
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Panel> panels_;
  unsigned listeners_ = 0;
  std::uint64_t arrivals_ = 0;   ///< times that somebody came when nobody was listening
  std::uint64_t fresh_for_ = 0;  ///< the arrival since which the panels were looked at
  bool stopping_ = false;
  std::uint64_t status_version_ = 0;
  std::chrono::steady_clock::time_point status_made_;
  ResponseStream::Piece status_event_;
  std::thread thread_;
};

}  // namespace leat::server
