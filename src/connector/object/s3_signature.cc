#include "connector/object/s3_signature.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "connector/digest.h"

namespace leat::connector::object {
namespace {

constexpr const char* algorithm = "AWS4-HMAC-SHA256";

std::string host_of(const Url& url) {
  const bool usual = url.port == (url.scheme == "https" ? 443 : 80);
  const std::string host = url.host.contains(':') ? "[" + url.host + "]" : url.host;
  return usual ? host : fmt::format("{}:{}", host, url.port);
}

/// "20261121T083000Z"
std::string time_text(std::int64_t now_ms) {
  const std::time_t seconds = now_ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

std::string s3_encoded(std::string_view text, bool keep_slash) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char c : text) {
    if (plain.contains(c) || (keep_slash && c == '/')) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string s3_query(std::vector<std::pair<std::string, std::string>> query) {
  for (auto& [name, value] : query) {
    name = s3_encoded(name, false);
    value = s3_encoded(value, false);
  }
  std::ranges::sort(query);
  std::string out;
  for (const auto& [name, value] : query) {
    if (!out.empty()) out += '&';
    out += name + "=" + value;
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> s3_signature(const S3Request& request,
                                                              const S3Credentials& credentials,
                                                              const std::string& region,
                                                              std::int64_t now_ms) {
  const std::string time = time_text(now_ms);
  const std::string day = time.substr(0, 8);
  std::vector<std::pair<std::string, std::string>> header = {
      {"x-amz-content-sha256", sha256(request.body)}, {"x-amz-date", time}};
  if (!credentials.session_token.empty()) {
    header.emplace_back("x-amz-security-token", credentials.session_token);
  }
  std::string names = "host";
  std::string fields = "host:" + host_of(request.url) + "\n";
  for (const auto& [name, value] : header) {
    names += ";" + name;
    fields += name + ":" + value + "\n";
  }
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path, s3_query(request.query),
                  fields, names, header[0].second);
  const std::string scope = fmt::format("{}/{}/s3/aws4_request", day, region);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", algorithm, time, scope, sha256(canonical));
  std::string key = "AWS4" + credentials.secret_key;
  for (const std::string_view part : {std::string_view(day), std::string_view(region),
                                      std::string_view("s3"), std::string_view("aws4_request")}) {
    key = hmac_sha256_bytes(key, part);
  }
  header.emplace_back("Authorization",
                      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm,
                                  credentials.access_key, scope, names, hmac_sha256(key, to_sign)));
  return header;
}

}  // namespace leat::connector::object
