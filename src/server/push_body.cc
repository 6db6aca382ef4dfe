#include "server/push_body.h"

#include <charconv>

#include "format/json_body.h"
#include "server/content_coding.h"
#include "server/media_type.h"

namespace leat::server {
namespace {

constexpr std::size_t identity_bytes_max = 255;

/// A header that names a producer or a request.
Result<std::string> identity_text(const Request& request, Header header) {
  const std::string_view text = request.header(header);
  if (text.empty() || text.size() > identity_bytes_max) {
    return user_error("bad-parameter", "the header `{}` must have 1 to {} bytes, not {}",
                      name_of(header), identity_bytes_max, text.size());
  }
  return std::string(text);
}

Result<std::optional<runtime::PushIdentity>> read_identity(const Request& request) {
  const bool producer = request.has(Header::leat_producer_id);
  if (producer != request.has(Header::leat_sequence)) {
    return user_error("bad-parameter",
                      "the headers `leat-producer-id` and `leat-sequence` go together");
  }
  if (request.has(Header::idempotency_key)) {
    if (producer) {
      return user_error("bad-parameter",
                        "send either `idempotency-key`, or `leat-producer-id` and "
                        "`leat-sequence`, not both");
    }
    runtime::PushIdentity identity;
    identity.id = LEAT_TRY(identity_text(request, Header::idempotency_key));
    return std::optional(std::move(identity));
  }
  if (!producer) return std::optional<runtime::PushIdentity>();
  runtime::PushIdentity identity;
  identity.id = LEAT_TRY(identity_text(request, Header::leat_producer_id));
  const std::string_view text = request.header(Header::leat_sequence);
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, identity.sequence);
  if (parsed.ec != std::errc() || parsed.ptr != end || identity.sequence < 0) {
    return user_error("bad-parameter", "the header `leat-sequence` must be 0, 1, 2, …, not `{}`",
                      text.substr(0, 64));
  }
  return std::optional(std::move(identity));
}

std::expected<format::JsonBody::Form, ApiError> body_form(const Request& request) {
  const std::string type = media_type(request.header(Header::content_type));
  if (type == "application/json") return format::JsonBody::Form::json;
  if (type == "application/x-ndjson" || type == "application/ndjson" ||
      type == "application/jsonl") {
    return format::JsonBody::Form::ndjson;
  }
  return std::unexpected(ApiError{Error{
      Domain::user, "unsupported-media-type",
      fmt::format("records are sent as `Content-Type: application/json` (one, or an array) or "
                  "`application/x-ndjson` (one a line), not `{}`",
                  type.empty() ? "without a type" : type),
      false}});
}

/// The number that stands behind `word` in a message ("line 3, byte 17: …").
std::optional<std::size_t> number_after(std::string_view message, std::string_view word) {
  const std::size_t at = message.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  std::size_t number = 0;
  const char* const begin = message.data() + at + word.size();
  const auto parsed = std::from_chars(begin, message.data() + message.size(), number);
  return parsed.ec == std::errc() ? std::optional(number) : std::nullopt;
}

/// The format's own words, under the API's codes and with the place set apart.
ApiError body_error(Error error) {
  ApiError api;
  if (error.code == "body-empty") {
    error.code = "no-records";
  } else if (error.code == "body-malformed") {
    error.code = "malformed-json";
    api.place = Place{number_after(error.message, "line "), std::nullopt, std::nullopt,
                      number_after(error.message, "byte ")};
  } else if (error.code == "json-pointer") {
    error.code = "bad-parameter";
  }
  api.error = std::move(error);
  return api;
}

/// Each record's key, by the pointer of the request.
Status find_keys(format::JsonBody& reader, const std::string& pointer, PushJob& job) {
  std::vector<std::pair<std::size_t, bool>> ends;  // of each key within `keys`, and whether it is
  for (const runtime::PushRecord& record : job.records) {
    const auto key = LEAT_TRY(reader.text_at(record.value, pointer));
    if (key) job.keys += *key;
    ends.emplace_back(job.keys.size(), key.has_value());
  }
  std::size_t begin = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const auto [end, has_key] = ends[i];
    job.records[i].key = std::string_view(job.keys).substr(begin, end - begin);
    job.records[i].has_key = has_key;
    begin = end;
  }
  job.keyed = job.records.front().has_key;
  return {};
}

}  // namespace

std::expected<void, ApiError> read_push(Request& request, std::size_t decompressed_bytes_max,
                                        PushJob& job) {
  const auto as_api_error = [](Error error) { return std::unexpected(ApiError{std::move(error)}); };
  const auto form = body_form(request);
  if (!form) return std::unexpected(form.error());
  auto identity = read_identity(request);
  if (!identity) return as_api_error(identity.error());
  job.identity = std::move(*identity);
  auto pointer = request.query_parameter("key");
  if (!pointer) return as_api_error(pointer.error());
  if (*pointer && request.has(Header::leat_key)) {
    return as_api_error(Error{Domain::user, "bad-parameter",
                              "give the key either by `leat-key` or by `?key=`, not by both",
                              false});
  }
  auto body = decode_content(request.header(Header::content_encoding), std::move(request.body),
                             decompressed_bytes_max);
  if (!body) return as_api_error(body.error());
  job.body = std::move(*body);

  // Kept by the thread: its memory serves one body after the other.
  thread_local format::JsonBody reader;
  thread_local std::vector<std::string_view> values;
  values.clear();
  job.body.reserve(job.body.size() + slice_padding);
  const Status read = reader.records(job.body, *form, values);
  if (!read) return std::unexpected(body_error(read.error()));
  if (values.empty()) {
    return as_api_error(
        Error{Domain::user, "no-records", "the body holds no record; send at least one", false});
  }
  job.keyed = request.has(Header::leat_key);
  if (job.keyed) job.keys = request.header(Header::leat_key);
  job.records.reserve(values.size());
  for (const std::string_view value : values) {
    job.records.push_back({value, job.keyed ? std::string_view(job.keys) : "", job.keyed});
  }
  if (*pointer) {
    const Status found = find_keys(reader, **pointer, job);
    if (!found) return std::unexpected(body_error(found.error()));
  }
  return {};
}

}  // namespace leat::server
