#include "server/changes_follower.h"

#include <iterator>

#include "server/api_error.h"
#include "server/event_text.h"

namespace leat::server {
namespace {

/// Epochs handed to one client before the next one gets its turn.
constexpr int epochs_per_turn = 64;

std::string changes_json(const runtime::PublishedChanges& published,
                         const format::RowEncoder& encoder) {
  std::string json;
  fmt::format_to(std::back_inserter(json), R"({{"epoch":{},"changes":[)", published.epoch);
  bool first = true;
  for (const ChangeChunk& chunk : *published.changes) {
    for (std::size_t row = 0; row < chunk.rows.size(); ++row) {
      fmt::format_to(std::back_inserter(json), R"({}{{"weight":{},"row":)", first ? "" : ",",
                     chunk.weight(row));
      encoder.append_json_object(chunk.rows, row, json);
      json += '}';
      first = false;
    }
  }
  json += "]}";
  return json;
}

}  // namespace

ResponseStream::Piece ChangesText::event_of(const runtime::PublishedChanges& published) {
  for (const auto& [known, piece] : kept_) {
    if (known.changes == published.changes && known.epoch == published.epoch) return piece;
  }
  std::string event;
  append_event(fmt::to_string(published.epoch.value()), "changes",
               changes_json(published, encoder_), event);
  auto piece = std::make_shared<const std::string>(std::move(event));
  if (kept_.size() < kept_max) {
    kept_.emplace_back(published, piece);
  } else {
    kept_[oldest_] = {published, piece};
    oldest_ = (oldest_ + 1) % kept_max;
  }
  return piece;
}

ChangesFollower::ChangesFollower(std::unique_ptr<runtime::Subscription> subscription, Epoch after,
                                 std::shared_ptr<ChangesText> text, HttpMetrics& metrics)
    : subscription_(std::move(subscription)),
      after_(after),
      text_(std::move(text)),
      metrics_(metrics) {}

Follower::State ChangesFollower::end(ResponseStream& stream, const Error& error) {
  // Counted first: whoever has read the last event may look at the metrics next.
  if (error.code == "fell-behind") {
    metrics_.event_streams_dropped.fetch_add(1, std::memory_order_relaxed);
  }
  std::string event;
  append_event({}, "error", json_of({error}), event);
  stream.write_last(std::move(event));
  return State::ended;
}

Follower::State ChangesFollower::poll(ResponseStream& stream, bool news) {
  State state = State::quiet;
  if (!news && !more_) return state;
  more_ = true;
  for (int i = 0; i < epochs_per_turn; ++i) {
    if (held_ == nullptr) {
      auto next = subscription_->next(std::chrono::milliseconds(0));
      if (!next) return end(stream, next.error());
      if (!*next) {
        more_ = false;
        return state;
      }
      if ((*next)->changes == nullptr || (*next)->changes->empty()) continue;
      if ((*next)->epoch <= after_) continue;
      held_ = text_->event_of(**next);
    }
    if (!stream.try_write(held_)) return state;
    held_ = nullptr;
    state = State::wrote;
  }
  return state;
}

}  // namespace leat::server
