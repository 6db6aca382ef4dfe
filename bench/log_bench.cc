// How fast a topic's partition takes records and gives them back: batches of about 1 MB of 285-byte
// records, as a copied source makes them, and of 100 records, as a push does. The log lies in the
// working directory.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <random>

#include "io/posix_file_system.h"
#include "log/topics.h"

namespace {

using namespace leat;

constexpr std::size_t record_bytes = 285;
constexpr std::size_t large_batch = (1u << 20) / record_bytes;
constexpr std::size_t small_batch = 100;
constexpr std::uint64_t log_bytes_max = 256u << 20;

/// JSON about as compressible as events are.
std::vector<std::string> events(std::size_t count) {
  std::mt19937_64 random(42);
  std::vector<std::string> made;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text = fmt::format(
        R"({{"id":"{:016x}-{:016x}","first_name":"Maria","last_name":"Sanchez","country":"Norway",)"
        R"("email":"maria.{:x}@example.com","amount":{},"user_key":{},"note":")",
        random(), random(), random() & 0xFFFFFF, random() % 10'000, random() % 10'000);
    while (text.size() + 2 < record_bytes) text += static_cast<char>('a' + random() % 26);
    made.push_back(text + "\"}");
  }
  return made;
}

/// A log of its own in the working directory, gone at the end.
class Log {
 public:
  explicit Log(log::Compression compression) {
    std::filesystem::remove_all(directory);
    topics_ = log::open_embedded_topics(files_, directory).value();
    log::TopicConfig config;
    config.compression = compression;
    log_ = &topics_->open("events", config).value()->partition(Partition(0));
  }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log() {
    topics_.reset();
    std::filesystem::remove_all(directory);
  }
  log::PartitionLog& operator*() { return *log_; }
  log::PartitionLog* operator->() { return log_; }

 private:
  static constexpr const char* directory = "log_bench_topics";
  io::PosixFileSystem files_;
  std::unique_ptr<log::Topics> topics_;
  log::PartitionLog* log_ = nullptr;
};

Status append(log::PartitionLog& log, std::span<const log::NewRecord> records) {
  const log::AppendResult appended = LEAT_TRY(log.append(records, std::nullopt));
  return log.sync(appended.last);
}

std::vector<log::NewRecord> records_of(const std::vector<std::string>& values) {
  std::vector<log::NewRecord> records;
  for (const std::string& value : values) records.push_back({.value = value});
  return records;
}

void count(benchmark::State& state, std::size_t records) {
  const auto all = static_cast<std::int64_t>(state.iterations() * records);
  state.SetItemsProcessed(all);
  state.SetBytesProcessed(all * static_cast<std::int64_t>(record_bytes));
}

void append_synced(benchmark::State& state, std::size_t batch, log::Compression compression) {
  const std::vector<std::string> values = events(batch);
  const std::vector<log::NewRecord> records = records_of(values);
  std::optional<Log> log(std::in_place, compression);
  for (auto _ : state) {
    if (!append(**log, records)) return state.SkipWithError("the append failed");
    if ((*log)->bytes() < log_bytes_max) continue;
    state.PauseTiming();
    log.emplace(compression);
    state.ResumeTiming();
  }
  count(state, batch);
}

void read(benchmark::State& state, log::Compression compression) {
  const std::vector<std::string> values = events(large_batch);
  const std::vector<log::NewRecord> records = records_of(values);
  Log log(compression);
  while (log->bytes() < log_bytes_max / 4) {
    if (!append(*log, records)) return state.SkipWithError("the append failed");
  }
  Slice slice;
  std::size_t taken = 0;
  Offset next = log->first_offset();
  for (auto _ : state) {
    if (next >= log->durable_offset()) next = log->first_offset();
    if (!log->read(next, 1u << 20, slice)) return state.SkipWithError("the read failed");
    taken += slice.records.size();
    next = slice.next;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(taken));
  state.SetBytesProcessed(static_cast<std::int64_t>(taken * record_bytes));
}

BENCHMARK_CAPTURE(append_synced, large_lz4, large_batch, log::Compression::lz4)->UseRealTime();
BENCHMARK_CAPTURE(append_synced, large_plain, large_batch, log::Compression::none)->UseRealTime();
BENCHMARK_CAPTURE(append_synced, of_100_lz4, small_batch, log::Compression::lz4)->UseRealTime();
BENCHMARK_CAPTURE(read, lz4, log::Compression::lz4);
BENCHMARK_CAPTURE(read, plain, log::Compression::none);

}  // namespace
