#include "connector/request_settings.h"

#include <algorithm>

#include "connector/address.h"

namespace leat::connector {
namespace {

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(letter) != std::string_view::npos;
  });
}

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  });
  return text;
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> read_header(
    const std::map<std::string, std::string>& written, std::string_view content_type) {
  std::vector<std::pair<std::string, std::string>> header;
  bool typed = content_type.empty();
  for (const auto& [name, value] : written) {
    if (!is_token(name)) {
      return user_error("bad-header", "\"{}\" can't be the name of a header", name);
    }
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      return user_error("bad-header",
                        "the value of header {} holds a line break; a secret read from a file "
                        "often ends with one",
                        name);
    }
    const std::string lower = lower_case(name);
    if (lower == "content-length" || lower == "transfer-encoding" || lower == "host") {
      return user_error("bad-header", "header {} is set by Leat itself; leave it out", name);
    }
    typed = typed || lower == "content-type";
    header.emplace_back(name, value);
  }
  if (!typed) header.emplace_back("Content-Type", content_type);
  return header;
}

Setting tls_setting() {
  return {.name = "tls",
          .kind = Kind::group,
          .doc =
              "How the server and we show each other who we are. The server's certificate and "
              "name are always verified.",
          .fields = {{.name = "ca",
                      .kind = Kind::path,
                      .doc = "PEM file of the authorities that certificates are verified against. "
                             "Left out: the system's."},
                     {.name = "cert",
                      .kind = Kind::path,
                      .doc = "PEM file with our certificate (mutual TLS). Shown to the server of "
                             "`url` alone, not to one that it redirects to."},
                     {.name = "key", .kind = Kind::path, .doc = "PEM file with the key of `cert`."},
                     {.name = "key_password", .doc = "Password of `key`.", .secret = true}}};
}

Status read_tls(const Settings& tls, const Context& context, FetchOptions& fetch) {
  const auto file = [&](const char* name) {
    const std::string& path = tls.text(name);
    return path.empty() ? path : context.path(path);
  };
  fetch.ca_file = file("ca");
  fetch.certificate_file = file("cert");
  fetch.key_file = file("key");
  fetch.key_password = tls.text("key_password");
  if (fetch.certificate_file.empty() == fetch.key_file.empty()) return {};
  return user_error("bad-tls", "`tls` has only one of `cert` and `key`; name both, or none");
}

AllowedReach allowed_reach(const Settings& settings, const Context& context, const Url& url) {
  if (context.allow_private_addresses) return {.loopback = true, .internal = true};
  if (settings.has("allow_private")) {
    const bool allowed = settings.flag("allow_private");
    return {.loopback = allowed, .internal = allowed};
  }
  return {.loopback = reach_of_literal(url.host) == Reach::loopback, .internal = false};
}

}  // namespace leat::connector
