#include "server/push_queue.h"

#include <algorithm>
#include <iterator>

#include "server/api_error.h"
#include "server/push_lane.h"

namespace leat::server {
namespace {

/// Jobs looked at for one batch: what is further back waits for the next.
constexpr std::size_t search_max = 4096;

Response response_of(std::size_t count, const runtime::Appended& appended) {
  Response response;
  response.content_type = content_type_json;
  fmt::format_to(std::back_inserter(response.body),
                 R"({{"count":{},"partition":{},"first_offset":{},"last_offset":{},)"
                 R"("duplicate":{}}})"
                 "\n",
                 count, appended.partition, appended.first, appended.last, appended.duplicate);
  return response;
}

}  // namespace

PushQueue::PushQueue(runtime::Engine& engine, const Limits& limits, unsigned threads)
    : engine_(engine), limits_(limits) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

PushQueue::~PushQueue() { stop(); }

void PushQueue::submit(std::unique_ptr<PushJob> job) {
  std::unique_lock lock(mutex_);
  // A body alone may be larger than what is left: one that meets an empty queue is always taken.
  const bool full =
      waiting_.size() >= limits_.push_requests_waiting_max ||
      (!waiting_.empty() && waiting_bytes_ + job->body.size() > limits_.bodies_bytes_max / 2);
  if (full || stopping_) {
    lock.unlock();
    return job->exchange.reply(server::response_of(
        stopping_ ? Error{Domain::external, "stopping", "the server is stopping", true}
                  : Error{Domain::external, "overloaded",
                          "more records are waiting to be written than the disk takes; send "
                          "again, slower",
                          true}));
  }
  const bool can_begin = may_begin(*job);
  waiting_bytes_ += job->body.size();
  waiting_.push_back(std::move(job));
  // What can't begin is taken by the thread that stands in its way, when it is done.
  if (can_begin && idle_ > 0) changed_.notify_one();
}

void PushQueue::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::size_t PushQueue::waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_.size();
}

bool PushQueue::may_begin(const PushJob& job) const {
  if (job.exchange.push_lane().in_flight > 0) return false;
  return !job.is_combinable() || !job.topic->combining;
}

bool PushQueue::may_join(const Batch& batch, const PushJob& job) const {
  if (job.exchange.push_lane().in_flight > 0) return false;
  const PushJob& first = *batch.front();
  return first.is_combinable() && job.is_combinable() && job.topic == first.topic &&
         batch_records_ + job.records.size() <= limits_.push_batch_records_max &&
         batch_bytes_ + job.body.size() <= limits_.push_batch_bytes_max;
}

/// The next jobs to be written together, removed from those waiting; none when none may begin. The
/// lock is held.
PushQueue::Batch PushQueue::take() {
  Batch batch;
  bool left_some = false;
  ++search_;
  const std::size_t looked_at = std::min(waiting_.size(), search_max);
  for (std::size_t i = 0; i < looked_at; ++i) {
    PushLane& lane = waiting_[i]->exchange.push_lane();
    const bool fits = batch.empty() ? may_begin(*waiting_[i]) : may_join(batch, *waiting_[i]);
    if (!fits || lane.skipped_in == search_) {
      left_some = left_some || may_begin(*waiting_[i]);
      lane.skipped_in = search_;
      continue;
    }
    if (batch.empty()) batch_records_ = batch_bytes_ = 0;
    batch_records_ += waiting_[i]->records.size();
    batch_bytes_ += waiting_[i]->body.size();
    waiting_bytes_ -= waiting_[i]->body.size();
    batch.push_back(std::move(waiting_[i]));
    if (!batch.front()->is_combinable()) {
      left_some = left_some || i + 1 < waiting_.size();
      break;
    }
  }
  if (batch.empty()) return batch;
  if (batch.size() == looked_at) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(looked_at));
  } else {
    std::erase(waiting_, nullptr);
  }
  for (const auto& job : batch) ++job->exchange.push_lane().in_flight;
  if (batch.front()->is_combinable()) batch.front()->topic->combining = true;
  if (left_some && idle_ > 0) changed_.notify_one();
  return batch;
}

void PushQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    Batch batch = take();
    if (batch.empty()) {
      // While stopping, whoever writes now takes what waits behind it.
      if (stopping_) return;
      ++idle_;
      changed_.wait(lock);
      --idle_;
      continue;
    }
    lock.unlock();
    write(std::move(batch));
    lock.lock();
  }
}

Result<runtime::Appended> PushQueue::append(const PushJob& job,
                                            std::span<const runtime::PushRecord> records) {
  return engine_.push(job.topic->name, records, job.identity);
}

std::vector<Response> PushQueue::write_each(Batch& batch) {
  std::vector<Response> responses;
  for (const auto& job : batch) {
    const auto appended = append(*job, job->records);
    responses.push_back(appended ? response_of(job->records.size(), *appended)
                                 : server::response_of(appended.error()));
  }
  return responses;
}

void PushQueue::write(Batch batch) {
  std::vector<Response> responses;
  if (batch.size() == 1) {
    responses = write_each(batch);
  } else {
    std::vector<runtime::PushRecord> records;
    for (const auto& job : batch) {
      records.insert(records.end(), job->records.begin(), job->records.end());
    }
    auto appended = append(*batch.front(), records);
    if (appended) {
      for (const auto& job : batch) {
        const auto count = static_cast<std::int64_t>(job->records.size());
        appended->last = appended->first + (count - 1);
        responses.push_back(response_of(job->records.size(), *appended));
        appended->first = appended->first + count;
      }
    } else if (appended.error().domain == Domain::user) {
      // One request's fault is no reason to refuse the others.
      responses = write_each(batch);
    } else {
      for (std::size_t i = 0; i < batch.size(); ++i) {
        responses.push_back(server::response_of(appended.error()));
      }
    }
  }

  // The lanes live in connections that the exchanges keep alive: let go of them first.
  {
    std::lock_guard lock(mutex_);
    for (const auto& job : batch) --job->exchange.push_lane().in_flight;
    if (batch.front()->is_combinable()) batch.front()->topic->combining = false;
  }
  std::vector<std::pair<Exchange, Response>> answers;
  answers.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    answers.emplace_back(std::move(batch[i]->exchange), std::move(responses[i]));
  }
  Exchange::reply_all(std::move(answers));
}

}  // namespace leat::server
