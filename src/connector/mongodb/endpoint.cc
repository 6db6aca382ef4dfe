#include "connector/mongodb/endpoint.h"

#include <algorithm>
#include <fstream>

#include <sys/mman.h>
#include <unistd.h>

namespace leat::connector::mongodb {
namespace {

constexpr std::size_t pem_bytes_max = 1 << 20;

Result<std::string> read_pem(const std::string& path, std::string_view setting) {
  std::ifstream file(path, std::ios::binary);
  std::string text(pem_bytes_max, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.find("-----BEGIN ") == std::string::npos) {
    return user_error("bad-tls", "`tls.{}`: {} can't be read or is no PEM file", setting, path);
  }
  return text;
}

/// libmongoc takes certificate and key in one file alone: it gets one that is nowhere on a disk.
Status keep_in_memory(std::string_view pem, TlsOptions& tls) {
  const int file = memfd_create("leat-mongodb-pem", MFD_CLOEXEC);
  if (file < 0 || write(file, pem.data(), pem.size()) != static_cast<ssize_t>(pem.size())) {
    if (file >= 0) close(file);
    return user_error("bad-tls", "no memory is left to put `tls.cert` and `tls.key` together");
  }
  tls.pem_memory = std::shared_ptr<const int>(new int(file), [](const int* held) {
    close(*held);
    delete held;
  });
  tls.pem_file = fmt::format("/proc/self/fd/{}", file);
  return {};
}

bool holds_key(std::string_view pem) {
  return pem.find(" PRIVATE KEY-----") != std::string_view::npos;
}

std::string text_option(const mongoc_uri_t* uri, const char* name) {
  return mongoc_uri_get_option_as_utf8(uri, name, "");
}

Result<std::optional<TlsOptions>> read_tls(const Settings& settings, const Context& context,
                                           const mongoc_uri_t* uri) {
  const Settings& given = settings.group("tls");
  TlsOptions tls;
  tls.ca_file = text_option(uri, MONGOC_URI_TLSCAFILE);
  tls.pem_file = text_option(uri, MONGOC_URI_TLSCERTIFICATEKEYFILE);
  tls.pem_password = text_option(uri, MONGOC_URI_TLSCERTIFICATEKEYFILEPASSWORD);
  const bool insecure = mongoc_uri_get_option_as_bool(uri, MONGOC_URI_TLSINSECURE, false);
  tls.allow_invalid_certificate =
      mongoc_uri_get_option_as_bool(uri, MONGOC_URI_TLSALLOWINVALIDCERTIFICATES, insecure);
  tls.allow_invalid_hostname =
      mongoc_uri_get_option_as_bool(uri, MONGOC_URI_TLSALLOWINVALIDHOSTNAMES, insecure);
  bool wanted = mongoc_uri_get_tls(uri);
  if (!given.text("ca").empty()) {
    wanted = true;
    tls.ca_file = context.path(given.text("ca"));
    LEAT_TRY(read_pem(tls.ca_file, "ca"));
  }
  if (!given.text("cert").empty()) {
    wanted = true;
    tls.pem_file = context.path(given.text("cert"));
    std::string pem = LEAT_TRY(read_pem(tls.pem_file, "cert"));
    if (!given.text("key").empty()) {
      pem += '\n';
      pem += LEAT_TRY(read_pem(context.path(given.text("key")), "key"));
      LEAT_TRY(keep_in_memory(pem, tls));
    }
    if (!holds_key(pem)) {
      return user_error("bad-tls",
                        "`tls.cert`: {} holds no private key; name the key's file as `tls.key`",
                        context.path(given.text("cert")));
    }
  } else if (!given.text("key").empty()) {
    return user_error("bad-tls", "`tls.key` is there without `tls.cert`; name the certificate");
  }
  if (!wanted) return std::nullopt;
  return tls;
}

std::string hosts_of(const mongoc_uri_t* uri) {
  if (const char* service = mongoc_uri_get_srv_hostname(uri)) return service;
  std::string shown;
  for (const mongoc_host_list_t* host = mongoc_uri_get_hosts(uri); host != nullptr;
       host = host->next) {
    if (!shown.empty()) shown += ',';
    shown += host->host_and_port;
  }
  return shown;
}

}  // namespace

std::vector<Setting> endpoint_settings() {
  return {
      {.name = "uri",
       .kind = Kind::text,
       .doc = "A connection string: `mongodb://[user:password@]host[:port][,…]/[database][?…]` or "
              "`mongodb+srv://…`, with all options of MongoDB's own (`replicaSet`, `authSource`, "
              "`authMechanism`, `tls`, `compressors`, …). It is never shown.",
       .required = true,
       .secret = true},
      {.name = "user", .kind = Kind::text, .doc = "Who signs in, where `uri` does not say it."},
      {.name = "password",
       .kind = Kind::text,
       .doc = "The user's password, as it is (in `uri` it would be percent-encoded).",
       .secret = true},
      {.name = "timeout",
       .kind = Kind::duration,
       .doc =
           "The longest that writing a batch, or any other call, may take before it counts as an "
           "outage.",
       .default_value = "30s",
       .min = 100},
      {.name = "connect_timeout",
       .kind = Kind::duration,
       .doc = "The longest that connecting to one server may take, its answer to the first message "
              "included.",
       .default_value = "5s",
       .min = 50},
      {.name = "tls",
       .kind = Kind::group,
       .doc = "Encrypts the connection, as does `tls=true` in `uri`. The server's certificate and "
              "name are always verified, unless options in `uri` say otherwise.",
       .fields = {{.name = "ca",
                   .kind = Kind::path,
                   .doc = "PEM file of the authorities that the server's certificate is verified "
                          "against; the system's when left out."},
                  {.name = "cert",
                   .kind = Kind::path,
                   .doc =
                       "PEM file with our own certificate, for servers that ask for one (and for "
                       "`authMechanism=MONGODB-X509`)."},
                  {.name = "key",
                   .kind = Kind::path,
                   .doc = "PEM file with the certificate's private key; not needed where `cert` "
                          "holds it, too."}}},
  };
}

Result<Endpoint> read_endpoint(const Settings& settings, const Context& context) {
  Endpoint endpoint;
  bson_error_t error;
  endpoint.uri.reset(mongoc_uri_new_with_error(settings.text("uri").c_str(), &error));
  if (endpoint.uri == nullptr) {
    // The message may repeat what stands where the password should.
    const bool may_hold_secret = settings.text("uri").find('@') != std::string::npos;
    return user_error(
        "bad-uri",
        "`uri` is no connection string{}{}; write mongodb://host:port/?replicaSet=NAME, "
        "and percent-encode special characters in user and password (or set `user` "
        "and `password`)",
        may_hold_secret ? "" : ": ", may_hold_secret ? "" : error.message);
  }
  mongoc_uri_t* uri = endpoint.uri.get();
  endpoint.shown = hosts_of(uri);
  if (!settings.text("user").empty()) mongoc_uri_set_username(uri, settings.text("user").c_str());
  if (!settings.text("password").empty()) {
    if (mongoc_uri_get_username(uri) == nullptr) {
      return user_error("bad-uri", "there is a `password` but no `user`; name the user, too");
    }
    mongoc_uri_set_password(uri, settings.text("password").c_str());
  }
  endpoint.tls = LEAT_TRY(read_tls(settings, context, uri));
  endpoint.connect_timeout_ms = settings.duration_ms("connect_timeout");
  endpoint.timeout_ms = settings.duration_ms("timeout");
  mongoc_uri_set_appname(uri, "leat");
  // We try again ourselves; that the server remembers each single write halves its speed.
  if (!mongoc_uri_has_option(uri, MONGOC_URI_RETRYWRITES)) {
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, false);
  }
  const auto bounded = [](std::int64_t ms) {
    return static_cast<std::int32_t>(std::min<std::int64_t>(ms, 1 << 30));
  };
  mongoc_uri_set_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS,
                                 bounded(endpoint.connect_timeout_ms));
  mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, bounded(endpoint.timeout_ms));
  mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS,
                                 bounded(endpoint.timeout_ms));
  return endpoint;
}

