#include "connector/kafka/connection.h"

#include <algorithm>
#include <array>
#include <memory>

#include <librdkafka/rdkafka.h>

namespace leat::connector::kafka {
namespace {

/// What Leat's guarantees rest on, or what has a setting of Leat's own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 15> reserved = {{
    {"bootstrap.servers", "use `brokers`"},
    {"metadata.broker.list", "use `brokers`"},
    {"transactional.id", "use `transactional_id`"},
    {"enable.idempotence", "it is always on"},
    {"group.id", "use `group`"},
    {"group.instance.id", "Leat assigns partitions itself"},
    {"enable.auto.commit", "Leat commits positions itself"},
    {"auto.commit.enable", "Leat commits positions itself"},
    {"enable.auto.offset.store", "Leat keeps positions itself"},
    {"auto.offset.reset", "use `start`"},
    {"isolation.level", "use `isolation` of a source"},
    {"enable.partition.eof", "Leat needs it as it is"},
    {"delivery.report.only.error", "Leat needs it as it is"},
    {"compression.codec", "use `compression`"},
    {"plugin.library.paths", "plugins can't be loaded"},
}};

std::vector<Setting> tls_settings() {
  return {
      {.name = "ca",
       .kind = Kind::path,
       .doc = "PEM file with the authorities that sign the brokers' certificates. Left out: the "
              "system's."},
      {.name = "cert", .kind = Kind::path, .doc = "PEM file with our certificate (mutual TLS)."},
      {.name = "key", .kind = Kind::path, .doc = "PEM file with the key of `cert`."},
      {.name = "key_password", .doc = "Password of `key`.", .secret = true},
      {.name = "verify",
       .kind = Kind::boolean,
       .doc = "False: any certificate and any host name will do. For tests only. Left out: true."},
  };
}

std::vector<Setting> sasl_settings() {
  return {
      {.name = "mechanism",
       .kind = Kind::enumeration,
       .doc = "PLAIN sends the password as it is and wants `tls`.",
       .required = true,
       .choices = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}},
      {.name = "user", .doc = "User name; of OAUTHBEARER with `token`, the principal."},
      {.name = "password", .doc = "Password of `user`.", .secret = true},
      {.name = "token",
       .doc = "Of OAUTHBEARER: a token that was issued elsewhere.",
       .secret = true},
      {.name = "token_file",
       .kind = Kind::path,
       .doc = "Of OAUTHBEARER: a file with the token, read again whenever the token is about to "
              "expire."},
      {.name = "token_url",
       .kind = Kind::url,
       .doc = "Of OAUTHBEARER: where tokens are fetched (OIDC, client credentials)."},
      {.name = "client_id", .doc = "Of OAUTHBEARER with `token_url`."},
      {.name = "client_secret", .doc = "Of OAUTHBEARER with `token_url`.", .secret = true},
      {.name = "scope", .doc = "Of OAUTHBEARER with `token_url`."},
      {.name = "extensions",
       .doc = "Of OAUTHBEARER with `token_url`: `key=value` pairs separated by commas."},
  };
}

Status read_tls(const Settings& tls, const Context& context, Connection& out) {
  auto& properties = out.properties;
  const auto path = [&](std::string_view name, const char* property) {
    if (tls.has(name)) properties[property] = context.path(tls.text(name));
  };
  path("ca", "ssl.ca.location");
  path("cert", "ssl.certificate.location");
  path("key", "ssl.key.location");
  if (tls.has("key_password")) properties["ssl.key.password"] = tls.text("key_password");
  if (tls.has("cert") != tls.has("key")) {
    return user_error("kafka-setting", "`tls`: `cert` and `key` belong together; give both");
  }
  const bool verify = !tls.has("verify") || tls.flag("verify");
  properties["enable.ssl.certificate.verification"] = verify ? "true" : "false";
  properties["ssl.endpoint.identification.algorithm"] = verify ? "https" : "none";
  return {};
}

Status read_bearer(const Settings& sasl, const Context& context, Connection& out) {
  const int ways = sasl.has("token") + sasl.has("token_file") + sasl.has("token_url");
  const bool by_settings = out.settings.contains("sasl.oauthbearer.config") ||
                           out.settings.contains("sasl.oauthbearer.method");
  if (ways > 1 || (ways == 0 && !by_settings)) {
    return user_error("kafka-setting",
                      "`sasl`: OAUTHBEARER wants one of `token`, `token_file` and `token_url`{}",
                      ways > 1 ? ", not several" : "");
  }
  out.token = sasl.text("token");
  if (sasl.has("token_file")) out.token_file = context.path(sasl.text("token_file"));
  if (!sasl.has("token_url")) return {};
  auto& properties = out.properties;
  properties["sasl.oauthbearer.method"] = "oidc";
  properties["sasl.oauthbearer.token.endpoint.url"] = sasl.text("token_url");
  for (const auto& [name, property] :
       {std::pair("client_id", "sasl.oauthbearer.client.id"),
        std::pair("client_secret", "sasl.oauthbearer.client.secret")}) {
    if (!sasl.has(name)) {
      return user_error("kafka-setting", "`sasl`: `token_url` wants `{}` too", name);
    }
    properties[property] = sasl.text(name);
  }
  if (sasl.has("scope")) properties["sasl.oauthbearer.scope"] = sasl.text("scope");
  if (sasl.has("extensions")) properties["sasl.oauthbearer.extensions"] = sasl.text("extensions");
  return {};
}

