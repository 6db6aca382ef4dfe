#include "connector/postgresql/connect_options.h"

#include <arpa/inet.h>

#include <algorithm>
#include <map>
#include <memory>

#include <libpq-fe.h>

namespace leat::connector::postgresql {
namespace {

using Keywords = std::map<std::string, std::string, std::less<>>;

constexpr std::string_view system_authorities = "/etc/ssl/certs/ca-certificates.crt";

std::string text_of(const Keywords& keywords, std::string_view name) {
  const auto found = keywords.find(name);
  return found == keywords.end() ? std::string() : found->second;
}

/// libpq's words quote the URI, which may hold a password.
Result<Keywords> parse_uri(const std::string& uri) {
  char* fault = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(uri.c_str(), &fault), &PQconninfoFree);
  PQfreemem(fault);
  if (!options) {
    return user_error("bad-uri",
                      "`uri` can't be understood; write postgresql://USER:PASSWORD@HOST:PORT/"
                      "DATABASE, with %40 for an @ in the password, or leave the password to "
                      "`password`");
  }
  Keywords keywords;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) keywords[option->keyword] = option->val;
  }
  return keywords;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Result<std::vector<Host>> hosts_of(Keywords& keywords) {
  const std::vector<std::string> names = split(text_of(keywords, "host"));
  const std::vector<std::string> addresses = split(text_of(keywords, "hostaddr"));
  const std::vector<std::string> ports = split(text_of(keywords, "port"));
  for (const char* name : {"host", "hostaddr", "port"}) keywords.erase(name);
  const std::size_t count = std::max(names.size(), addresses.size());
  if ((ports.size() > 1 && ports.size() != count) ||
      (addresses.size() != count && !addresses[0].empty()) ||
      (names.size() != count && !names[0].empty())) {
    return user_error("bad-uri", "`uri` has {} hosts, but another number of ports or addresses",
                      count);
  }
  std::vector<Host> hosts;
  for (std::size_t i = 0; i < count; ++i) {
    Host host;
    host.name = i < names.size() ? names[i] : "";
    host.address = i < addresses.size() ? addresses[i] : "";
    host.port = ports.size() == 1 ? ports[0] : ports[i];
    if (host.port.empty()) host.port = "5432";
    if (host.name.empty() && host.address.empty()) host.name = "localhost";
    hosts.push_back(std::move(host));
  }
  return hosts;
}

bool is_this_machine(const Host& host) {
  if (host.is_socket_folder()) return true;
  const std::string& name = host.address.empty() ? host.name : host.address;
  in_addr address{};
  return name == "localhost" || name == "::1" ||
         (inet_pton(AF_INET, name.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

/// Encrypted and verified, unless the server is on this machine or the user says otherwise.
Status set_tls(const Settings& settings, const Context& context, const std::vector<Host>& hosts,
               Keywords& keywords) {
  const Settings& tls = settings.group("tls");
  const std::string ca = tls.text("ca");
  const std::string certificate = tls.text("cert");
  const std::string key = tls.text("key");
  if (certificate.empty() != key.empty()) {
    return user_error("bad-tls", "`tls` needs `cert` and `key` together");
  }
  if (!ca.empty()) keywords["sslrootcert"] = context.path(ca);
  if (!certificate.empty()) keywords["sslcert"] = context.path(certificate);
  if (!key.empty()) keywords["sslkey"] = context.path(key);
  const bool local = std::ranges::all_of(hosts, is_this_machine);
  const std::string written = text_of(keywords, "sslmode");
  if (!ca.empty() && written != "verify-ca") keywords["sslmode"] = "verify-full";
  if (ca.empty() && written.empty()) {
    keywords["sslmode"] = !certificate.empty() ? "verify-full" : local ? "prefer" : "verify-full";
  }
  if (keywords["sslmode"].starts_with("verify") && !keywords.contains("sslrootcert")) {
    keywords["sslrootcert"] = system_authorities;
  }
  keywords.try_emplace("ssl_min_protocol_version", "TLSv1.2");
  return {};
}

std::string shown(const Keywords& keywords, const std::vector<Host>& hosts) {
  std::string text;
  if (const std::string user = text_of(keywords, "user"); !user.empty()) text = user + "@";
  for (const Host& host : hosts) {
    if (&host != &hosts.front()) text += ',';
    text += (host.name.empty() ? host.address : host.name) + ":" + host.port;
  }
  return text + "/" + text_of(keywords, "dbname");
}

}  // namespace

std::vector<Setting> connection_settings() {
  return {
      {.name = "uri",
       .kind = Kind::text,
       .doc = "Where the server is: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, as psql takes "
              "it. Several hosts, separated by commas, are tried in order; "
              "`?target_session_attrs=read-write` finds the primary among them. Never shown.",
       .required = true,
       .secret = true},
      {.name = "user", .kind = Kind::text, .doc = "The user, where `uri` does not name one."},
      {.name = "password",
       .kind = Kind::text,
       .doc = "The password, where `uri` does not hold it: `${PGPASSWORD}` or `${file:PATH}`.",
       .secret = true},
      {.name = "tls",
       .kind = Kind::group,
       .doc = "Certificates. The connection is encrypted and the server's certificate and name are "
              "verified, unless the server is on this machine, or `uri` says otherwise by "
              "`?sslmode=`.",
       .fields = {{.name = "ca",
                   .kind = Kind::path,
                   .doc = "PEM file of the authorities that the server's certificate is verified "
                          "against; the system's when left out."},
                  {.name = "cert",
                   .kind = Kind::path,
                   .doc = "PEM file of Leat's own certificate, for servers that ask for one."},
                  {.name = "key",
                   .kind = Kind::path,
                   .doc = "PEM file of its key; others must not be able to read it."}}},
      {.name = "connect_timeout",
       .kind = Kind::duration,
       .doc = "How long connecting to one address may take.",
       .default_value = "10s",
       .min = 1},
  };
}

Result<ConnectOptions> connect_options(const Settings& settings, const Context& context,
                                       const std::string& application) {
  Keywords keywords = LEAT_TRY(parse_uri(settings.text("uri")));
  ConnectOptions options;
  options.hosts = LEAT_TRY(hosts_of(keywords));
  if (!settings.text("user").empty()) keywords.try_emplace("user", settings.text("user"));
  if (!settings.text("password").empty()) {
    keywords.try_emplace("password", settings.text("password"));
  }
  if (!keywords.contains("user")) {
    return user_error("bad-uri", "`uri` names no user; write postgresql://USER@HOST/DATABASE");
  }
  keywords.try_emplace("dbname", keywords["user"]);
  LEAT_TRY(set_tls(settings, context, options.hosts, keywords));
  keywords.try_emplace("application_name", application);
  keywords.try_emplace("gssencmode", "disable");
  keywords["client_encoding"] = "UTF8";
  keywords.erase("connect_timeout");
  options.shown = shown(keywords, options.hosts);
  options.connect_timeout_ms = settings.duration_ms("connect_timeout");
  options.timeout_ms = settings.duration_ms("timeout");
  options.parameters.assign(keywords.begin(), keywords.end());
  return options;
}

}  // namespace leat::connector::postgresql