Result<CollectionName> read_collection_name(const Settings& settings, const Uri& uri) {
  CollectionName name{settings.text("database"), settings.text("collection")};
  const char* of_uri = mongoc_uri_get_database(uri.get());
  const std::size_t dot = name.collection.find('.');
  if (name.database.empty() && dot != std::string::npos) {
    name.database = name.collection.substr(0, dot);
    name.collection = name.collection.substr(dot + 1);
    if (name.collection.empty()) {
      return user_error("bad-collection", "`collection: {}.` ends in a dot; write DATABASE.NAME",
                        name.database);
    }
  } else if (name.database.empty() && of_uri != nullptr) {
    name.database = of_uri;
  }
  if (name.database.empty()) {
    return user_error("bad-collection",
                      "no database is named; write `collection: DATABASE.{}`, or set `database`",
                      name.collection.empty() ? "NAME" : name.collection);
  }
  const bool bad_database =
      name.database.size() > 63 ||
      name.database.find_first_of(std::string_view("/\\. \"$*<>:|?\0", 13)) != std::string::npos;
  const bool bad_collection =
      name.collection.find_first_of(std::string_view("$\0", 2)) != std::string::npos ||
      name.collection.starts_with("system.") || name.collection.starts_with('.');
  if (bad_database || bad_collection) {
    return user_error("bad-collection",
                      "{} can't be written to: MongoDB keeps such names for itself or does not "
                      "take them",
                      name.shown());
  }
  return name;
}

}  // namespace leat::connector::mongodb
