#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "connector/fetcher.h"
#include "connector/spec.h"
#include "connector/url.h"

namespace leat::connector {

/// How one pull goes from page to page. Immutable.
class Paging {
 public:
  Paging() = default;
  /// From the settings group `paging`, empty for a single page. Error `bad-paging` (user).
  static Result<Paging> from(const Settings& group);

  std::int64_t pages_max() const { return pages_max_; }
  Result<Url> first_page(const Url& url) const;
  /// After page `number` (from 0), asked for at `requested`, came with so many records: the next
  /// page's address, or nothing when that was the last one.
  Result<std::optional<Url>> next_page(const Url& requested, const FetchResponse& response,
                                       std::size_t records, std::int64_t number) const;

 private:
  enum class Kind { single, page, cursor, next_url, link };
  Kind kind_ = Kind::single;
  std::string parameter_;
  std::string at_;
  std::int64_t first_ = 1;
  std::int64_t pages_max_ = 1;
};

}  // namespace leat::connector
