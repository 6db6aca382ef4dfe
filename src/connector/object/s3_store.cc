#include "connector/object/s3_store.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "connector/object/s3_answer.h"
#include "connector/object/s3_client.h"
#include "io/file_system.h"

namespace leat::connector::object {
namespace {

using Json = nlohmann::json;

/// Of a multipart upload: S3 takes 10,000 parts at most, of 5 MiB at least but for the last.
constexpr std::uint64_t part_bytes_min = 8u << 20, parts_max = 10'000;
constexpr std::size_t page_objects_max = 1000;
constexpr int not_found = 404, precondition_failed = 412;

std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// What a completed upload consists of.
std::string completion(const Json& parts) {
  std::string xml = "<CompleteMultipartUpload>";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1,
                       xml_text(parts[i].get<std::string>()));
  }
  return xml + "</CompleteMultipartUpload>";
}

class S3Store final : public ObjectStore {
 public:
  S3Store(S3Options options, const Clock& clock) : client_(std::move(options), clock) {}

  const std::string& shown() const override { return client_.shown(); }

  Status look(std::stop_token stop) override {
    LEAT_TRY(list("", "", 1, stop));
    return {};
  }

  Result<bool> put_if_absent(const std::string& key, const std::string& content,
                             std::stop_token stop) override {
    S3Client::Call call{.method = "PUT", .key = full(key)};
    call.header = {{"If-None-Match", "*"}};
    call.body = content;
    const FetchResponse response = LEAT_TRY(client_.send(call, stop));
    if (response.status == precondition_failed) {
      // An earlier try may have come through, although its answer did not.
      const std::string there = LEAT_TRY(get(key, 0, content.size() + 1, stop));
      return there == content;
    }
    if (response.status != 200) return std::unexpected(client_.failed(response));
    return true;
  }

  Result<std::string> get(const std::string& key, std::uint64_t offset, std::uint64_t length,
                          std::stop_token stop) override {
    S3Client::Call call{.key = full(key)};
    call.header = {{"Range", fmt::format("bytes={}-{}", offset, offset + length - 1)}};
    FetchResponse response = LEAT_TRY(client_.send(call, stop));
    constexpr int range_not_satisfiable = 416;
    if (response.status == range_not_satisfiable) return std::string();
    if (response.status != 200 && response.status != 206) {
      return std::unexpected(client_.failed(response));
    }
    return std::move(response.body);
  }

  Result<std::vector<Object>> list(const std::string& prefix, const std::string& after,
                                   std::size_t objects_max, std::stop_token stop) override {
    const std::size_t skipped = client_.options().prefix.size();
    std::vector<Object> objects;
    std::string next;
    do {
      const std::size_t count = std::min(objects_max - objects.size(), page_objects_max);
      S3Client::Call call{.query = {{"list-type", "2"},
                                    {"encoding-type", "url"},
                                    {"prefix", full(prefix)},
                                    {"max-keys", fmt::to_string(count)}}};
      if (!next.empty()) {
        call.query.emplace_back("continuation-token", next);
      } else if (!after.empty()) {
        call.query.emplace_back("start-after", full(after));
      }
      const FetchResponse response = LEAT_TRY(client_.send_well(call, stop));
      S3Listing page = LEAT_TRY(read_s3_listing(response.body));
      for (Object& object : page.objects) {
        object.key.erase(0, skipped);
        if (!object.key.empty() && !object.key.ends_with('/')) objects.push_back(std::move(object));
      }
      next = std::move(page.next);
    } while (!next.empty() && objects.size() < objects_max);
    return objects;
  }

  Status remove(const std::string& key, std::stop_token stop) override {
    const FetchResponse response =
        LEAT_TRY(client_.send({.method = "DELETE", .key = full(key)}, stop));
    if (response.status == not_found || response.status / 100 == 2) return {};
    return std::unexpected(client_.failed(response));
  }

