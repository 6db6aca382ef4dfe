#include "connector/object/s3_client.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "connector/object/s3_answer.h"

namespace leat::connector::object {
namespace {

constexpr std::size_t shown_bytes = 200;  // of an answer that is not understood

/// Codes of answers that may be others a little later, whatever their status.
bool is_passing(std::string_view code) {
  return code == "InternalError" || code == "ServiceUnavailable" || code == "SlowDown" ||
         code == "RequestTimeout" || code == "OperationAborted" ||
         code == "ConditionalRequestConflict" || code == "XMinioServerNotInitialized";
}

/// What the user can do about it.
const char* remedy_of(const S3Error& error, long status) {
  const std::string_view code = error.code;
  if (code == "NoSuchBucket") return "make the bucket (aws s3 mb s3://BUCKET), or correct `path`";
  if (code == "RequestTimeTooSkewed") return "set this machine's clock";
  if (code == "SignatureDoesNotMatch") return "check `secret_key` and `region`";
  if (code == "InvalidAccessKeyId") return "check `access_key`";
  if (code == "AuthorizationHeaderMalformed" || code == "PermanentRedirect" || status == 301 ||
      status == 307) {
    return "check `region` and `endpoint`: the bucket is somewhere else";
  }
  if (status == 401 || status == 403) {
    return "the key needs the rights to list, read, write and delete objects below `path`, and to "
           "list and abort uploads";
  }
  return "check `path` and `endpoint`";
}

}  // namespace

S3Client::S3Client(S3Options options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      shown_(fmt::format("s3://{}/{}", options_.bucket, options_.prefix)),
      fetcher_(options_.fetch),
      backoff_(retry_first_ms, retry_max_ms) {}

Url S3Client::url_of(const std::string& path) const {
  Url url = options_.endpoint;
  if (!options_.bucket_in_path) url.host = options_.bucket + "." + url.host;
  const std::string host = url.host.contains(':') ? "[" + url.host + "]" : url.host;
  url.text = fmt::format("{}://{}:{}{}", url.scheme, host, url.port, path);
  return url;
}

Result<FetchResponse> S3Client::send_once(const Call& call, const std::stop_token& stop) {
  std::string path = options_.bucket_in_path ? "/" + s3_encoded(options_.bucket, false) : "";
  if (!call.key.empty() || path.empty()) path += "/" + s3_encoded(call.key, true);
  FetchRequest request;
  request.method = call.method;
  request.url = url_of(path);
  request.home = request.url;
  request.header = s3_signature({.method = call.method,
                                 .url = request.url,
                                 .path = path,
                                 .query = call.query,
                                 .body = call.body},
                                options_.credentials, options_.region, clock_.now_ms());
  request.header.insert(request.header.end(), call.header.begin(), call.header.end());
  if (call.method == "PUT" || call.method == "POST") {
    request.header.emplace_back("Content-Type", "application/octet-stream");
  }
  if (!call.query.empty()) request.url.text += "?" + s3_query(call.query);
  request.body = call.body;
  return fetcher_.fetch(request, stop);
}

Result<FetchResponse> S3Client::send(const Call& call, const std::stop_token& stop) {
  for (unsigned retry = 0;; ++retry) {
    Result<FetchResponse> response = send_once(call, stop);
    std::int64_t asked_ms = 0;
    Error error;
    if (!response) {
      if (response.error().code == "redirect-refused") {
        return user_error("object-refused", "{}: {}; check `region` and `endpoint`", shown_,
                          response.error().message);
      }
      if (!response.error().retryable) return response;
      error = {Domain::external, "object-unavailable",
               fmt::format("{}: {}", shown_, response.error().message), true};
    } else {
      const auto said = response->status == 200 ? std::nullopt : read_s3_error(response->body);
      const bool passes = may_pass(response->status) || (said && is_passing(said->code));
      if (!passes) return response;
      asked_ms = std::min<std::int64_t>(response->retry_after_ms.value_or(0), retry_max_ms);
      error = failed(*response);
    }
    if (retry + 1 >= tries_max) return std::unexpected(std::move(error));
    LEAT_TRY(wait_ms(std::max(asked_ms, backoff_.wait_ms(retry)), stop));
  }
}

Status S3Client::wait(unsigned retry, const std::stop_token& stop) {
  return wait_ms(backoff_.wait_ms(retry), stop);
}

Status S3Client::wait_ms(std::int64_t time_ms, const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any never;
  never.wait_for(lock, stop, std::chrono::milliseconds(time_ms), [] { return false; });
  if (stop.stop_requested()) return external_error("stopped", "{}: stopped", shown_);
  return {};
}

Result<FetchResponse> S3Client::send_well(const Call& call, const std::stop_token& stop) {
  FetchResponse response = LEAT_TRY(send(call, stop));
  if (response.status < 200 || response.status > 299) return std::unexpected(failed(response));
  return response;
}

Error S3Client::failed(const FetchResponse& response) const {
  const auto said = read_s3_error(response.body);
  const bool passes = may_pass(response.status) || (said && is_passing(said->code));
  const std::string words =
      said ? fmt::format("{}: {}", said->code, said->message)
           : response.body.substr(0, std::min(shown_bytes, response.body.find('\n')));
  const std::string text = fmt::format("{}: {} answered {} {}", shown_,
                                       response.url.without_secrets(), response.status, words);
  if (passes) return {Domain::external, "object-unavailable", text, true};
  const bool is_missing = said && said->code == "NoSuchKey";
  return {is_missing ? Domain::external : Domain::user,
          is_missing ? "object-missing" : "object-refused",
          fmt::format("{}; {}", text, remedy_of(said.value_or(S3Error{}), response.status)), false};
}

}  // namespace leat::connector::object
