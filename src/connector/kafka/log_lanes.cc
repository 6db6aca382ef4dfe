#include "connector/kafka/log_lanes.h"

namespace leat::connector::kafka {
namespace {

/// Of one partition in one lane, ahead of its reader.
constexpr const char* fetched_kib_max = "16384";
/// How long a change of leaders may go unnoticed.
constexpr const char* refresh_ms = "5000";

}  // namespace

LogLanes::LogLanes(Connection connection) : connection_(std::move(connection)) {
  connection_.properties["queued.max.messages.kbytes"] = fetched_kib_max;
  connection_.settings.emplace("topic.metadata.refresh.interval.ms", refresh_ms);
}

Result<std::shared_ptr<ReadingClient>> LogLanes::lane(std::size_t index) {
  std::lock_guard lock(mutex_);
  std::shared_ptr<ReadingClient>& lane = lanes_[index];
  if (!lane) {
    SourceOptions options{.connection = connection_};
    // Nothing is committed to it; librdkafka wants one.
    options.group = "leat";
    options.isolation = "read_committed";
    lane = LEAT_TRY(ReadingClient::make(options));
    lane->set_trouble(trouble_);
  }
  return lane;
}

void LogLanes::set_trouble(std::optional<Error> trouble) {
  std::lock_guard lock(mutex_);
  trouble_ = std::move(trouble);
  for (const auto& lane : lanes_) {
    if (lane) lane->set_trouble(trouble_);
  }
}

std::optional<Error> LogLanes::trouble() const {
  std::lock_guard lock(mutex_);
  return trouble_;
}

void LogLanes::note_deletion() {
  std::lock_guard lock(mutex_);
  for (const auto& lane : lanes_) {
    if (lane) lane->note_deletion();
  }
}

void LogLanes::serve() {
  std::lock_guard lock(mutex_);
  for (const auto& lane : lanes_) {
    if (lane) lane->client().serve(0);
  }
}

}  // namespace leat::connector::kafka
