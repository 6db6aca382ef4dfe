#include "server/router.h"

#include "model/nearest_name.h"

namespace leat::server {
namespace {

/// The text that stands for the pattern's `{…}`, or nothing where the path isn't of this pattern.
std::optional<std::string_view> match_pattern(std::string_view pattern, std::string_view path) {
  const std::size_t open = pattern.find('{');
  if (open == std::string_view::npos) {
    return pattern == path ? std::optional<std::string_view>("") : std::nullopt;
  }
  const std::string_view before = pattern.substr(0, open);
  const std::string_view after = pattern.substr(pattern.find('}') + 1);
  if (path.size() <= before.size() + after.size()) return std::nullopt;
  if (!path.starts_with(before) || !path.ends_with(after)) return std::nullopt;
  const std::string_view middle =
      path.substr(before.size(), path.size() - before.size() - after.size());
  if (middle.find('/') != std::string_view::npos) return std::nullopt;
  return middle;
}

}  // namespace

std::string_view name_of(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::other:
      break;
  }
  return "";
}

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {}

Router::Match Router::match(Method method, std::string_view path) const {
  const Method wanted = method == Method::head ? Method::get : method;
  Match match;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const auto parameter = match_pattern(routes_[i].pattern, path);
    if (!parameter) continue;
    if (routes_[i].method == wanted) return {&routes_[i], i, *parameter, {}};
    if (!match.allowed.empty()) match.allowed += ", ";
    match.allowed += name_of(routes_[i].method);
    if (routes_[i].method == Method::get) match.allowed += ", HEAD";
  }
  return match;
}

std::string Router::did_you_mean(std::string_view path) const {
  std::vector<std::string_view> patterns;
  for (const Route& route : routes_) patterns.push_back(route.pattern);
  return leat::did_you_mean(path, patterns);
}

}  // namespace leat::server
