#include "connector/http/http_source.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <spdlog/spdlog.h>

#include "base/backoff.h"
#include "connector/address.h"
#include "connector/fetcher.h"
#include "connector/http/pages.h"
#include "connector/request_settings.h"
#include "format/json_body.h"

namespace leat::connector {
namespace {

constexpr std::size_t shown_bytes = 120;          ///< of an answer that can't be used, in messages
constexpr std::size_t append_records_max = 8192;  ///< handed to the topic at once
constexpr std::size_t append_bytes_max = 1 << 20;
constexpr std::int64_t log_again_ms = 60'000;  ///< an unchanged failure is logged this often
constexpr std::int64_t append_retry_first_ms = 100, append_retry_max_ms = 5'000;

struct Plan {
  FetchRequest request;
  FetchOptions fetch;
  Paging paging;
  std::string records;
  std::int64_t every_ms = 0;
  std::int64_t pulls_max = 0;
  unsigned retries = 0;
  std::int64_t backoff_first_ms = 0, backoff_max_ms = 0, retry_after_max_ms = 0;
};

/// The first bytes of an answer on one line, for a person.
std::string beginning_of(std::string_view body) {
  std::string shown;
  for (const char letter : body.substr(0, shown_bytes)) {
    shown += static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F ? ' ' : letter;
  }
  // Not in the middle of a UTF-8 sequence.
  while (body.size() > shown_bytes && !shown.empty() && (shown.back() & 0x80) != 0) {
    const bool leads = (shown.back() & 0x40) != 0;
    shown.pop_back();
    if (leads) break;
  }
  return body.size() > shown_bytes ? shown + "…" : shown;
}

/// What a failed try says of the next one.
struct Failure {
  Error error;
  std::int64_t wait_ms = 0;  ///< the server asked for it
};

struct Page {
  std::unique_ptr<FetchResponse> response;
  std::vector<std::string_view> records;  ///< point into the response's body
};

class HttpSource final : public LiveSource {
 public:
  HttpSource(Plan plan, const Clock& clock)
      : plan_(std::move(plan)),
        clock_(clock),
        fetcher_(plan_.fetch),
        backoff_(plan_.backoff_first_ms, plan_.backoff_max_ms) {}

  Status run(std::stop_token stop, RecordWriter& writer, SourceStatus& status) override {
    for (std::int64_t pulls = 1; !stop.stop_requested(); ++pulls) {
      const auto due = clock_.steady() + std::chrono::milliseconds(plan_.every_ms);
      LEAT_TRY(pull(stop, writer, status));
      if (plan_.pulls_max > 0 && pulls >= plan_.pulls_max) break;
      status.set_state("waiting");
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due - clock_.steady());
      this->wait(stop, wait.count());
    }
    status.set_state("ended");
    return {};
  }

 private:
  /// One pull with all its pages. An Error is one that ends the source.
  Status pull(const std::stop_token& stop, RecordWriter& writer, SourceStatus& status) {
    status.set_state("reading");
    ++status.attempts;
    FetchRequest request = plan_.request;
    request.url = LEAT_TRY(plan_.paging.first_page(request.url));
    for (std::int64_t number = 0; number < plan_.paging.pages_max(); ++number) {
      Result<Page> page = fetch_page(request, stop, status);
      if (!page) {
        if (!stop.stop_requested()) note_failure(page.error(), status);
        return {};
      }
      if (!page->records.empty()) LEAT_TRY(append(page->records, stop, writer, status));
      if (stop.stop_requested()) return {};
      Result<std::optional<Url>> next =
          plan_.paging.next_page(request.url, *page->response, page->records.size(), number);
      if (!next) {
        note_failure(next.error(), status);
        return {};
      }
      if (!*next) break;
      request.url = std::move(**next);
    }
    note_success(status);
    return {};
  }

  Result<Page> fetch_page(const FetchRequest& request, const std::stop_token& stop,
                          SourceStatus& status) {
    for (unsigned retry = 0;; ++retry) {
      std::expected<Page, Failure> page = try_page(request, stop);
      if (page) return std::move(*page);
      const Failure& failure = page.error();
      if (!failure.error.retryable || retry >= plan_.retries || stop.stop_requested()) {
        return std::unexpected(failure.error);
      }
      status.set_error(failure.error.message);
      status.set_state("retrying");
      ++status.retries;
      wait(stop,
           std::max(backoff_.wait_ms(retry), std::min(failure.wait_ms, plan_.retry_after_max_ms)));
      status.set_state("reading");
    }
  }

  std::expected<Page, Failure> try_page(const FetchRequest& request, const std::stop_token& stop) {
    Result<FetchResponse> fetched = fetcher_.fetch(request, stop);
    if (!fetched) return std::unexpected(Failure{fetched.error()});
    Page page{std::make_unique<FetchResponse>(std::move(*fetched)), {}};
    const FetchResponse& response = *page.response;
    const auto refuse = [&](std::string code, bool retryable, const std::string& what) {
      std::string message =
          fmt::format("{}: {}; the answer begins: {}", response.url.without_secrets(), what,
                      beginning_of(response.body));
      return std::unexpected(
          Failure{{Domain::external, std::move(code), std::move(message), retryable},
                  response.retry_after_ms.value_or(0)});
    };
    if (response.status < 200 || response.status > 299) {
      return refuse("http-status", may_pass(response.status),
                    fmt::format("answered {}", response.status));
    }
    if (response.body.empty()) return page;
    const Status found = json_.extract_records(response.body, plan_.records, page.records);
    if (!found) return refuse("bad-answer", true, found.error().message);
    return page;
  }

