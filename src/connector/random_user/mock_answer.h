#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leat::connector {

/// What the look-alike API says to one request. Pure data.
struct MockAnswer {
  unsigned status = 200;
  std::string body;                                         ///< JSON
  std::vector<std::pair<std::string, std::string>> header;  ///< besides the usual ones
};

/// Users of one answer at most, as in the public API.
inline constexpr unsigned mock_results_max = 5000;

/// Answers `GET target`, a path with a query such as `/api/?results=3&nat=de`. `fresh_seed` is
/// taken when the request names none. `origin` ("http://127.0.0.1:8099") is what page links begin
/// with.
///
/// Parameters: `results` (1 to 5,000; 1), `seed`, `page` (from 1), `nat` (comma-separated codes),
/// `gender` (male | female), `inc` and `exc` (comma-separated top-level fields). With `pages=N` the
/// answer is a page of N: `info.next` holds the next page's cursor (null on the last one), which
/// `cursor=` takes, and a `Link: <…>; rel="next"` header holds its address. Other parameters are
/// passed over. Paths: `/api`, `/api/`, `/api/1.4`, `/api/1.4/`.
MockAnswer answer_random_user(std::string_view target, std::string_view fresh_seed,
                              std::string_view origin);

MockAnswer mock_error(unsigned status, std::string_view message);

}  // namespace leat::connector
