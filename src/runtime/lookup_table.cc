#include "runtime/lookup_table.h"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace leat::runtime {
namespace {

Schema key_schema(const connector::TableInput& input) {
  std::vector<Column> columns;
  for (const std::size_t column : input.key) columns.push_back(input.schema[column]);
  return Schema(std::move(columns));
}

std::vector<std::size_t> first_columns(std::size_t count) {
  std::vector<std::size_t> columns(count);
  for (std::size_t i = 0; i < count; ++i) columns[i] = i;
  return columns;
}

}  // namespace

/// Turns what the system answers into what is kept of it.
class LookupTable::Collector final : public connector::Answers {
 public:
  Collector(const LookupTable& table, std::span<const std::string_view> keys)
      : answers(keys.size()), table_(table), keys_(keys) {}

  /// Takes rows of the very key alone: a system may compare texts in a wider sense than SQL's `=`
  /// (without case, say).
  Status found(const Chunk& rows, std::span<const std::uint32_t> key_of) override {
    table_.row_codec().encode(rows, encoded_);
    table_.key_codec().encode(rows, table_.input().key, found_keys_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      LookedUp& answer = answers[key_of[i]];
      if (!answer.refusal.empty() || found_keys_[i] != keys_[key_of[i]]) continue;
      answer.rows.emplace_back(encoded_[i]);
    }
    return {};
  }
  void refused(std::uint32_t key, const std::string& reason) override {
    answers[key] = LookedUp{{}, reason};
  }

  std::vector<LookedUp> answers;

 private:
  const LookupTable& table_;
  const std::span<const std::string_view> keys_;  ///< that are asked for
  EncodedRows encoded_;
  EncodedRows found_keys_;
};

LookupTable::LookupTable(Setup setup)
    : LookupSource(setup.input),
      setup_(std::move(setup)),
      backoff_(setup_.waits.retry_first.count(), setup_.waits.retry_max.count()),
      cache_(setup_.cache) {}

void LookupTable::start() {
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

void LookupTable::stop() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  answered_.notify_all();
  thread_.request_stop();
  thread_ = {};
}

Result<std::vector<LookupTable::Answer>> LookupTable::look_up(
    std::span<const std::string_view> keys) {
  const auto request = std::make_shared<Request>();
  request->answers.resize(keys.size());
  std::unique_lock lock(mutex_);
  const Time now = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    request->answers[i] = cache_.find(keys[i], now);
    if (request->answers[i]) {
      ++hits_;
      continue;
    }
    ++misses_;
    ++request->open;
    const auto [place, fresh] = wanted_.try_emplace(std::string(keys[i]), Wanted{{}, now});
    place->second.by.emplace_back(request, i);
    if (fresh) queue_.push_back(&place->first);
  }
  if (request->open == 0) return std::move(request->answers);
  wanted_changed_.notify_one();
  const auto lost_patience = [&] {
    return setup_.waits.patience && failing_since_ &&
           std::chrono::steady_clock::now() - *failing_since_ > *setup_.waits.patience;
  };
  answered_.wait(lock, [&] { return request->open == 0 || ended_ || lost_patience(); });
  if (request->open == 0) return std::move(request->answers);
  if (ended_) return transient_error("stopping", "table {}: stopping", setup_.input.table);
  return external_error("table-failed",
                        "table {}: {}; what was to be joined with it is read again "
                        "at the next start",
                        setup_.input.table, last_error_);
}

TableState LookupTable::state() const {
  TableState state{.name = setup_.input.table, .connector = setup_.connector};
  state.lookup_ms_p50 = lookup_time_.quantile_ms(0.5);
  state.lookup_ms_p99 = lookup_time_.quantile_ms(0.99);
  std::lock_guard lock(mutex_);
  state.state = state_;
  state.last_error = last_error_;
  state.lookups = hits_ + misses_;
  state.hits = hits_;
  state.misses = misses_;
  state.missing = missing_;
  state.refused = refused_;
  state.failures = failures_;
  state.cached_rows = cache_.rows();
  state.cached_bytes = cache_.bytes();
  Time since = Time::max();
  for (const auto& [key, wanted] : wanted_) since = std::min(since, wanted.since);
  if (since != Time::max()) {
    state.waiting_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
  }
  return state;
}

