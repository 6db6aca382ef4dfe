#include "connector/proxy.h"

#include <algorithm>
#include <cstdlib>

#include "connector/address.h"

namespace leat::connector {
namespace {

bool is_excepted(std::string host, std::string_view exceptions) {
  while (!exceptions.empty()) {
    const std::size_t end = std::min(exceptions.find_first_of(", "), exceptions.size());
    std::string name(exceptions.substr(0, end));
    exceptions.remove_prefix(std::min(end + 1, exceptions.size()));
    std::ranges::transform(name, name.begin(), [](char letter) {
      return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    });
    if (name == "*") return true;
    if (name.starts_with('.')) name.erase(0, 1);
    if (!name.empty() && (host == name || host.ends_with("." + name))) return true;
  }
  return false;
}

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

std::string proxy_for(const Url& url, const Environment& environment) {
  if (reach_of_literal(url.host) == Reach::loopback) return {};
  const auto first_of = [&](std::initializer_list<std::string_view> names) -> std::string {
    for (const std::string_view name : names) {
      if (const auto value = environment(name); value && !value->empty()) return *value;
    }
    return {};
  };
  if (is_excepted(url.host, first_of({"no_proxy", "NO_PROXY"}))) return {};
  return url.scheme == "https" ? first_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                               : first_of({"http_proxy", "all_proxy", "ALL_PROXY"});
}

}  // namespace leat::connector
