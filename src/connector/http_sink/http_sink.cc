#include "connector/http_sink/http_sink.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <span>

#include "connector/digest.h"
#include "connector/fetcher.h"
#include "connector/http_sink/elements.h"
#include "connector/request_settings.h"
#include "format/utf8.h"

namespace leat::connector {
namespace {

constexpr std::size_t shown_bytes = 200;  ///< of an answer, in messages
constexpr std::size_t key_digits = 32;

struct Plan {
  std::string sink;
  FetchRequest request;
  FetchOptions fetch;
  bool lines = false;
  std::string secret;
  std::size_t rows_max = 0;
  std::size_t bytes_max = 0;
  std::int64_t retry_after_max_ms = 0;
  std::vector<long> hold_on;
};

/// The statuses of `hold_on`.
Result<std::vector<long>> read_statuses(const std::vector<std::string>& written) {
  std::vector<long> statuses;
  for (const std::string& text : written) {
    long status = 0;
    const char* const end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data(), end, status);
    if (error != std::errc() || last != end || status < 400 || status > 499) {
      return user_error("bad-status",
                        "`hold_on`: \"{}\" is no status from 400 to 499; all others are held "
                        "anyway",
                        text);
    }
    statuses.push_back(status);
  }
  return statuses;
}

class HttpSink final : public Sink {
 public:
  HttpSink(const SinkInput& input, Plan plan, const Clock& clock)
      : plan_(std::move(plan)), clock_(clock), fetcher_(plan_.fetch), elements_(input) {}

  Result<std::optional<std::string>> open(std::stop_token stop) override {
    LEAT_TRY(wait_as_asked(stop));
    return std::nullopt;
  }

  Result<std::vector<RefusedRow>> write(const SinkBatch& batch, std::stop_token stop) override {
    std::vector<RefusedRow> unreadable;
    elements_.encode(batch, unreadable);
    if (batch.position != begun_ || batch.rows != begun_rows_) {
      begun_ = batch.position;
      begun_rows_ = batch.rows;
      delivered_ = 0;
      refused_.clear();
    }
    const std::span<const Element> all = elements_.list();
    while (delivered_ < all.size()) {
      const std::span<const Element> next = first_request(all.subspan(delivered_));
      std::vector<RefusedRow> refused;
      LEAT_TRY(send(batch, next, refused, stop));
      delivered_ += next.size();
      refused_.insert(refused_.end(), refused.begin(), refused.end());
    }
    begun_.reset();
    refused_.insert(refused_.end(), unreadable.begin(), unreadable.end());
    return std::move(refused_);
  }

  Result<std::string> probe(std::stop_token stop) override {
    FetchRequest request = plan_.request;
    request.method = "HEAD";
    const FetchResponse response = LEAT_TRY(fetcher_.fetch(request, stop));
    return fmt::format("{} answers (a HEAD request with status {})",
                       plan_.request.url.without_secrets(), response.status);
  }

 private:
  /// As many elements as one request takes; rows of one place stay together.
  std::span<const Element> first_request(std::span<const Element> elements) const {
    std::size_t count = 0, bytes = 0;
    while (count < elements.size()) {
      const bool full = count >= plan_.rows_max || bytes >= plan_.bytes_max;
      if (full && elements[count].offset != elements[count - 1].offset) break;
      bytes += elements[count].end - elements[count].begin + 1;
      ++count;
    }
    return elements.first(count);
  }

  std::string body_of(std::span<const Element> elements) const {
    std::string body = plan_.lines ? "" : "[";
    for (const Element& element : elements) {
      if (!plan_.lines && &element != &elements.front()) body += ',';
      body += elements_.text(element);
      if (plan_.lines) body += '\n';
    }
    if (!plan_.lines) body += ']';
    return body;
  }

