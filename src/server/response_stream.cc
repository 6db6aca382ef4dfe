#include "server/response_stream.h"

namespace leat::server {

ResponseStream::ResponseStream(Limits limits, std::function<void()> wake)
    : limits_(limits), wake_(std::move(wake)) {}

void ResponseStream::wake_unlocked(std::unique_lock<std::mutex>& lock) {
  if (woken_ || gone_) return;
  woken_ = true;
  lock.unlock();
  wake_();
}

bool ResponseStream::write(std::string bytes) {
  if (bytes.empty()) return !gone();
  std::unique_lock lock(mutex_);
  const auto has_room = [&] { return gone_ || bytes_ < limits_.bytes_max; };
  if (!room_.wait_for(lock, limits_.wait_max, has_room)) {
    aborted_ = true;
    wake_unlocked(lock);
    return false;
  }
  if (gone_ || aborted_) return false;
  bytes_ += bytes.size();
  pieces_.push_back(std::make_shared<const std::string>(std::move(bytes)));
  wake_unlocked(lock);
  return true;
}

bool ResponseStream::try_write(Piece piece) {
  std::unique_lock lock(mutex_);
  if (gone_ || aborted_ || finished_ || bytes_ >= limits_.bytes_max) return false;
  bytes_ += piece->size();
  pieces_.push_back(std::move(piece));
  wake_unlocked(lock);
  return true;
}

void ResponseStream::write_last(std::string bytes) {
  std::unique_lock lock(mutex_);
  if (gone_ || aborted_ || finished_) return;
  bytes_ += bytes.size();
  pieces_.push_back(std::make_shared<const std::string>(std::move(bytes)));
  finished_ = true;
  wake_unlocked(lock);
}

void ResponseStream::finish(std::string trailer) {
  std::unique_lock lock(mutex_);
  finished_ = true;
  trailer_ = std::move(trailer);
  wake_unlocked(lock);
}

void ResponseStream::abort() {
  std::unique_lock lock(mutex_);
  aborted_ = true;
  wake_unlocked(lock);
}

bool ResponseStream::gone() const {
  std::lock_guard lock(mutex_);
  return gone_;
}

ResponseStream::Batch ResponseStream::take(std::size_t bytes_max) {
  std::lock_guard lock(mutex_);
  woken_ = false;
  Batch batch;
  while (!pieces_.empty() && batch.bytes < bytes_max) {
    batch.bytes += pieces_.front()->size();
    batch.pieces.push_back(std::move(pieces_.front()));
    pieces_.pop_front();
  }
  bytes_ -= batch.bytes;
  batch.aborted = aborted_;
  if (pieces_.empty() && finished_) {
    batch.finished = true;
    batch.trailer = trailer_;
  }
  if (batch.bytes > 0) room_.notify_all();
  return batch;
}

void ResponseStream::client_left() {
  std::lock_guard lock(mutex_);
  gone_ = true;
  pieces_.clear();
  bytes_ = 0;
  room_.notify_all();
}

}  // namespace leat::server
