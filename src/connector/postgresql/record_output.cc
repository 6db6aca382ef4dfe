#include "connector/postgresql/record_output.h"

#include <condition_variable>
#include <mutex>

#include <spdlog/spdlog.h>

#include "base/backoff.h"

namespace leat::connector::postgresql {
namespace {

constexpr std::int64_t retry_first_ms = 100, retry_max_ms = 5'000;

}  // namespace

bool wait_for(std::int64_t wait_ms, const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any never;
  never.wait_for(lock, stop, std::chrono::milliseconds(wait_ms), [] { return false; });
  return !stop.stop_requested();
}

Status RecordOutput::append(ChangeRecords& records, const std::string& position) {
  const std::vector<RecordWriter::Entry>& entries = records.entries();
  LEAT_TRY(append_entries(entries, position));
  status_.records += entries.size();
  for (const RecordWriter::Entry& entry : entries) status_.bytes += entry.value.size();
  records.clear();
  return {};
}

Status RecordOutput::append_entries(std::span<const RecordWriter::Entry> entries,
                                    const std::string& position) {
  Backoff patience(retry_first_ms, retry_max_ms);
  for (unsigned retry = 0;; ++retry) {
    const Status appended = writer_.append(entries, position);
    if (appended) return {};
    const Error& error = appended.error();
    status_.set_error(error.message);
    if (error.retryable) {
      ++status_.retries;
      if (!wait_for(patience.wait_ms(retry), stop_)) return external_error("stopped", "stopped");
      continue;
    }
    if (error.domain != Domain::user || entries.empty()) return appended;
    // A record that the topic will never take must not keep the others out.
    ++status_.failures;
    if (entries.size() == 1) {
      spdlog::error("postgresql source: a record is left out: [{}] {}", error.code, error.message);
      return {};
    }
    const std::size_t half = entries.size() / 2;
    LEAT_TRY(append_entries(entries.first(half), position));
    return append_entries(entries.subspan(half), position);
  }
}

}  // namespace leat::connector::postgresql