  Result<std::string> stage(const std::string& key, const std::string& file,
                            std::stop_token stop) override {
    const auto source = LEAT_TRY(io::posix_file_system().open(file, io::OpenMode::read));
    const std::uint64_t size = LEAT_TRY(source->size());
    const std::uint64_t part_bytes = std::max(part_bytes_min, size / (parts_max - 1) + 1);
    S3Client::Call begin{.method = "POST", .key = full(key), .query = {{"uploads", ""}}};
    const FetchResponse begun = LEAT_TRY(client_.send_well(begin, stop));
    const std::string id = LEAT_TRY(read_s3_upload_id(begun.body));
    Json parts = Json::array();
    for (std::uint64_t position = 0; position < size || parts.empty(); position += part_bytes) {
      S3Client::Call part{
          .method = "PUT",
          .key = full(key),
          .query = {{"partNumber", fmt::to_string(parts.size() + 1)}, {"uploadId", id}}};
      part.body.resize(std::min(part_bytes, size - position));
      LEAT_TRY(source->read_at(part.body, position));
      const FetchResponse sent = LEAT_TRY(client_.send_well(part, stop));
      parts.push_back(sent.etag);
    }
    return Json{{"upload", id}, {"parts", parts}}.dump();
  }

  Result<bool> publish(const std::string& key, const std::string& token,
                       std::stop_token stop) override {
    const Json staged = Json::parse(token, nullptr, false);
    if (!staged.is_object() || !staged.contains("upload") || !staged.contains("parts")) {
      return external_error("object-answer", "{}: \"{}\" is no upload of ours", shown(), token);
    }
    S3Client::Call call{.method = "POST",
                        .key = full(key),
                        .query = {{"uploadId", staged["upload"].get<std::string>()}}};
    call.body = completion(staged["parts"]);
    const FetchResponse response = LEAT_TRY(client_.send(call, stop));
    // S3 may say only in the body that it failed, as it begins its answer before it knows.
    const auto said = read_s3_error(response.body);
    if (response.status == 200 && !said) return appears(key, stop);
    // Completed already, or aborted; versitygw finds its parts missing then.
    if (said && (said->code == "NoSuchUpload" || said->code == "InvalidPart")) {
      return exists(key, stop);
    }
    return std::unexpected(client_.failed(response));
  }

  Status discard_staged(const std::string& name_prefix, std::stop_token stop) override {
    S3Uploads page;
    do {
      S3Client::Call call{.query = {{"uploads", ""}, {"prefix", full("")}}};
      if (!page.next_key.empty()) {
        call.query.emplace_back("key-marker", page.next_key);
        call.query.emplace_back("upload-id-marker", page.next_id);
      }
      const FetchResponse response = LEAT_TRY(client_.send_well(call, stop));
      page = LEAT_TRY(read_s3_uploads(response.body));
      for (const S3Uploads::Upload& upload : page.uploads) {
        if (!name_of(upload.key).starts_with(name_prefix)) continue;
        const FetchResponse aborted = LEAT_TRY(client_.send(
            {.method = "DELETE", .key = upload.key, .query = {{"uploadId", upload.id}}}, stop));
        if (aborted.status / 100 != 2 && aborted.status != not_found) {
          return std::unexpected(client_.failed(aborted));
        }
      }
    } while (!page.next_key.empty());
    return {};
  }

 private:
  std::string full(const std::string& key) const { return client_.options().prefix + key; }

  /// After an upload was completed. A store that was killed while it worked on an earlier request
  /// may take that for still under way, as versitygw does, and answer well without an object.
  Result<bool> appears(const std::string& key, const std::stop_token& stop) {
    for (unsigned look = 0; look < S3Client::looks_max; ++look) {
      if (LEAT_TRY(exists(key, stop))) return true;
      LEAT_TRY(client_.wait(look, stop));
    }
    return false;
  }

  Result<bool> exists(const std::string& key, const std::stop_token& stop) {
    const FetchResponse response =
        LEAT_TRY(client_.send({.method = "HEAD", .key = full(key)}, stop));
    if (response.status == not_found) return false;
    if (response.status != 200) return std::unexpected(client_.failed(response));
    return true;
  }

  S3Client client_;
};

}  // namespace

std::unique_ptr<ObjectStore> make_s3_store(S3Options options, const Clock& clock) {
  return std::make_unique<S3Store>(std::move(options), clock);
}

}  // namespace leat::connector::object
