// Sends messages to a Kafka topic on a schedule and reads them back from another one: how long each
// took from when it was due until it was read there, where only committed messages are seen.
//
//   kafka_latency_load BROKERS FROM TO EVENTS_PER_SECOND SECONDS WARM_UP_SECONDS
//
// A message is an object with `id` and `due_us`. Those of the warm-up are counted, not timed. One
// JSON line on standard output.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::system_clock;
using std::chrono::microseconds;

constexpr std::chrono::seconds patience{60};
constexpr std::size_t padding_bytes = 180;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "kafka_latency_load: %s\n", why.c_str());
  std::exit(1);
}

std::int64_t now_us() {
  return std::chrono::duration_cast<microseconds>(Clock::now().time_since_epoch()).count();
}

rd_kafka_t* client(rd_kafka_type_t type,
                   const std::vector<std::pair<const char*, const char*>>& properties) {
  char error[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) die(error);
  }
  rd_kafka_t* made = rd_kafka_new(type, conf, error, sizeof error);
  if (made == nullptr) die(error);
  return made;
}

void send(const char* brokers, const char* topic_name, std::int64_t rate, std::int64_t count) {
  rd_kafka_t* producer = client(
      RD_KAFKA_PRODUCER,
      {{"bootstrap.servers", brokers}, {"linger.ms", "1"}, {"socket.nagle.disable", "true"}});
  rd_kafka_topic_t* topic = rd_kafka_topic_new(producer, topic_name, nullptr);
  const std::string padding(padding_bytes, 'x');
  const auto begin = Clock::now();
  for (std::int64_t id = 0; id < count; ++id) {
    const auto due = begin + microseconds(id * 1'000'000 / rate);
    if (due > Clock::now()) std::this_thread::sleep_until(due);
    const auto due_us = std::chrono::duration_cast<microseconds>(due.time_since_epoch()).count();
    std::string text = "{\"id\":" + std::to_string(id) + ",\"due_us\":" + std::to_string(due_us) +
                       ",\"note\":\"" + padding + "\"}";
    while (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, text.data(), text.size(), nullptr, 0,
                            nullptr) != 0) {
      rd_kafka_poll(producer, 10);
    }
    rd_kafka_poll(producer, 0);
  }
  if (rd_kafka_flush(producer, 30'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
    die("messages were not taken");
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(producer);
}

std::int64_t number_after(const std::string& text, const char* name) {
  const std::size_t at = text.find(name);
  if (at == std::string::npos) die("a message without " + std::string(name) + ": " + text);
  return std::strtoll(text.c_str() + at + std::strlen(name), nullptr, 10);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) die("see the source for its arguments");
  const char* brokers = argv[1];
  const std::int64_t rate = std::atoll(argv[4]);
  const std::int64_t warm_up = rate * std::atoll(argv[6]);
  const std::int64_t count = rate * std::atoll(argv[5]) + warm_up;
  rd_kafka_t* consumer = client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                                    {"group.id", "latency"},
                                                    {"isolation.level", "read_committed"},
                                                    {"fetch.error.backoff.ms", "50"},
                                                    {"fetch.wait.max.ms", "100"}});
  rd_kafka_topic_t* topic = rd_kafka_topic_new(consumer, argv[3], nullptr);
  if (rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING) != 0) die("can't read");
  std::jthread sender([&] { send(brokers, argv[2], rate, count); });
  std::vector<bool> seen(static_cast<std::size_t>(count));
  std::vector<std::int64_t> latencies;
  std::int64_t read = 0, doubled = 0;
  auto last = Clock::now();
  while (read < count) {
    rd_kafka_message_t* message = rd_kafka_consume(topic, 0, 100);
    const std::int64_t at_us = now_us();
    if (message == nullptr || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (message != nullptr) rd_kafka_message_destroy(message);
      if (Clock::now() - last > patience) die("after " + std::to_string(read) + " nothing came");
      continue;
    }
    last = Clock::now();
    const std::string text(static_cast<const char*>(message->payload), message->len);
    rd_kafka_message_destroy(message);
    const std::int64_t id = number_after(text, "\"id\":");
    if (id < 0 || id >= count) die("a message of another run: " + text);
    if (seen[static_cast<std::size_t>(id)]) {
      ++doubled;
      continue;
    }
    seen[static_cast<std::size_t>(id)] = true;
    ++read;
    if (id >= warm_up) latencies.push_back(at_us - number_after(text, "\"due_us\":"));
  }
  std::sort(latencies.begin(), latencies.end());
  const auto quantile = [&](double q) {
    const auto at = static_cast<std::size_t>(q * static_cast<double>(latencies.size() - 1));
    return static_cast<double>(latencies[at]) / 1000;
  };
  std::printf(
      "{\"events\":%lld,\"doubled\":%lld,\"p50_ms\":%.2f,\"p90_ms\":%.2f,\"p99_ms\":%.2f,"
      "\"max_ms\":%.2f}\n",
      static_cast<long long>(read), static_cast<long long>(doubled), quantile(0.5), quantile(0.9),
      quantile(0.99), quantile(1));
  rd_kafka_consume_stop(topic, 0);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(consumer);
}
