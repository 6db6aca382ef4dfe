#include "connector/mongodb/mongodb_source.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <spdlog/spdlog.h>

#include "base/backoff.h"
#include "connector/mongodb/change_feed.h"
#include "connector/mongodb/client.h"
#include "connector/mongodb/endpoint.h"
#include "connector/mongodb/source_plan.h"
#include "connector/mongodb/source_position.h"

namespace leat::connector {

using namespace mongodb;

namespace {

constexpr std::int64_t backoff_first_ms = 200, backoff_max_ms = 10'000;
/// What only somebody's hand can mend on the server is looked at again this often.
constexpr std::int64_t mended_by_hand_ms = 30'000;

/// For looking only.
class NoWriter final : public RecordWriter {
 public:
  Status append(std::span<const Entry>) override { return refusal(); }
  Status append(std::span<const Entry>, std::string_view) override { return refusal(); }
  Result<std::optional<std::string>> position() override { return std::nullopt; }

 private:
  static Status refusal() {
    return internal_error("only-looking", "a source that only looks has appended records");
  }
};

class MongodbSource final : public LiveSource {
 public:
  MongodbSource(SourcePlan plan, Endpoint endpoint)
      : plan_(std::move(plan)), endpoint_(std::move(endpoint)) {}

  Status run(std::stop_token stop, RecordWriter& writer, SourceStatus& status) override {
    if (const auto text = LEAT_TRY(writer.position())) {
      position_ = LEAT_TRY(SourcePosition::from_text(*text));
    }
    Backoff backoff(backoff_first_ms, backoff_max_ms);
    for (unsigned retry = 0; !stop.stop_requested(); ++retry) {
      ++status.attempts;
      const std::uint64_t records_before = status.records;
      const Status followed = follow(stop, writer, status);
      if (stop.stop_requested()) break;
      if (followed) continue;
      const Error& error = followed.error();
      if (error.code == "mongodb-history-lost") {
        LEAT_TRY(begin_anew(error));
        continue;
      }
      const bool by_hand = error.code == "mongodb-auth" || error.code == "mongodb-not-allowed" ||
                           error.code == "mongodb-tls";
      if (!error.retryable && !by_hand) return followed;
      if (status.records != records_before) retry = 0;
      note(error, status);
      wait(stop, by_hand ? mended_by_hand_ms : backoff.wait_ms(retry));
    }
    status.set_state("ended");
    return {};
  }

  Result<std::optional<std::string>> probe(std::stop_token stop) override {
    const auto client = LEAT_TRY(Client::make(endpoint_));
    const ServerFacts facts = LEAT_TRY(greet(*client, stop));
    NoWriter writer;
    SourceStatus status;
    LEAT_TRY(ChangeFeed(*client, plan_, writer, status, stop).try_to_watch());
    return fmt::format("MongoDB {}; the changes of {} can be followed", facts.version,
                       plan_.collection.shown());
  }

 private:
  static Result<ServerFacts> greet(Client& client, const std::stop_token& stop) {
    const auto turn = client.begin(stop);
    return client.greet();
  }

  Status follow(const std::stop_token& stop, RecordWriter& writer, SourceStatus& status) {
    const auto client = LEAT_TRY(Client::make(endpoint_));
    ChangeFeed feed(*client, plan_, writer, status, stop);
    if (!position_) {
      SourcePosition beginning = LEAT_TRY(feed.beginning(plan_.snapshot && !skip_snapshot_));
      LEAT_TRY(writer.append({}, beginning.to_text()));
      position_ = std::move(beginning);
    }
    return feed.follow(*position_);
  }

  /// The changes behind our position are gone. Error: what the user must decide.
  Status begin_anew(const Error& error) {
    if (plan_.history_lost == HistoryLost::stop) {
      return user_error("mongodb-history-lost",
                        "{}. The changes that follow what this source has read are no longer kept "
                        "by the server, and can't be had any more. Write `if_history_lost: "
                        "snapshot` to read {} again from the beginning, or `if_history_lost: "
                        "latest` to go on from now without them; a larger oplog "
                        "(replSetResizeOplog) keeps changes for longer",
                        error.message, plan_.collection.shown());
    }
    spdlog::warn(
        "mongodb source: {}; {}", error.message,
        plan_.history_lost == HistoryLost::snapshot ? "reading all again" : "going on from now");
    position_.reset();
    skip_snapshot_ = plan_.history_lost == HistoryLost::latest;
    return {};
  }

  void note(const Error& error, SourceStatus& status) {
    ++status.failures;
    ++status.retries;
    status.set_state("retrying");
    status.set_error(error.message);
    if (error.message != logged_)
      spdlog::warn("mongodb source: [{}] {}", error.code, error.message);
    logged_ = error.message;
  }

  static void wait(const std::stop_token& stop, std::int64_t wait_ms) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    never.wait_for(lock, stop, std::chrono::milliseconds(wait_ms), [] { return false; });
  }

  const SourcePlan plan_;
  const Endpoint endpoint_;
  std::optional<SourcePosition> position_;
  bool skip_snapshot_ = false;
  std::string logged_;
};

}  // namespace

Result<std::unique_ptr<LiveSource>> make_mongodb_source(const Settings& settings,
                                                        const Context& context) {
  prepare_library();
  Endpoint endpoint = LEAT_TRY(read_endpoint(settings, context));
  SourcePlan plan = LEAT_TRY(read_source_plan(settings, endpoint.uri));
  return std::make_unique<MongodbSource>(std::move(plan), std::move(endpoint));
}

}  // namespace leat::connector
