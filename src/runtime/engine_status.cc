#include "runtime/engine_status.h"

#include <sys/resource.h>

#include "base/process_memory.h"
#include "runtime/dead_letters.h"

namespace leat::runtime {
namespace {

double cpu_seconds() {
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) != 0) return 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

TimestampMs to_ms(op::EventTimeUs time) { return time == op::no_watermark ? 0 : time / 1000; }

std::optional<double> lag_of(op::EventTimeUs watermark, const Clock& clock) {
  if (watermark == op::no_watermark) return std::nullopt;
  return static_cast<double>(clock.now_ms() - watermark / 1000) / 1e3;
}

void add_embedded_topics(const Assembly& assembly, EngineStatus& status) {
  for (log::Topic* topic : assembly.topics->all()) {
    TopicState state{.name = topic->name(), .embedded = true, .partitions = {}};
    for (Partition p(0); p < Partition(topic->partition_count()); ++p) {
      const log::PartitionLog& log = topic->partition(p);
      state.records += log.records();
      state.bytes += log.bytes();
      state.partitions.push_back({.partition = p.value(),
                                  .name = {},
                                  .first_offset = log.first_offset().value(),
                                  .next_offset = log.next_offset().value(),
                                  .read_offset = log.next_offset().value(),
                                  .records = log.records(),
                                  .bytes = log.bytes()});
    }
    status.topics.push_back(std::move(state));
  }
}

TopicState& topic_named(EngineStatus& status, const std::string& name) {
  for (TopicState& topic : status.topics) {
    if (topic.name == name) return topic;
  }
  status.topics.push_back({.name = name, .embedded = false, .partitions = {}});
  return status.topics.back();
}

void add_inputs(const EpochLoop::Counts& counts, EngineStatus& status) {
  for (const auto& input : counts.inputs) {
    TopicState& topic = topic_named(status, input.topic);
    topic.missed += input.missed;
    if (!topic.embedded) {
      topic.partitions.push_back({.partition = input.number, .name = input.name});
      topic.partitions.back().next_offset =
          input.position.value() + static_cast<std::int64_t>(input.lag);
    }
    for (PartitionState& partition : topic.partitions) {
      if (partition.partition != input.number) continue;
      partition.read_offset = input.position.value();
      const std::int64_t unread = partition.next_offset - partition.read_offset;
      topic.lag += static_cast<std::uint64_t>(std::max<std::int64_t>(0, unread));
    }
  }
}

/// What a view is computed by first counts as the view's: its state, what is late for it, and what
/// its SQL fails on.
void add_views(const Assembly& assembly, const EpochLoop::Counts& counts, EngineStatus& status) {
  ViewState state;
  for (std::size_t i = 0; i < assembly.views.size(); ++i) {
    const ViewSlot& slot = assembly.views[i];
    if (slot.is_index) {
      status.state_bytes += slot.view->memory_bytes();
      continue;
    }
    state.memory_bytes += slot.view->memory_bytes();
    state.late += counts.views[i].late;
    state.refused += slot.view->refused() + counts.views_refused[i].rows;
    if (slot.view->refused() > 0) state.last_error = slot.view->last_refusal();
    if (state.last_error.empty()) state.last_error = counts.views_refused[i].last;
    if (!slot.is_shown()) continue;
    state.name = slot.node->name;
    if (slot.node->kept()) state.rows = slot.view->row_count();
    state.changes = counts.views[i].changes;
    state.touched_epoch = counts.views_touched[i].value();
    status.state_bytes += state.memory_bytes;
    if (slot.node->of_table) {
      state = {};
      continue;
    }
    status.views.push_back(std::move(state));
    state = {};
  }
}

void add_tables(const Assembly& assembly, EngineStatus& status) {
  for (const auto& [name, table] : assembly.tables) status.tables.push_back(table->state());
  for (const ReferenceSlot& slot : assembly.reference_tables) {
    TableState state = slot.loader->state();
    state.cached_rows = assembly.views[slot.view].view->row_count();
    state.cached_bytes = assembly.views[slot.view].view->memory_bytes();
    status.tables.push_back(std::move(state));
  }
}

void add_sinks(const Assembly& assembly, const EpochLoop& loop, EngineStatus& status) {
  for (std::size_t i = 0; i < assembly.sinks.size(); ++i) {
    const SinkSlot& slot = assembly.sinks[i];
    if (slot.name != slot.node->name) continue;  // a changelog: its sink is in another system
    const Committer::SinkCounts sink = loop.committer().counts(i);
    status.sinks.push_back({.name = slot.name,
                            .from = slot.node->from,
                            .connector = slot.node->connector,
                            .rows = sink.rows,
                            .bytes = sink.bytes,
                            .last_error = sink.last_error,
                            .state = sink.last_error.empty() ? "writing" : "failed"});
  }
  for (const RemoteSinkSlot& slot : assembly.remote_sinks) {
    const SinkStatus& sink = *slot.status;
    status.sinks.push_back({.name = slot.node->name,
                            .from = slot.node->from,
                            .connector = slot.node->connector,
                            .rows = sink.rows,
                            .bytes = 0,
                            .last_error = sink.last_error(),
                            .state = sink.state(),
                            .lag = sink.lag,
                            .batches = sink.batches,
                            .failures = sink.failures,
                            .refused = sink.refused,
                            .missed = sink.missed,
                            .batch_ms_p50 = sink.batch_time.quantile_ms(0.5),
                            .batch_ms_p99 = sink.batch_time.quantile_ms(0.99)});
  }
}

/// A cluster counts offsets, and what was copied there is no longer in the data directory.
std::uint64_t letters_written(const Assembly& assembly) {
  return static_cast<std::uint64_t>(assembly.dead_letters->next_offset().value() +
                                    assembly.sink_letters->next_offset().value());
}

std::optional<std::uint64_t> held_back(const connector::SourceStatus& status) {
  const std::int64_t bytes = status.held_back_bytes;
  if (bytes == connector::SourceStatus::nothing_told) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

void add_sources(const Assembly& assembly, EngineStatus& status) {
  for (const SourceSlot& source : assembly.sources) {
    status.sources.push_back({.name = source.node->name,
                              .connector = source.node->connector,
                              .topic = source.node->topic,
                              .state = source.status->state(),
                              .last_error = source.status->last_error(),
                              .records = source.status->records,
                              .bytes = source.status->bytes,
                              .attempts = source.status->attempts,
                              .failures = source.status->failures,
                              .retries = source.status->retries,
                              .skipped = source.status->skipped,
                              .held_back_bytes = held_back(*source.status)});
    if (!source.replayable || source.node->copied) continue;
    TopicState& topic = topic_named(status, source.node->topic);
    topic.records += source.status->records;
    topic.bytes += source.status->bytes;
  }
}

void add_streams(const Assembly& assembly, const EpochLoop::Counts& counts, EngineStatus& status) {
  for (std::size_t i = 0; i < assembly.streams.size(); ++i) {
    const pipeline::StreamNode& node = *assembly.streams[i].node;
    const StreamTally& tally = counts.streams[i];
    StreamState state{.name = node.name,
                      .accepted = tally.accepted,
                      .out = tally.out,
                      .filtered = tally.filtered,
                      .late = tally.late,
                      .dead_letters = tally.dead_letters,
                      .future = tally.future,
                      .watermark_ms = to_ms(counts.watermarks[i]),
                      .lag_seconds = lag_of(counts.watermarks[i], assembly.options.context.clock),
                      .expectations = {}};
    for (std::size_t k = 0; k < node.expectations.size(); ++k) {
      static constexpr const char* names[] = {"quarantine", "drop", "warn", "fail"};
      const pipeline::Expectation& expectation = node.expectations[k];
      state.expectations.push_back({.name = expectation.name,
                                    .otherwise = names[static_cast<int>(expectation.otherwise)],
                                    .passed = tally.expectations[k].passed,
                                    .refused = tally.expectations[k].refused});
    }
    status.streams.push_back(std::move(state));
  }
}

}  // namespace

EngineStatus status_of(const Assembly& assembly, const EpochLoop& loop) {
  const EpochLoop::Counts counts = loop.counts();
  EngineStatus status;
  status.records_in = loop.records_in();
  status.epoch = loop.visible().value();
  status.committed_epoch = loop.committer().committed().value();
  status.epoch_ms_p50 = loop.latency().quantile_ms(0.5);
  status.epoch_ms_p99 = loop.latency().quantile_ms(0.99);
  status.commit_ms_p50 = loop.committer().latency().quantile_ms(0.5);
  status.commit_ms_p99 = loop.committer().latency().quantile_ms(0.99);
  status.memory_bytes = resident_bytes();
  if (assembly.memory_cap) status.memory_max_bytes = assembly.memory_cap->bytes_max();
  status.state_memory_max_bytes = assembly.budget->bytes_max();
  status.cpu_seconds = cpu_seconds();
  add_embedded_topics(assembly, status);
  add_sources(assembly, status);
  add_inputs(counts, status);
  add_tables(assembly, status);
  add_streams(assembly, counts, status);
  add_views(assembly, counts, status);
  add_sinks(assembly, loop, status);
  for (const TopicState& topic : status.topics) {
    if (topic.name == dead_letters_topic) {
      status.dead_letters = assembly.system_log ? letters_written(assembly) : topic.records;
    } else {
      status.lag += topic.lag;
    }
  }
  return status;
}

void Rate::measure(std::uint64_t records, double& per_second, double& uptime_seconds) {
  std::lock_guard lock(mutex_);
  const Moment now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  if (seconds >= 0.5) {
    per_second_ = static_cast<double>(records - last_records_) / seconds;
    last_ = now;
    last_records_ = records;
  }
  per_second = per_second_;
  uptime_seconds = std::chrono::duration<double>(now - start_).count();
}

}  // namespace leat::runtime
