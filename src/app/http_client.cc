#include "app/http_client.h"

#include <cstdlib>
#include <memory>

#include <curl/curl.h>
#include <nlohmann/json.hpp>

namespace leat::app {
namespace {

constexpr long connect_seconds_max = 5;
constexpr long request_seconds_max = 60;

using Curl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using CurlHeaders = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

std::size_t append_body(char* data, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

std::size_t note_header(char* data, std::size_t size, std::size_t count, void* headers) {
  const std::string_view line(data, size * count);
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  std::string name(line.substr(0, colon));
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n')) value.remove_suffix(1);
  (*static_cast<std::map<std::string, std::string>*>(headers))[name] = std::string(value);
  return size * count;
}

std::unexpected<Error> unreachable(const std::string& server, CURLcode code) {
  return transient_error(
      "server-unreachable",
      "no answer from {}: {}; start it with `leat run FILE`, or name another one "
      "with --server",
      server, curl_easy_strerror(code));
}

/// The server's own words for a refusal.
std::unexpected<Error> refusal(const std::string& server, long status, const std::string& body) {
  Error error{status >= 500 ? Domain::external : Domain::user, "refused",
              fmt::format("{} answered {}", server, status), status == 503 || status == 429};
  const auto answer = nlohmann::json::parse(body, nullptr, false);
  if (answer.is_object() && answer.contains("error") && answer["error"].is_object()) {
    error.code = answer["error"].value("code", error.code);
    error.message = answer["error"].value("message", error.message);
  }
  return std::unexpected(std::move(error));
}

struct Piecewise {
  CURL* curl;
  const std::function<bool(std::string_view)>* piece;
  std::string refused;  // the body of an error answer
};

std::size_t hand_over(char* data, std::size_t size, std::size_t count, void* context) {
  auto& piecewise = *static_cast<Piecewise*>(context);
  long status = 0;
  curl_easy_getinfo(piecewise.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 400) {
    piecewise.refused.append(data, size * count);
    return size * count;
  }
  return (*piecewise.piece)({data, size * count}) ? size * count : 0;
}

int stop_asked_for(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

}  // namespace

HttpClient::HttpClient(std::string server) : server_(std::move(server)) {
  if (server_.find("://") == std::string::npos) server_ = "http://" + server_;
  while (server_.ends_with('/')) server_.pop_back();
}

std::string HttpClient::default_server() {
  const char* server = std::getenv("LEAT_SERVER");
  return server != nullptr && *server != '\0' ? server : "http://127.0.0.1:8080";
}

Result<HttpClient::Response> HttpClient::perform(const std::string& path,
                                                 const std::string* content_type,
                                                 std::string_view body) {
  const Curl curl(curl_easy_init(), curl_easy_cleanup);
  CurlHeaders headers(nullptr, curl_slist_free_all);
  Response response;
  curl_easy_setopt(curl.get(), CURLOPT_URL, (server_ + path).c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, connect_seconds_max);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, request_seconds_max);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append_body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &response.body);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, note_header);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &response.headers);
  if (content_type != nullptr) {
    headers.reset(curl_slist_append(nullptr, ("Content-Type: " + *content_type).c_str()));
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return unreachable(server_, code);
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &response.status);
  if (response.status >= 400) return refusal(server_, response.status, response.body);
  return response;
}

Result<HttpClient::Response> HttpClient::get(const std::string& path) {
  return perform(path, nullptr, {});
}

Result<HttpClient::Response> HttpClient::post(const std::string& path,
                                              const std::string& content_type,
                                              std::string_view body) {
  return perform(path, &content_type, body);
}

Status HttpClient::stream(const std::string& path, const std::string& accept, std::stop_token stop,
                          const std::function<bool(std::string_view)>& piece) {
  const Curl curl(curl_easy_init(), curl_easy_cleanup);
  const CurlHeaders headers(curl_slist_append(nullptr, ("Accept: " + accept).c_str()),
                            curl_slist_free_all);
  Piecewise piecewise{curl.get(), &piece, {}};
  curl_easy_setopt(curl.get(), CURLOPT_URL, (server_ + path).c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, connect_seconds_max);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, hand_over);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &piecewise);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, stop_asked_for);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &stop);
  const CURLcode code = curl_easy_perform(curl.get());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status >= 400) return refusal(server_, status, piecewise.refused);
  if (code == CURLE_WRITE_ERROR || code == CURLE_ABORTED_BY_CALLBACK) return {};
  if (code != CURLE_OK) return unreachable(server_, code);
  return {};
}

std::string url_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

}  // namespace leat::app