  /// Hands the records to the topic, as long as it takes: they are nowhere else.
  Status append(std::span<const std::string_view> records, const std::stop_token& stop,
                RecordWriter& writer, SourceStatus& status) {
    std::vector<RecordWriter::Entry> entries;
    for (std::size_t begin = 0; begin < records.size();) {
      entries.clear();
      std::size_t bytes = 0;
      while (begin < records.size() && entries.size() < append_records_max &&
             (entries.empty() || bytes + records[begin].size() <= append_bytes_max)) {
        bytes += records[begin].size();
        entries.push_back({.value = records[begin++], .key = {}});
      }
      LEAT_TRY(append_entries(entries, stop, writer, status));
      if (stop.stop_requested()) return {};
    }
    return {};
  }

  Status append_entries(std::span<const RecordWriter::Entry> entries, const std::stop_token& stop,
                        RecordWriter& writer, SourceStatus& status) {
    Backoff patience(append_retry_first_ms, append_retry_max_ms);
    for (unsigned retry = 0;; ++retry) {
      Status appended = writer.append(entries);
      if (appended) {
        status.records += entries.size();
        for (const auto& entry : entries) status.bytes += entry.value.size();
        return {};
      }
      const Error& error = appended.error();
      if (!error.retryable) {
        if (error.domain != Domain::user) return appended;
        // A record that the topic will never take must not keep the others out.
        note_failure(error, status);
        if (entries.size() == 1) return {};
        for (const auto& entry : entries) {
          LEAT_TRY(append_entries(std::span(&entry, 1), stop, writer, status));
        }
        return {};
      }
      if (stop.stop_requested()) return {};
      status.set_error(error.message);
      status.set_state("retrying");
      ++status.retries;
      wait(stop, patience.wait_ms(retry));
      status.set_state("reading");
    }
  }

  void note_failure(const Error& error, SourceStatus& status) {
    ++status.failures;
    status.set_error(error.message);
    failed_ = true;
    const std::int64_t now_ms = clock_.now_ms();
    if (error.message == logged_ && now_ms - logged_ms_ < log_again_ms) return;
    logged_ = error.message;
    logged_ms_ = now_ms;
    spdlog::warn("http source: [{}] {}", error.code, error.message);
  }

  void note_success(SourceStatus& status) {
    status.set_error("");
    if (failed_) {
      spdlog::info("http source: {} answers again", plan_.request.url.without_secrets());
    }
    failed_ = false;
    logged_.clear();
  }

  void wait(const std::stop_token& stop, std::int64_t wait_ms) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    never.wait_for(lock, stop, std::chrono::milliseconds(wait_ms), [] { return false; });
  }

  const Plan plan_;
  const Clock& clock_;
  Fetcher fetcher_;
  Backoff backoff_;
  format::JsonBody json_;
  bool failed_ = false;
  std::string logged_;
  std::int64_t logged_ms_ = 0;
};

}  // namespace

Result<std::unique_ptr<LiveSource>> make_http_source(const Settings& settings,
                                                     const Context& context) {
  Plan plan;
  FetchRequest& request = plan.request;
  request.url = LEAT_TRY(parse_url(settings.text("url")));
  request.home = request.url;
  request.method = settings.has("method") ? settings.text("method") : "GET";
  request.body = settings.text("body");
  if (request.method != "POST" && !request.body.empty()) {
    return user_error("bad-body", "http source: `body` is only sent with `method: POST`");
  }
  request.header = LEAT_TRY(
      read_header(settings.map("headers"), request.method == "POST" ? "application/json" : ""));
  plan.paging = LEAT_TRY(Paging::from(settings.group("paging")));
  plan.records = settings.text("records");
  plan.every_ms = settings.duration_ms("every");
  plan.pulls_max = settings.integer("pulls_max");
  plan.retries = static_cast<unsigned>(settings.integer("retries"));
  const Settings& backoff = settings.group("backoff");
  plan.backoff_first_ms = backoff.duration_ms("first");
  plan.backoff_max_ms = backoff.duration_ms("max");
  plan.retry_after_max_ms = backoff.duration_ms("retry_after_max");
  FetchOptions& fetch = plan.fetch;
  fetch.timeout_ms = settings.duration_ms("timeout");
  fetch.connect_timeout_ms = settings.duration_ms("connect_timeout");
  fetch.response_bytes_max = static_cast<std::uint64_t>(settings.integer("response_bytes_max"));
  fetch.redirects_max = static_cast<unsigned>(settings.integer("redirects_max"));
  fetch.allowed = allowed_reach(settings, context, request.url);
  LEAT_TRY(read_tls(settings.group("tls"), context, fetch));
  return std::make_unique<HttpSource>(std::move(plan), context.clock);
}

}  // namespace leat::connector
