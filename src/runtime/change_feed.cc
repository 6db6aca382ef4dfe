#include "runtime/change_feed.h"

namespace leat::runtime {
namespace {

/// Memory that a chunk takes, near enough for a bound: 16 bytes a value, and the longer texts.
std::size_t bytes_of(const ChangeChunk& changes) {
  const Chunk& chunk = changes.rows;
  std::size_t bytes = chunk.size() * (chunk.column_count() * 16 + sizeof(std::int64_t));
  for (std::size_t column = 0; column < chunk.column_count(); ++column) {
    const LogicalType type(duckdb_vector_get_column_type(chunk.vector(column)));
    if (duckdb_get_type_id(type.get()) != DUCKDB_TYPE_VARCHAR) continue;
    const auto* texts =
        static_cast<const duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(column)));
    const std::uint64_t* validity = duckdb_vector_get_validity(chunk.vector(column));
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      if (is_valid(validity, row)) bytes += text_of(texts[row]).size();
    }
  }
  return bytes;
}

}  // namespace

bool ChangeFeed::followed() const {
  std::lock_guard lock(mutex_);
  return followers_ > 0 || (complete_ && std::chrono::steady_clock::now() - last_left_ < linger);
}

void ChangeFeed::publish(Epoch visible, std::vector<ChangeChunk> changes) {
  std::size_t bytes = 0;
  for (const ChangeChunk& chunk : changes) bytes += bytes_of(chunk);
  {
    std::lock_guard lock(mutex_);
    if (!complete_) return;
    if (followers_ == 0 && std::chrono::steady_clock::now() - last_left_ >= linger) {
      complete_ = false;
      first_ += entries_.size();
      entries_.clear();
      bytes_ = 0;
      return;
    }
    if (changes.empty()) return;
    PublishedChanges published{
        visible, std::make_shared<const std::vector<ChangeChunk>>(std::move(changes))};
    entries_.push_back({std::move(published), bytes});
    bytes_ += bytes;
    while (bytes_ > bytes_max_ && entries_.size() > 1) {
      complete_after_ = entries_.front().changes.epoch;
      bytes_ -= entries_.front().bytes;
      entries_.pop_front();
      ++first_;
    }
  }
  published_.notify_all();
}

void ChangeFeed::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  published_.notify_all();
}

/// Reads the feed from a place of its own.
class ChangeFeed::Follower final : public Subscription {
 public:
  Follower(std::shared_ptr<ChangeFeed> feed, std::uint64_t next)
      : feed_(std::move(feed)), next_(next) {}

  ~Follower() override {
    std::lock_guard lock(feed_->mutex_);
    --feed_->followers_;
    feed_->last_left_ = std::chrono::steady_clock::now();
  }

  Result<std::optional<PublishedChanges>> next(std::chrono::milliseconds timeout) override {
    std::unique_lock lock(feed_->mutex_);
    feed_->published_.wait_for(lock, timeout, [&] {
      return feed_->closed_ || next_ < feed_->first_ + feed_->entries_.size();
    });
    if (next_ < feed_->first_) {
      return user_error("fell-behind",
                        "changes were made faster than they were taken: {} epochs are gone; take a "
                        "snapshot and follow from there",
                        feed_->first_ - next_);
    }
    if (next_ < feed_->first_ + feed_->entries_.size()) {
      return std::optional(feed_->entries_[next_++ - feed_->first_].changes);
    }
    if (feed_->closed_) return transient_error("stopping", "the server is stopping; connect again");
    return std::optional<PublishedChanges>();
  }

 private:
  std::shared_ptr<ChangeFeed> feed_;
  std::uint64_t next_;
};

Result<std::unique_ptr<Subscription>> ChangeFeed::subscribe(std::shared_ptr<ChangeFeed> feed,
                                                            std::optional<Epoch> after,
                                                            Epoch visible) {
  std::lock_guard lock(feed->mutex_);
  if (feed->closed_) return transient_error("stopping", "the server is stopping; connect again");
  if (!feed->complete_) {
    feed->complete_ = true;
    feed->complete_after_ = visible;
  }
  std::uint64_t next = feed->first_ + feed->entries_.size();
  if (after) {
    if (*after < feed->complete_after_ || *after > visible) {
      return user_error("changes-gone",
                        "changes after epoch {} are no longer kept (only those after {}); take a "
                        "snapshot and follow from there",
                        *after, feed->complete_after_);
    }
    while (next > feed->first_ && feed->entries_[next - 1 - feed->first_].changes.epoch > *after) {
      --next;
    }
  }
  ++feed->followers_;
  return std::unique_ptr<Subscription>(std::make_unique<Follower>(feed, next));
}

}  // namespace leat::runtime
