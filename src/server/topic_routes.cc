#include <algorithm>
#include <iterator>

#include "format/encoder.h"
#include "model/nearest_name.h"
#include "server/api_error.h"
#include "server/record_json.h"
#include "server/services.h"
#include "server/topic_follower.h"
#include "server/work_pool.h"

namespace leat::server {
namespace {

constexpr std::int64_t limit_default = 100;
constexpr std::int64_t limit_max = 10'000;
constexpr std::size_t bytes_per_read = 1 << 20;
/// Of an answer, about; what is left out is asked for with the next offset.
constexpr std::size_t answer_bytes_max = 32 << 20;

/// What the query says.
struct TopicRequest {
  std::string topic;
  std::optional<std::int64_t> partition;
  std::optional<std::int64_t> offset;
  std::int64_t limit = limit_default;
  bool latest = false;
  bool follow = false;
  std::string last_event_id;
};

Result<TopicRequest> read_request(const Request& request) {
  TopicRequest read;
  read.topic = request.parameter;
  read.partition = LEAT_TRY(request.query_number("partition", 0, 1 << 20));
  read.offset =
      LEAT_TRY(request.query_number("offset", 0, std::numeric_limits<std::int64_t>::max()));
  read.follow = LEAT_TRY(request.query_boolean("follow")).value_or(false) ||
                request.header(Header::accept).find(content_type_events) != std::string_view::npos;
  read.limit = LEAT_TRY(request.query_number("limit", 0, limit_max))
                   .value_or(read.follow ? 0 : limit_default);
  const auto from = LEAT_TRY(request.query_parameter("from"));
  if (from && *from != "latest" && *from != "earliest") {
    return user_error("bad-parameter", "`from` must be `earliest` or `latest`, not `{}`", *from);
  }
  if (from && read.offset) {
    return user_error("bad-parameter", "give either `from` or `offset`, not both");
  }
  read.latest = from ? *from == "latest" : read.follow;
  if (read.offset && !read.partition) read.partition = 0;
  read.last_event_id = request.header(Header::last_event_id);
  return read;
}

Result<log::Topic*> find_topic(Services& services, const std::string& name) {
  if (log::Topic* topic = services.engine.topics().find(name)) return topic;
  const auto& topics = services.engine.graph().topics;
  const auto known = std::ranges::find(topics, name, &pipeline::TopicNode::name);
  if (known != topics.end() && !known->source.empty()) {
    return user_error("not-readable",
                      "topic `{}` is the source `{}` itself, so its records are where that reads "
                      "them; `copy: true` in the source's topic keeps them here too",
                      name, known->source);
  }
  std::vector<std::string_view> names;
  for (const auto& topic : topics) names.push_back(topic.name);
  return user_error("unknown-topic", "there is no topic `{}`{}; GET /v1/topics lists them", name,
                    did_you_mean(name, names));
}

/// Where to begin, by partition.
Result<std::vector<TopicPosition>> begin_positions(log::Topic& topic, const TopicRequest& request) {
  if (request.partition && *request.partition >= topic.partition_count()) {
    return user_error("bad-parameter", "topic `{}` has the partitions 0 to {}, not {}",
                      topic.name(), topic.partition_count() - 1, *request.partition);
  }
  if (request.follow && !request.last_event_id.empty()) {
    auto positions = LEAT_TRY(parse_positions(request.last_event_id));
    std::erase_if(positions, [&](const TopicPosition& position) {
      return position.partition.value() >= topic.partition_count();
    });
    return positions;
  }
  std::vector<TopicPosition> positions;
  for (std::int32_t p = 0; p < topic.partition_count(); ++p) {
    if (request.partition && *request.partition != p) continue;
    const log::PartitionLog& log = topic.partition(Partition(p));
    Offset begin = log.first_offset();
    if (request.latest) {
      begin = std::max(begin, Offset(log.durable_offset().value() - request.limit));
    } else if (request.offset) {
      begin = Offset(*request.offset);
    }
    positions.push_back({Partition(p), begin});
  }
  return positions;
}

/// A record as text, with what the answer is ordered by.
struct ShownRecord {
  TimestampMs timestamp = 0;  ///< never before that of the partition's record before it
  Partition partition;
  Offset offset;
  std::string json;
};

/// Reads up to `limit` records of one partition; moves the position behind them.
Status read_partition(log::Topic& topic, TopicPosition& position, std::size_t limit,
                      std::size_t bytes_max, std::vector<ShownRecord>& records) {
  const log::PartitionLog& log = topic.partition(position.partition);
  Slice slice;
  std::size_t taken = 0;
  std::size_t bytes = 0;
  TimestampMs newest = 0;
  while (taken < limit && bytes < bytes_max && position.next < log.durable_offset()) {
    LEAT_TRY(log.read(position.next, bytes_per_read, slice));
    if (slice.records.empty() && slice.next <= position.next) break;
    for (const Record& record : slice.records) {
      if (taken == limit || bytes >= bytes_max) return {};
      ShownRecord& shown = records.emplace_back();
      newest = std::max(newest, record.timestamp);
      shown.timestamp = newest;
      shown.partition = position.partition;
      shown.offset = record.offset;
      append_record_json(position.partition, record, shown.json);
      bytes += shown.json.size();
      position.next = record.offset + 1;
      ++taken;
    }
    position.next = slice.next;
  }
  return {};
}

/// The answer's end: how far each partition was shown.
void append_partitions(log::Topic& topic, const std::vector<TopicPosition>& positions,
                       std::string& out) {
  out += R"(],"partitions":[)";
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const log::PartitionLog& log = topic.partition(positions[i].partition);
    fmt::format_to(std::back_inserter(out),
                   R"({}{{"partition":{},"first_offset":{},"next_offset":{},"end_offset":{}}})",
                   i > 0 ? "," : "", positions[i].partition, log.first_offset(), positions[i].next,
                   log.durable_offset());
  }
  out += "]}\n";
}

Result<Response> read_topic(log::Topic& topic, const TopicRequest& request) {
  auto positions = LEAT_TRY(begin_positions(topic, request));
  const auto limit = static_cast<std::size_t>(request.limit);
  std::vector<ShownRecord> records;
  for (TopicPosition& position : positions) {
    LEAT_TRY(read_partition(topic, position, limit, answer_bytes_max / positions.size(), records));
  }
  std::ranges::stable_sort(records, {}, &ShownRecord::timestamp);
  // What doesn't fit is cut off at the far end, and the positions go back to before it.
  const std::size_t surplus = records.size() > limit ? records.size() - limit : 0;
  if (request.latest) {
    records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(surplus));
  } else {
    for (std::size_t i = limit; i < records.size(); ++i) {
      const auto position =
          std::ranges::find(positions, records[i].partition, &TopicPosition::partition);
      position->next = std::min(position->next, records[i].offset);
    }
    records.resize(std::min(records.size(), limit));
  }
  Response response;
  response.content_type = content_type_json;
  response.body = R"({"topic":)";
  format::append_json_string(topic.name(), response.body);
  response.body += R"(,"records":[)";
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i > 0) response.body += ',';
    response.body += records[i].json;
  }
  append_partitions(topic, positions, response.body);
  return response;
}

void answer(Services& services, const TopicRequest& request, Exchange exchange) {
  const auto topic = find_topic(services, request.topic);
  if (!topic) return exchange.reply(response_of(topic.error()));
  if (request.follow) {
    auto positions = begin_positions(**topic, request);
    if (!positions) return exchange.reply(response_of(positions.error()));
    services.live.add(exchange.stream(event_stream_head(), true),
                      std::make_unique<TopicFollower>(**topic, std::move(*positions)));
    return;
  }
  auto response = read_topic(**topic, request);
  exchange.reply(response ? std::move(*response) : response_of(response.error()));
}

}  // namespace

std::vector<Route> topic_routes(Services& services) {
  std::vector<Route> routes;
  routes.push_back(
      {Method::get, "/v1/topics/{topic}/records", [&services](Request request, Exchange exchange) {
         auto read = read_request(request);
         if (!read) return exchange.reply(response_of(read.error()));
         services.work.submit(std::move(exchange),
                              [&services, read = std::move(*read)](Exchange waiting) {
                                answer(services, read, std::move(waiting));
                              });
       }});
  return routes;
}

}  // namespace leat::server
