#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/exchange.h"
#include "server/request.h"

namespace leat::server {

/// One route of the API. A pattern has at most one `{name}`, which is one whole segment.
struct Route {
  Method method = Method::get;
  std::string_view pattern;
  std::function<void(Request, Exchange)> handle;
};

/// Finds the route of a request. Immutable once made; const calls from any thread.
class Router {
 public:
  explicit Router(std::vector<Route> routes);

  struct Match {
    const Route* route = nullptr;
    std::size_t number = 0;      ///< of the route in `routes`
    std::string_view parameter;  ///< percent-encoded, within the path
    std::string allowed;         ///< when the path is known but not with this method: for Allow
  };
  /// `route` is null when there is none. HEAD is taken as GET.
  Match match(Method method, std::string_view path) const;
  /// `; did you mean "…"?` with the pattern nearest to a path that has no route, or nothing.
  std::string did_you_mean(std::string_view path) const;
  std::span<const Route> routes() const { return routes_; }

 private:
  const std::vector<Route> routes_;
};

std::string_view name_of(Method method);

}  // namespace leat::server