Status read_sasl(const Settings& sasl, const Context& context, Connection& out) {
  const std::string& mechanism = sasl.text("mechanism");
  out.properties["sasl.mechanism"] = mechanism;
  if (sasl.has("user")) out.properties["sasl.username"] = sasl.text("user");
  if (mechanism == "OAUTHBEARER") return read_bearer(sasl, context, out);
  if (!sasl.has("user") || !sasl.has("password")) {
    return user_error("kafka-setting", "`sasl`: {} wants `user` and `password`", mechanism);
  }
  out.properties["sasl.password"] = sasl.text("password");
  return {};
}

/// Every one is tried on a configuration that is thrown away.
Status check_properties(const std::map<std::string, std::string>& properties) {
  const std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> scratch(
      rd_kafka_conf_new(), rd_kafka_conf_destroy);
  for (const auto& [name, value] : properties) {
    const auto* taken =
        std::ranges::find(reserved, name, [](const auto& entry) { return entry.first; });
    if (taken != reserved.end()) {
      return user_error("kafka-setting", "`settings`: {} can't be set here: {}", name,
                        taken->second);
    }
    char text[512] = {};
    const auto result =
        rd_kafka_conf_set(scratch.get(), name.c_str(), value.c_str(), text, sizeof text);
    if (result == RD_KAFKA_CONF_OK) continue;
    // The text quotes the value, which may be a secret.
    return user_error("kafka-setting", "`settings`: {}",
                      result == RD_KAFKA_CONF_UNKNOWN
                          ? fmt::format("librdkafka has no property {}", name)
                          : fmt::format("librdkafka does not take this value of {}", name));
  }
  return {};
}

}  // namespace

Setting replication_setting() {
  return {.name = "replication",
          .kind = Kind::integer,
          .doc =
              "Copies of each partition of a topic that is made. Left out: as the cluster does by "
              "default.",
          .min = 1,
          .max = 100};
}

std::vector<Setting> connection_settings() {
  return {
      {.name = "brokers",
       .kind = Kind::text_list,
       .doc = "Some brokers of the cluster, `host:port` each; the others are found by themselves.",
       .required = true},
      {.name = "tls",
       .kind = Kind::group,
       .doc = "Connect by TLS. `tls: {}` for the system's certificate authorities. Left out: not "
              "encrypted.",
       .fields = tls_settings()},
      {.name = "sasl",
       .kind = Kind::group,
       .doc = "How to sign in. Left out: anonymously, or by the certificate in `tls`.",
       .fields = sasl_settings()},
      {.name = "connect_timeout",
       .kind = Kind::duration,
       .doc = "How long a connection, a sign-in or a question to the cluster may take.",
       .default_value = "10s",
       .min = 100,
       .max = 600'000},
      {.name = "settings",
       .kind = Kind::text_map,
       .doc = "Any other property of librdkafka by its name, for example `linger.ms: 20`.",
       .secret = true},
  };
}

Result<Connection> read_connection(const Settings& settings, const Context& context) {
  Connection out;
  for (const std::string& broker : settings.list("brokers")) {
    if (broker.empty()) continue;
    out.brokers += (out.brokers.empty() ? "" : ",") + broker;
  }
  if (out.brokers.empty()) {
    return user_error("kafka-setting",
                      "`brokers` is empty; write host:port of one broker at least");
  }
  out.connect_timeout_ms = settings.duration_ms("connect_timeout");
  out.settings = settings.map("settings");
  LEAT_TRY(check_properties(out.settings));
  if (settings.has("tls")) LEAT_TRY(read_tls(settings.group("tls"), context, out));
  if (settings.has("sasl")) LEAT_TRY(read_sasl(settings.group("sasl"), context, out));
  if (settings.has("tls") || settings.has("sasl")) {
    out.properties["security.protocol"] =
        settings.has("sasl") ? settings.has("tls") ? "SASL_SSL" : "SASL_PLAINTEXT" : "SSL";
  }
  return out;
}

}  // namespace leat::connector::kafka
