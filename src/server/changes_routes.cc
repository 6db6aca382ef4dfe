#include <charconv>
#include <map>
#include <mutex>

#include "server/api_error.h"
#include "server/changes_follower.h"
#include "server/event_text.h"
#include "server/services.h"
#include "server/status_json.h"
#include "server/work_pool.h"

namespace leat::server {
namespace {

constexpr std::size_t snapshot_rows_per_event = 500;
constexpr std::size_t snapshot_bytes_per_event = 64 << 10;
/// A snapshot is held for this long at most, however slowly a client takes it.
constexpr std::chrono::seconds snapshot_time_max{60};

/// What the query says.
struct ChangesRequest {
  std::string name;
  std::optional<Epoch> after;
  bool snapshot = true;
};

Result<ChangesRequest> read_request(const Request& request) {
  ChangesRequest changes;
  changes.name = request.parameter;
  constexpr auto epoch_max = std::numeric_limits<std::int64_t>::max();
  const auto after = LEAT_TRY(request.query_number("after", 0, epoch_max));
  if (after) changes.after = Epoch(static_cast<std::uint64_t>(*after));
  if (request.has(Header::last_event_id)) {
    const std::string_view id = request.header(Header::last_event_id);
    std::uint64_t epoch = 0;
    const auto parsed = std::from_chars(id.data(), id.data() + id.size(), epoch);
    if (parsed.ec != std::errc() || parsed.ptr != id.data() + id.size()) {
      return user_error("bad-parameter", "Last-Event-ID must be an epoch's number, not `{}`",
                        id.substr(0, 64));
    }
    changes.after = Epoch(epoch);
  }
  changes.snapshot = LEAT_TRY(request.query_boolean("snapshot")).value_or(true);
  return changes;
}

/// Sends a snapshot piece by piece.
class SnapshotEvents {
 public:
  SnapshotEvents(ResponseStream& stream, const format::RowEncoder& encoder, Epoch epoch)
      : stream_(stream), encoder_(encoder), epoch_(epoch) {
    begin_piece();
  }

  /// False when the client is gone or too slow.
  bool add(const Chunk& chunk) {
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      if (rows_ > 0) json_ += ',';
      encoder_.append_json_object(chunk, row, json_);
      if (++rows_ < snapshot_rows_per_event && json_.size() < snapshot_bytes_per_event) continue;
      if (!send(false)) return false;
    }
    return std::chrono::steady_clock::now() < deadline_;
  }
  bool finish() { return send(true); }

 private:
  void begin_piece() {
    rows_ = 0;
    json_ = fmt::format(R"({{"epoch":{},"columns":{},"rows":[)", epoch_,
                        text_of(columns_json(encoder_.schema())));
  }
  bool send(bool last) {
    fmt::format_to(std::back_inserter(json_), R"(],"last":{}}})", last);
    std::string event;
    append_event(last ? fmt::to_string(epoch_.value()) : "", "snapshot", json_, event);
    begin_piece();
    return stream_.write(std::move(event));
  }

  ResponseStream& stream_;
  const format::RowEncoder& encoder_;
  const Epoch epoch_;
  const std::chrono::steady_clock::time_point deadline_ =
      std::chrono::steady_clock::now() + snapshot_time_max;
  std::string json_;
  std::size_t rows_ = 0;
};

/// The route's own state: the texts shared by all clients of a name.
class ChangesRoute {
 public:
  explicit ChangesRoute(Services& services) : services_(services) {}

  void begin(const ChangesRequest& request, Exchange exchange);

 private:
  Result<std::shared_ptr<ChangesText>> text_of_name(const std::string& name);
  Status send_snapshot(const std::string& name, const ChangesText& text,
                       const state::Snapshot& snapshot, ResponseStream& stream);
  void follow(std::unique_ptr<runtime::Subscription> subscription, Epoch after,
              std::shared_ptr<ChangesText> text, std::shared_ptr<ResponseStream> stream) {
    services_.live.add(std::move(stream),
                       std::make_unique<ChangesFollower>(std::move(subscription), after,
                                                         std::move(text), services_.metrics));
  }

  Services& services_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<ChangesText>> texts_;
};

void end_with(ResponseStream& stream, const Error& error) {
  std::string event;
  append_event({}, "error", json_of({error}), event);
  stream.write_last(std::move(event));
}

Result<std::shared_ptr<ChangesText>> ChangesRoute::text_of_name(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto known = texts_.find(name);
  if (known != texts_.end()) return known->second;
  auto text = std::make_shared<ChangesText>(LEAT_TRY(services_.engine.schema_of(name)));
  texts_.emplace(name, text);
  return text;
}

void ChangesRoute::begin(const ChangesRequest& request, Exchange exchange) {
  auto text = text_of_name(request.name);
  if (!text) return exchange.reply(response_of(text.error()));
  runtime::Engine& engine = services_.engine;
  std::optional<Error> reset;
  if (request.after || !request.snapshot) {
    auto subscription = engine.subscribe(request.name, request.after);
    // An epoch that was never reached is from another life of the data directory.
    const bool ahead = request.after && *request.after > engine.visible_epoch();
    if (subscription && !ahead) {
      return follow(std::move(*subscription), Epoch(), std::move(*text),
                    exchange.stream(event_stream_head(), true));
    }
    if (!subscription && subscription.error().code != "changes-gone") {
      return exchange.reply(response_of(subscription.error()));
    }
    reset = Error{Domain::user, "changes-gone",
                  fmt::format("the changes after epoch {} are not kept any more; begin again with "
                              "the snapshot that follows",
                              request.after.value_or(Epoch())),
                  false};
  }
  // Subscribed to before the snapshot is taken: nothing is missed in between, and what is in both
  // is left out.
  auto subscription = engine.subscribe(request.name, std::nullopt);
  if (!subscription) return exchange.reply(response_of(subscription.error()));
  const auto snapshot = engine.snapshot();
  auto stream = exchange.stream(event_stream_head(), true);
  if (reset) {
    std::string event;
    append_event({}, "reset", json_of({*reset}), event);
    stream->write(std::move(event));
  }
  if (const Status sent = send_snapshot(request.name, **text, *snapshot, *stream); !sent) {
    return end_with(*stream, sent.error());
  }
  follow(std::move(*subscription), snapshot->epoch(), std::move(*text), std::move(stream));
}

Status ChangesRoute::send_snapshot(const std::string& name, const ChangesText& text,
                                   const state::Snapshot& snapshot, ResponseStream& stream) {
  SnapshotEvents events(stream, text.encoder(), snapshot.epoch());
  bool taken = true;
  const Status scanned = services_.engine.scan(name, snapshot, [&](const Chunk& chunk) {
    taken = events.add(chunk);
    return taken;
  });
  // Of such a view there are the changes that follow alone.
  if (!scanned && scanned.error().code != "rows-not-kept") return scanned;
  if (taken && events.finish()) return {};
  return user_error("fell-behind",
                    "the client takes the snapshot too slowly; read faster, or ask for fewer rows "
                    "with /v1/sql");
}

}  // namespace

std::vector<Route> changes_routes(Services& services) {
  auto route = std::make_shared<ChangesRoute>(services);
  std::vector<Route> routes;
  routes.push_back(
      {Method::get, "/v1/changes/{name}", [route, &services](Request request, Exchange exchange) {
         auto changes = read_request(request);
         if (!changes) return exchange.reply(response_of(changes.error()));
         services.work.submit(std::move(exchange),
                              [route, changes = std::move(*changes)](Exchange answer) {
                                route->begin(changes, std::move(answer));
                              });
       }});
  return routes;
}

}  // namespace leat::server
