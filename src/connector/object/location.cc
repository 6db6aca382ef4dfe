#include "connector/object/location.h"

#include "connector/object/folder_store.h"
#include "connector/request_settings.h"

namespace leat::connector::object {
namespace {

constexpr std::string_view scheme = "s3://";
constexpr const char* usual_region = "us-east-1";
/// Of one request: a part of an upload is 8 MiB.
constexpr std::uint64_t answer_bytes_max = 64u << 20;

std::string first_of(const std::string& written, const Environment& environment,
                     std::initializer_list<const char*> names) {
  if (!written.empty()) return written;
  for (const char* name : names) {
    if (const auto value = environment(name); value && !value->empty()) return *value;
  }
  return {};
}

Result<S3Credentials> read_credentials(const Settings& settings, const Environment& environment) {
  S3Credentials credentials;
  credentials.access_key = settings.text("access_key");
  credentials.secret_key = settings.text("secret_key");
  credentials.session_token = settings.text("session_token");
  if (credentials.access_key.empty() && credentials.secret_key.empty()) {
    credentials.access_key = first_of("", environment, {"AWS_ACCESS_KEY_ID"});
    credentials.secret_key = first_of("", environment, {"AWS_SECRET_ACCESS_KEY"});
    credentials.session_token = first_of("", environment, {"AWS_SESSION_TOKEN"});
  }
  if (credentials.access_key.empty() || credentials.secret_key.empty()) {
    return user_error("missing-credentials",
                      "S3 needs `access_key` and `secret_key`, or AWS_ACCESS_KEY_ID and "
                      "AWS_SECRET_ACCESS_KEY in the environment");
  }
  return credentials;
}

Status read_s3(const Settings& settings, const Context& context, const Environment& environment,
               S3Options& s3) {
  const std::string place = settings.text("path").substr(scheme.size());
  s3.bucket = place.substr(0, place.find('/'));
  if (s3.bucket.empty()) {
    return user_error("bad-path", "`path` {} names no bucket; write s3://BUCKET/PREFIX",
                      settings.text("path"));
  }
  if (place.size() > s3.bucket.size()) s3.prefix = place.substr(s3.bucket.size() + 1);
  while (s3.prefix.ends_with('/')) s3.prefix.pop_back();
  if (!s3.prefix.empty()) s3.prefix += '/';
  s3.region = first_of(settings.text("region"), environment, {"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (s3.region.empty()) s3.region = usual_region;
  const std::string endpoint =
      first_of(settings.text("endpoint"), environment, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  s3.endpoint = LEAT_TRY(parse_url(
      endpoint.empty() ? fmt::format("https://s3.{}.amazonaws.com", s3.region) : endpoint));
  const std::string& addressing = settings.text("addressing");
  // A name with dots matches no certificate.
  const bool in_path = !endpoint.empty() || s3.bucket.contains('.');
  s3.bucket_in_path = addressing == "auto" ? in_path : addressing == "path";
  s3.credentials = LEAT_TRY(read_credentials(settings, environment));
  s3.fetch.timeout_ms = settings.duration_ms("timeout");
  s3.fetch.connect_timeout_ms = settings.duration_ms("connect_timeout");
  s3.fetch.redirects_max = 0;
  s3.fetch.decompress = false;
  s3.fetch.response_bytes_max = answer_bytes_max;
  // The operator names the one address that is connected to.
  s3.fetch.allowed = {.loopback = true, .internal = true};
  return read_tls(settings.group("tls"), context, s3.fetch);
}

}  // namespace

std::vector<Setting> location_settings() {
  return {
      {.name = "path",
       .kind = Kind::text,
       .doc = "A folder, which is made where it is missing (a relative path is relative to the "
              "working directory of the process), or `s3://BUCKET/PREFIX`.",
       .required = true},
      {.name = "endpoint",
       .kind = Kind::url,
       .doc = "Of S3: the address of a store that is not Amazon's, such as "
              "`http://127.0.0.1:9000`. Left out: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL of the "
              "environment, else Amazon's for the region."},
      {.name = "region",
       .kind = Kind::text,
       .doc = "Of S3. Left out: AWS_REGION or AWS_DEFAULT_REGION of the environment, else "
              "`us-east-1`."},
      {.name = "access_key",
       .kind = Kind::text,
       .doc = "Of S3. Left out together with `secret_key`: AWS_ACCESS_KEY_ID, "
              "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment.",
       .secret = true},
      {.name = "secret_key", .kind = Kind::text, .doc = "Of S3.", .secret = true},
      {.name = "session_token",
       .kind = Kind::text,
       .doc = "Of S3, with temporary credentials.",
       .secret = true},
      {.name = "addressing",
       .kind = Kind::enumeration,
       .doc = "Of S3: whether the bucket is in the URL's `path` or the first part of its `host`. "
              "`auto`: the path where `endpoint` is given, else the host.",
       .default_value = "auto",
       .choices = {"auto", "path", "host"}},
      {.name = "tls",
       .kind = Kind::group,
       .doc = "Of S3, for https addresses. Certificates are always verified.",
       .fields = {{.name = "ca",
                   .kind = Kind::path,
                   .doc = "PEM file of the authorities to trust. Left out: the system's."},
                  {.name = "cert",
                   .kind = Kind::path,
                   .doc = "PEM file of our own certificate, where the server asks for one."},
                  {.name = "key", .kind = Kind::path, .doc = "PEM file of its private key."}}},
      {.name = "timeout",
       .kind = Kind::duration,
       .doc = "Of S3: of one request, all in all; a file goes up in parts of 8 MiB.",
       .default_value = "60s",
       .min = 1},
      {.name = "connect_timeout",
       .kind = Kind::duration,
       .doc = "Of S3.",
       .default_value = "5s",
       .min = 1},
  };
}

Result<Location> read_location(const Settings& settings, const Context& context,
                               const Environment& environment) {
  Location location;
  const std::string& path = settings.text("path");
  if (path.starts_with(scheme)) {
    LEAT_TRY(read_s3(settings, context, environment, location.s3));
    return location;
  }
  if (path.empty() || path.contains('\0') || path.contains("://")) {
    return user_error("bad-path",
                      "`path` is neither a folder nor s3://BUCKET/PREFIX; other stores are not "
                      "known");
  }
  location.folder = context.path(path);
  return location;
}

std::unique_ptr<ObjectStore> open_to_read(const Location& location, const Context& context) {
  if (location.is_folder()) return open_folder(context.files, location.folder);
  return make_s3_store(location.s3, context.clock);
}

Result<std::unique_ptr<ObjectStore>> open_to_write(const Location& location,
                                                   const std::string& work,
                                                   const Context& context) {
  if (location.is_folder()) return open_folder_to_write(context.files, location.folder, work);
  return make_s3_store(location.s3, context.clock);
}

}  // namespace leat::connector::object
