#include "server/page.h"

#include "server/assets.h"

namespace leat::server {
namespace {

constexpr std::string_view content_security_policy =
    "default-src 'self'; img-src 'self' data: https:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'";

bool accepts_gzip(const Request& request) {
  std::string_view rest = request.header(Header::accept_encoding);
  while (!rest.empty()) {
    std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
    const std::string_view name = item.substr(0, item.find_first_of("; "));
    if (name != "gzip" && name != "*") continue;
    return item.find("q=0") == std::string_view::npos || item.find("q=0.") != item.npos;
  }
  return false;
}

}  // namespace

bool answer_page(const Request& request, Exchange& exchange) {
  const std::string_view path = request.path();
  auto asset = find_asset(path);
  if (!asset) {
    const std::string_view name = path.substr(path.rfind('/') + 1);
    if (path.starts_with("/v1/") || path == "/v1" || name.find('.') != std::string_view::npos ||
        path.starts_with("/assets/")) {
      return false;
    }
    asset = find_asset("/");
  }
  if (!asset) return false;
  Response response;
  response.add_header("ETag", asset->etag);
  response.add_header("Cache-Control",
                      asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
  response.add_header("Vary", "Accept-Encoding");
  response.add_header("Content-Security-Policy", content_security_policy);
  response.add_header("Referrer-Policy", "no-referrer");
  response.add_header("X-Frame-Options", "DENY");
  response.add_header("Cross-Origin-Opener-Policy", "same-origin");
  response.add_header("Cross-Origin-Resource-Policy", "same-origin");
  if (request.header(Header::if_none_match).find(asset->etag) != std::string_view::npos) {
    response.status = 304;
  } else {
    response.content_type = asset->content_type;
    response.static_body = asset->bytes;
    if (!asset->gzip.empty() && accepts_gzip(request)) {
      response.static_body = asset->gzip;
      response.add_header("Content-Encoding", "gzip");
    }
  }
  exchange.reply(std::move(response));
  return true;
}

}  // namespace leat::server