  FetchRequest request_of(const SinkBatch& batch, std::span<const Element> elements) const {
    FetchRequest request = plan_.request;
    request.body = body_of(elements);
    const Offset first = elements.front().offset, last = elements.back().offset;
    const std::string place =
        fmt::format("{}\n{}\n{}\n{}\n", plan_.sink, batch.partition, first, last);
    const auto add = [&](const char* name, std::string value) {
      request.header.emplace_back(name, std::move(value));
    };
    add("Idempotency-Key", sha256(place + request.body).substr(0, key_digits));
    add("Leat-Sink", plan_.sink);
    add("Leat-Partition", fmt::to_string(batch.partition.value()));
    add("Leat-First-Offset", fmt::to_string(first.value()));
    add("Leat-Last-Offset", fmt::to_string(last.value()));
    if (!plan_.secret.empty()) {
      const std::string seconds = fmt::to_string(clock_.now_ms() / 1000);
      add("Leat-Timestamp", seconds);
      add("Leat-Signature", "sha256=" + hmac_sha256(plan_.secret, seconds + "." + request.body));
    }
    return request;
  }

  /// In halves, where the answer says that it is the rows which are refused.
  Status send(const SinkBatch& batch, std::span<const Element> elements,
              std::vector<RefusedRow>& refused, const std::stop_token& stop) {
    const FetchResponse response = LEAT_TRY(fetcher_.fetch(request_of(batch, elements), stop));
    if (response.status >= 200 && response.status <= 299) return {};
    const std::string answer =
        fmt::format("{} answered {}: {}", response.url.without_secrets(), response.status,
                    format::excerpt(response.body, shown_bytes));
    if (may_pass(response.status)) {
      const std::int64_t asked_ms =
          std::min(response.retry_after_ms.value_or(0), plan_.retry_after_max_ms);
      not_before_ = clock_.steady() + std::chrono::milliseconds(asked_ms);
      return transient_error("http-status", "{}", answer);
    }
    // A redirect is no answer to a row either: somebody has to mend the address.
    if (response.status < 400 || holds(response.status)) {
      return external_error("http-status", "{}; check `url` and `headers`", answer);
    }
    if (elements.size() == 1) {
      refused.push_back({elements[0].part, elements[0].row, answer});
      return {};
    }
    const std::size_t half = elements.size() / 2;
    LEAT_TRY(send(batch, elements.first(half), refused, stop));
    return send(batch, elements.subspan(half), refused, stop);
  }

  bool holds(long status) const {
    return std::ranges::find(plan_.hold_on, status) != plan_.hold_on.end();
  }

  /// No sooner than the server's `Retry-After` said.
  Status wait_as_asked(const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    never.wait_until(lock, stop, not_before_, [] { return false; });
    if (stop.stop_requested()) return external_error("stopped", "{}: stopped", plan_.sink);
    return {};
  }

  const Plan plan_;
  const Clock& clock_;
  Fetcher fetcher_;
  Elements elements_;
  std::chrono::steady_clock::time_point not_before_{};
  /// The batch that is under way, or failed: what of it was delivered is not sent again.
  std::optional<std::string> begun_;
  std::size_t begun_rows_ = 0;
  std::size_t delivered_ = 0;
  std::vector<RefusedRow> refused_;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_http_sink(const SinkInput& input, const Settings& settings,
                                             const Context& context) {
  Plan plan;
  plan.sink = input.sink;
  plan.request.url = LEAT_TRY(parse_url(settings.text("url")));
  plan.request.home = plan.request.url;
  plan.request.method = settings.text("method");
  plan.lines = settings.text("format") == "ndjson";
  plan.request.header = LEAT_TRY(read_header(
      settings.map("headers"), plan.lines ? "application/x-ndjson" : "application/json"));
  plan.secret = settings.text("secret");
  plan.rows_max = static_cast<std::size_t>(settings.integer("rows_max"));
  plan.bytes_max = static_cast<std::size_t>(settings.integer("bytes_max"));
  plan.retry_after_max_ms = settings.duration_ms("retry_after_max");
  plan.hold_on = LEAT_TRY(read_statuses(settings.list("hold_on")));
  plan.fetch.timeout_ms = settings.duration_ms("timeout");
  plan.fetch.connect_timeout_ms = settings.duration_ms("connect_timeout");
  plan.fetch.redirects_max = 0;
  plan.fetch.allowed = allowed_reach(settings, context, plan.request.url);
  LEAT_TRY(read_tls(settings.group("tls"), context, plan.fetch));
  return std::make_unique<HttpSink>(input, std::move(plan), context.clock);
}

}  // namespace leat::connector
