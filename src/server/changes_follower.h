#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "format/encoder.h"
#include "runtime/engine.h"
#include "server/live_feed.h"

namespace leat::server {

/// One stream or view as its clients get it: the rows' encoder, and the newest epochs' changes as
/// text, made once for all clients. For the feed's thread, but `encoder`.
class ChangesText {
 public:
  explicit ChangesText(Schema schema) : encoder_(std::move(schema)) {}

  const format::RowEncoder& encoder() const { return encoder_; }
  /// The event of one epoch.
  ResponseStream::Piece event_of(const runtime::PublishedChanges& published);

 private:
  /// As many epochs as clients that are a little behind each other may want again.
  static constexpr std::size_t kept_max = 16;

  const format::RowEncoder encoder_;
  std::vector<std::pair<runtime::PublishedChanges, ResponseStream::Piece>> kept_;
  std::size_t oldest_ = 0;
};

/// Hands on the changes of a subscription.
class ChangesFollower final : public Follower {
 public:
  /// Epochs up to `after` are left out: the client has them.
  ChangesFollower(std::unique_ptr<runtime::Subscription> subscription, Epoch after,
                  std::shared_ptr<ChangesText> text, HttpMetrics& metrics);
  State poll(ResponseStream& stream, bool news) override;

 private:
  State end(ResponseStream& stream, const Error& error);

  const std::unique_ptr<runtime::Subscription> subscription_;
  const Epoch after_;
  const std::shared_ptr<ChangesText> text_;
  HttpMetrics& metrics_;
  ResponseStream::Piece held_;  ///< found no room yet
  bool more_ = true;            ///< the subscription was not empty at the last look
};

}  // namespace leat::server
