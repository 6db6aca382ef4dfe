#pragma once

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/backoff.h"
#include "connector/object/s3_store.h"

namespace leat::connector::object {

/// Signed requests to one bucket. Used by one thread.
class S3Client {
 public:
  /// What passes by itself is tried so many times in all, with waits in between.
  static constexpr unsigned tries_max = 4;
  /// So often what should be there is looked for, with the same waits: some 8 s in all.
  static constexpr unsigned looks_max = 8;
  static constexpr std::int64_t retry_first_ms = 100, retry_max_ms = 2000;

  S3Client(S3Options options, const Clock& clock);

  struct Call {
    std::string method = "GET";
    std::string key = {};  ///< with the prefix; empty: the bucket itself
    std::vector<std::pair<std::string, std::string>> query = {};
    std::vector<std::pair<std::string, std::string>> header = {};  ///< besides the signature
    std::string body = {};
  };
  /// Any status below 500 but 408 and 429 is an answer. Errors: `object-unavailable` (transient),
  /// those of Fetcher.
  Result<FetchResponse> send(const Call& call, const std::stop_token& stop);
  /// The same; a status that is no success is an Error, as `failed` words it.
  Result<FetchResponse> send_well(const Call& call, const std::stop_token& stop);

  /// Waits as before try number `retry` + 1.
  Status wait(unsigned retry, const std::stop_token& stop);

  /// What is wrong, and who can mend it.
  Error failed(const FetchResponse& response) const;
  const std::string& shown() const { return shown_; }
  const S3Options& options() const { return options_; }

 private:
  Result<FetchResponse> send_once(const Call& call, const std::stop_token& stop);
  Status wait_ms(std::int64_t time_ms, const std::stop_token& stop);
  Url url_of(const std::string& path) const;

  const S3Options options_;
  const Clock& clock_;
  const std::string shown_;
  Fetcher fetcher_;
  Backoff backoff_;
};

}  // namespace leat::connector::object
