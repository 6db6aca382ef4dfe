#include "server/metrics_text.h"

#include <limits>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace leat::server {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// Families of numbers as Prometheus' serializer takes them.
class Families {
 public:
  void counter(const char* name, const char* help, double value, const Labels& labels = {}) {
    prometheus::ClientMetric metric = labelled(labels);
    metric.counter.value = value;
    family(name, help, prometheus::MetricType::Counter).metric.push_back(std::move(metric));
  }
  void gauge(const char* name, const char* help, double value, const Labels& labels = {}) {
    prometheus::ClientMetric metric = labelled(labels);
    metric.gauge.value = value;
    family(name, help, prometheus::MetricType::Gauge).metric.push_back(std::move(metric));
  }
  void quantiles(const char* name, const char* help, double p50, double p99, Labels labels = {}) {
    labels.emplace_back("quantile", "0.5");
    gauge(name, help, p50, labels);
    labels.back().second = "0.99";
    gauge(name, help, p99, labels);
  }
  void histogram(const char* name, const char* help, const HttpMetrics::Route& route,
                 const Labels& labels) {
    prometheus::ClientMetric metric = labelled(labels);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < route.buckets.size(); ++i) {
      count += route.buckets[i].load(std::memory_order_relaxed);
      const double bound = i < HttpMetrics::bounds.size() ? HttpMetrics::bounds[i]
                                                          : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({count, bound});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum =
        static_cast<double>(route.nanoseconds.load(std::memory_order_relaxed)) / 1e9;
    family(name, help, prometheus::MetricType::Histogram).metric.push_back(std::move(metric));
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  static prometheus::ClientMetric labelled(const Labels& labels) {
    prometheus::ClientMetric metric;
    for (const auto& [name, value] : labels) metric.label.push_back({name, value});
    return metric;
  }
  prometheus::MetricFamily& family(const char* name, const char* help,
                                   prometheus::MetricType type) {
    for (auto& known : families_) {
      if (known.name == name) return known;
    }
    return families_.emplace_back(prometheus::MetricFamily{name, help, type, {}});
  }

  std::vector<prometheus::MetricFamily> families_;
};

double number(std::uint64_t value) { return static_cast<double>(value); }

void add_engine(const runtime::EngineStatus& status, Families& out) {
  out.counter("leat_records_in_total", "Records taken in.", number(status.records_in));
  out.gauge("leat_records_per_second", "Records taken in over the last second.",
            status.records_per_second);
  out.gauge("leat_epoch", "The newest visible epoch.", number(status.epoch));
  out.gauge("leat_committed_epoch", "The newest durable epoch.", number(status.committed_epoch));
  out.gauge("leat_lag_records", "Records not yet read by the engine.", number(status.lag));
  out.counter("leat_dead_letters_total", "Records and rows that were refused.",
              number(status.dead_letters));
  out.quantiles("leat_epoch_milliseconds", "How long an epoch takes.", status.epoch_ms_p50,
                status.epoch_ms_p99);
  out.quantiles("leat_commit_milliseconds", "How long a commit takes.", status.commit_ms_p50,
                status.commit_ms_p99);
  out.gauge("leat_memory_bytes", "Resident memory of the process.", number(status.memory_bytes));
  out.gauge("leat_memory_max_bytes", "What the process may have of it; 0: no limit.",
            number(status.memory_max_bytes));
  out.gauge("leat_state_memory_max_bytes", "What hot state of all views may have at the moment.",
            number(status.state_memory_max_bytes));
  out.counter("leat_cpu_seconds_total", "CPU time of the process.", status.cpu_seconds);
  out.gauge("leat_state_bytes", "State of all views.", number(status.state_bytes));
  out.gauge("leat_uptime_seconds", "Time since the start.", status.uptime_seconds);
  out.gauge("leat_ready", "1 when recovered and running.", status.ready ? 1 : 0);
}

void add_sources(const runtime::EngineStatus& status, Families& out) {
  for (const auto& source : status.sources) {
    const Labels labels = {{"source", source.name}, {"connector", source.connector}};
    out.counter("leat_source_records_total", "Records a source brought.", number(source.records),
                labels);
    out.counter("leat_source_bytes_total", "Bytes a source brought.", number(source.bytes), labels);
    out.counter("leat_source_attempts_total", "Times a source asked.", number(source.attempts),
                labels);
    out.counter("leat_source_failures_total", "Times a source failed.", number(source.failures),
                labels);
    out.counter("leat_source_retries_total", "Times a source tried again.", number(source.retries),
                labels);
    out.counter("leat_source_skipped_total",
                "Objects that a source passed over, as they can't be read.", number(source.skipped),
                labels);
    if (source.held_back_bytes) {
      out.gauge("leat_source_held_back_bytes",
                "Bytes of its own log that the system keeps for a source (a replication slot's).",
                number(*source.held_back_bytes), labels);
    }
    out.gauge("leat_source_failing", "1 while the source's last try failed.",
              source.last_error.empty() ? 0 : 1, labels);
  }
  for (const auto& topic : status.topics) {
    const Labels labels = {{"topic", topic.name}};
    out.gauge("leat_topic_records", "Records kept in a topic.", number(topic.records), labels);
    out.gauge("leat_topic_bytes", "Bytes kept in a topic.", number(topic.bytes), labels);
    out.gauge("leat_topic_lag_records", "Records of a topic not yet read by the engine.",
              number(topic.lag), labels);
    out.counter("leat_topic_missed_total",
                "Records of a topic that retention removed before they were read.",
                number(topic.missed), labels);
  }
}

void add_tables(const runtime::EngineStatus& status, Families& out) {
  for (const auto& table : status.tables) {
    const Labels labels = {{"table", table.name}, {"connector", table.connector}};
    out.counter("leat_table_lookups_total", "Keys that streams looked up.", number(table.lookups),
                labels);
    out.counter("leat_table_hits_total", "Keys whose rows the cache had.", number(table.hits),
                labels);
    out.counter("leat_table_misses_total", "Keys that the table's system was asked for.",
                number(table.misses), labels);
    out.counter("leat_table_missing_total", "Keys that the system had no row of.",
                number(table.missing), labels);
    out.counter("leat_table_refused_total", "Keys whose rows can't be taken.",
                number(table.refused), labels);
    out.counter("leat_table_failures_total", "Tries that failed.", number(table.failures), labels);
    out.counter("leat_table_loads_total", "How often a table that is kept was read.",
                number(table.loads), labels);
    out.gauge("leat_table_cache_rows", "Rows that are kept.", number(table.cached_rows), labels);
    out.gauge("leat_table_cache_bytes", "Memory that they take.", number(table.cached_bytes),
              labels);
    out.gauge("leat_table_waiting_seconds", "How long streams have waited for an answer by now.",
              table.waiting_seconds, labels);
    out.quantiles("leat_table_lookup_milliseconds", "How long a round of keys takes.",
                  table.lookup_ms_p50, table.lookup_ms_p99, labels);
    out.gauge("leat_table_failing", "1 while the table's last try failed.",
              table.last_error.empty() ? 0 : 1, labels);
  }
}

void add_flow(const runtime::EngineStatus& status, Families& out) {
  const auto stream_counter = [&](const char* name, const char* help, std::uint64_t value,
                                  const Labels& labels) {
    out.counter(name, help, number(value), labels);
  };
  for (const auto& stream : status.streams) {
    const Labels labels = {{"stream", stream.name}};
    stream_counter("leat_stream_accepted_total", "Rows that came in.", stream.accepted, labels);
    stream_counter("leat_stream_out_total", "Rows that went out.", stream.out, labels);
    stream_counter("leat_stream_filtered_total", "Rows filtered out.", stream.filtered, labels);
    stream_counter("leat_stream_late_total", "Rows that came too late.", stream.late, labels);
    stream_counter("leat_stream_dead_letters_total", "Rows refused.", stream.dead_letters, labels);
    stream_counter("leat_stream_future_total",
                   "Rows further ahead of the clock than max_ahead allows.", stream.future, labels);
    if (stream.lag_seconds) {
      out.gauge("leat_stream_watermark_timestamp_seconds",
                "How far event time has come, in seconds since 1970.",
                static_cast<double>(stream.watermark_ms) / 1e3, labels);
      out.gauge("leat_stream_watermark_lag_seconds", "How far the watermark is behind the clock.",
                *stream.lag_seconds, labels);
    }
    for (const auto& expectation : stream.expectations) {
      const Labels both = {{"stream", stream.name}, {"expectation", expectation.name}};
      stream_counter("leat_expectation_passed_total", "Rows that met it.", expectation.passed,
                     both);
      stream_counter("leat_expectation_refused_total", "Rows that did not.", expectation.refused,
                     both);
    }
  }
  for (const auto& view : status.views) {
    const Labels labels = {{"view", view.name}};
    if (view.rows) out.gauge("leat_view_rows", "Rows of a view.", number(*view.rows), labels);
    out.gauge("leat_view_memory_bytes", "Hot state of a view.", number(view.memory_bytes), labels);
    out.counter("leat_view_changes_total", "Changes of a view.", number(view.changes), labels);
    out.counter("leat_view_late_total", "Rows too late for a view.", number(view.late), labels);
    out.counter("leat_view_refused_total",
                "Times that a row of a view could not be computed, and was left out.",
                number(view.refused), labels);
  }
  for (const auto& sink : status.sinks) {
    const Labels labels = {{"sink", sink.name}, {"connector", sink.connector}};
    out.counter("leat_sink_rows_total", "Rows a sink wrote.", number(sink.rows), labels);
    out.counter("leat_sink_bytes_total", "Bytes a sink wrote.", number(sink.bytes), labels);
    out.gauge("leat_sink_lag_rows", "Rows that a sink has still to write.", number(sink.lag),
              labels);
    out.counter("leat_sink_batches_total", "Batches a sink wrote.", number(sink.batches), labels);
    out.counter("leat_sink_failures_total", "Tries of a sink that failed.", number(sink.failures),
                labels);
    out.counter("leat_sink_refused_total", "Rows that a sink's system refused for good.",
                number(sink.refused), labels);
    out.counter("leat_sink_missed_total",
                "Records that retention removed before a sink wrote them.", number(sink.missed),
                labels);
    out.quantiles("leat_sink_batch_milliseconds", "How long a sink's batches take.",
                  sink.batch_ms_p50, sink.batch_ms_p99, labels);
    out.gauge("leat_sink_failing", "1 while the sink's last try failed.",
              sink.last_error.empty() ? 0 : 1, labels);
  }
}

void add_http(const HttpMetrics& http, Families& out) {
  for (std::size_t r = 0; r < http.routes().size(); ++r) {
    const HttpMetrics::Route& route = http.route(r);
    bool seen = false;
    for (std::size_t s = 0; s < HttpMetrics::statuses.size(); ++s) {
      const std::uint64_t count = route.by_status[s].load(std::memory_order_relaxed);
      if (count == 0) continue;
      seen = true;
      const unsigned status = HttpMetrics::statuses[s];
      out.counter("leat_http_requests_total", "Requests answered.", number(count),
                  {{"route", http.routes()[r]},
                   {"status", status == 0 ? "other" : std::to_string(status)}});
    }
    if (!seen) continue;
    out.histogram("leat_http_request_duration_seconds",
                  "From a request's arrival to its answer, or to the begin of a stream.", route,
                  {{"route", http.routes()[r]}});
  }
  out.gauge("leat_http_connections", "Open connections.",
            static_cast<double>(http.connections.load()));
  out.counter("leat_http_connections_refused_total", "Connections above the limit.",
              number(http.connections_refused.load()));
  out.gauge("leat_http_event_streams", "Event streams that clients listen to.",
            static_cast<double>(http.event_streams.load()));
  out.counter("leat_http_event_streams_dropped_total", "Event streams closed on slow clients.",
              number(http.event_streams_dropped.load()));
}

}  // namespace

std::string metrics_text(const runtime::EngineStatus& status, const HttpMetrics& http,
                         std::string_view version) {
  Families out;
  out.gauge("leat_build_info", "The program's version.", 1, {{"version", std::string(version)}});
  add_engine(status, out);
  add_sources(status, out);
  add_tables(status, out);
  add_flow(status, out);
  add_http(http, out);
  return out.text();
}

}  // namespace leat::server
