// The log's side of the comparison with another Kafka library (log_interop_test.py):
//   log_interop write DIR none|lz4|zstd   appends a fixed set of records to topic "interop"
//   log_interop read DIR                  prints every record of topic "interop" as a JSON line
#include <cstdio>
#include <string>
#include <string_view>

#include "io/file_system.h"
#include "log/record_batch.h"
#include "log/topics.h"

namespace {

using namespace leat;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

/// A JSON string of hexadecimal digits, or null for what has no bytes at all.
std::string hex_or_null(std::string_view bytes) {
  return bytes.data() == nullptr ? "null" : "\"" + hex(bytes) + "\"";
}

Result<log::Topic*> open_topic(log::Topics& topics, const std::string& compression) {
  log::TopicConfig config;
  config.compression = compression == "lz4"    ? log::Compression::lz4
                       : compression == "zstd" ? log::Compression::zstd
                                               : log::Compression::none;
  return topics.open("interop", config);
}

/// The values are made by the same rule in log_interop_test.py.
Status write(log::Topics& topics, const std::string& compression) {
  log::PartitionLog& partition = LEAT_TRY(open_topic(topics, compression))->partition(Partition(0));
  std::int32_t sequence = 0;
  for (int batch = 0; batch < 20; ++batch) {
    std::vector<std::string> keys;
    std::vector<std::string> values;
    const int count = 1 + batch * 7;
    for (int number = 0; number < count; ++number) {
      keys.push_back(fmt::format("key-{}-{}", batch, number));
      values.push_back(fmt::format("{{\"batch\":{},\"number\":{},\"text\":\"{}\"}}", batch, number,
                                   std::string(static_cast<std::size_t>(number) * 37 % 500, 'x')));
    }
    std::vector<log::NewRecord> records(static_cast<std::size_t>(count));
    for (int number = 0; number < count; ++number) {
      log::NewRecord& record = records[static_cast<std::size_t>(number)];
      record.key = keys[static_cast<std::size_t>(number)];
      record.has_key = number % 3 != 0;
      record.value = values[static_cast<std::size_t>(number)];
      record.tombstone = number % 11 == 5;
      record.timestamp = 1'700'000'000'000 + batch * 1'000 - number * 3;
      if (number % 4 == 1) record.headers = {{"trace", record.key}, {"\xc3\xa9", "\x01\xff"}};
    }
    std::optional<log::Producer> producer;
    if (batch % 2 == 1) {
      producer = log::Producer{4711, 3, sequence};
      sequence += count;
    }
    const log::AppendResult appended = LEAT_TRY(partition.append(records, producer));
    LEAT_TRY(partition.sync(appended.last));
  }
  return {};
}

Status read(log::Topics& topics) {
  log::Topic* topic = topics.find("interop");
  if (topic == nullptr) return user_error("unknown-topic", "there is no topic interop");
  const log::PartitionLog& partition = topic->partition(Partition(0));
  Slice slice;
  for (Offset next = partition.first_offset();; next = slice.next) {
    LEAT_TRY(partition.read(next, 1 << 16, slice));
    if (slice.records.empty()) return {};
    for (const Record& record : slice.records) {
      std::string headers;
      const auto parsed = LEAT_TRY(log::parse_headers(record.headers));
      for (const auto& [name, value] : parsed) {
        headers +=
            fmt::format("{}[\"{}\",{}]", headers.empty() ? "" : ",", hex(name), hex_or_null(value));
      }
      fmt::print("{{\"offset\":{},\"timestamp\":{},\"key\":{},\"value\":{},\"headers\":[{}]}}\n",
                 record.offset, record.timestamp, record.has_key ? hex_or_null(record.key) : "null",
                 hex_or_null(record.value), headers);
    }
  }
}

Status run(const std::string& verb, const std::string& directory, const std::string& compression) {
  log::TopicsOptions options;
  options.housekeeping = std::chrono::milliseconds(0);
  const auto topics =
      LEAT_TRY(log::open_embedded_topics(io::posix_file_system(), directory, options));
  if (verb == "write") return write(*topics, compression);
  if (verb == "create") {
    LEAT_TRY(open_topic(*topics, compression));
    return {};
  }
  return read(*topics);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: log_interop write|create|read DIR [none|lz4|zstd]\n");
    return 2;
  }
  const leat::Status done = run(argv[1], argv[2], argc > 3 ? argv[3] : "none");
  if (done) return 0;
  std::fprintf(stderr, "log_interop: %s\n", done.error().message.c_str());
  return 1;
}