void LookupTable::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Status status = setup_.table->open(stop);
    if (status) {
      succeeded();
      status = answer_until_it_fails(stop);
    }
    if (stop.stop_requested()) return;
    if (!status) on_failure(status.error(), stop);
  }
}

/// Returns well only when asked to stop.
Status LookupTable::answer_until_it_fails(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const std::vector<const std::string*> keys = next_keys(stop);
    if (keys.empty()) continue;
    const Status asked = ask(keys, stop);
    if (!asked) {
      std::lock_guard lock(mutex_);
      queue_.insert(queue_.begin(), keys.begin(), keys.end());
      return asked;
    }
    succeeded();
  }
  return {};
}

/// Waits for some; none when asked to stop.
std::vector<const std::string*> LookupTable::next_keys(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  wanted_changed_.wait(lock, stop, [&] { return !queue_.empty(); });
  const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), chunk_rows_max));
  std::vector<const std::string*> keys(queue_.begin(), queue_.begin() + count);
  queue_.erase(queue_.begin(), queue_.begin() + count);
  return keys;
}

Status LookupTable::ask(std::span<const std::string* const> keys, const std::stop_token& stop) {
  const std::vector<std::string_view> encoded = [&] {
    std::vector<std::string_view> texts;
    for (const std::string* key : keys) texts.emplace_back(*key);
    return texts;
  }();
  Chunk chunk(key_schema(setup_.input));
  LEAT_TRY(key_codec().decode(encoded, first_columns(setup_.input.key.size()), chunk, 0));
  chunk.set_size(keys.size());
  Collector collector(*this, encoded);
  {
    const Latency::Stopwatch stopwatch(lookup_time_);
    LEAT_TRY(setup_.table->look_up(chunk, collector, stop));
  }
  take_answers(keys, std::move(collector.answers));
  return {};
}

void LookupTable::take_answers(std::span<const std::string* const> keys,
                               std::vector<LookedUp> answers) {
  {
    std::lock_guard lock(mutex_);
    const Time now = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!answers[i].refusal.empty()) {
        ++refused_;
      } else if (answers[i].rows.empty()) {
        ++missing_;
      }
      const auto answer = std::make_shared<const LookedUp>(std::move(answers[i]));
      cache_.put(*keys[i], answer, now);
      const auto wanted = wanted_.find(*keys[i]);
      for (const auto& [request, place] : wanted->second.by) {
        request->answers[place] = answer;
        --request->open;
      }
      wanted_.erase(wanted);
    }
  }
  answered_.notify_all();
}

void LookupTable::succeeded() {
  bool was_failing = false;
  {
    std::lock_guard lock(mutex_);
    was_failing = failing_since_.has_value();
    failures_in_a_row_ = 0;
    failing_since_.reset();
    state_ = "ready";
    last_error_.clear();
  }
  if (was_failing) spdlog::info("table {}: it is there again", setup_.input.table);
}

void LookupTable::on_failure(const Error& error, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  ++failures_;
  if (!failing_since_) failing_since_ = std::chrono::steady_clock::now();
  const unsigned failure = failures_in_a_row_++;
  // The first of a row of failures is worth a line; the rest are in the status.
  if (failure == 0) {
    spdlog::error("table {}: {}; what is to be joined with it waits", setup_.input.table,
                  error.message);
  }
  state_ = error.retryable ? "retrying" : "failed";
  last_error_ = error.message;
  answered_.notify_all();  // somebody may lose his patience
  const auto time = error.retryable ? std::chrono::milliseconds(backoff_.wait_ms(failure))
                                    : setup_.waits.mended_by_hand;
  wanted_changed_.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace leat::runtime
