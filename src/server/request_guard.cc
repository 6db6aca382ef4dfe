#include "server/request_guard.h"

#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>

namespace leat::server {
namespace {

bool same(std::string_view left, std::string_view right) {
  return boost::beast::iequals({left.data(), left.size()}, {right.data(), right.size()});
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() > end.size() && same(text.substr(text.size() - end.size()), end);
}

}  // namespace

std::string_view host_without_port(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.rfind(':'));
}

bool is_loopback_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (same(host, "localhost") || ends_with(host, ".localhost")) return true;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(host), error);
  return !error && address.is_loopback();
}

RequestGuard::RequestGuard(bool loopback, std::vector<std::string> hosts)
    : loopback_(loopback), hosts_(std::move(hosts)) {}

bool RequestGuard::is_host_allowed(std::string_view host) const {
  if (same(host, "localhost") || host == "127.0.0.1") return true;
  for (const std::string& allowed : hosts_) {
    if (same(host, allowed)) return true;
  }
  if (loopback_) return is_loopback_name(host);
  return hosts_.empty();
}

Status RequestGuard::admit(const Request& request) const {
  const std::string_view authority = request.header(Header::host);
  if (request.has(Header::host) && !is_host_allowed(host_without_port(authority))) {
    return user_error("host-refused",
                      "the Host `{}` is not one of this server's names; use 127.0.0.1 or "
                      "localhost, or name the host when Leat is started",
                      authority.substr(0, 255));
  }
  if (request.method != Method::post) return {};
  if (request.has(Header::origin)) {
    const std::string_view origin = request.header(Header::origin);
    const std::size_t scheme = origin.find("://");
    const bool own = scheme != std::string_view::npos && same(origin.substr(scheme + 3), authority);
    if (!own) {
      return user_error("origin-refused",
                        "a page of `{}` may not send this; only Leat's own page may",
                        origin.substr(0, 255));
    }
  }
  if (same(request.header(Header::sec_fetch_site), "cross-site")) {
    return user_error("origin-refused", "a page of another site may not send this");
  }
  return {};
}

}  // namespace leat::server
