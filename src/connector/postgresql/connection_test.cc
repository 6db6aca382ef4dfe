#include "connector/postgresql/connection.h"

#include "connector/postgresql/postgresql_fixture.h"

namespace leat::connector::postgresql {
namespace {

using testing::HasSubstr;
using testing::Not;

Settings base(const std::string& uri) {
  Settings settings;
  settings.set("uri", uri);
  settings.set("timeout", std::int64_t{5000});
  settings.set("connect_timeout", std::int64_t{5000});
  return settings;
}

/// "connected", or the error's code.
std::string outcome(const Settings& settings) {
  const auto options = connect_options(settings, {}, "test");
  if (!options) return options.error().code;
  const auto opened = open_session(*options, {});
  return opened ? "connected" : opened.error().code;
}

/// What libpq is told under this name.
std::string parameter(const Settings& settings, const std::string& name) {
  const auto options = connect_options(settings, {}, "test");
  if (!options) return options.error().code;
  for (const auto& [key, value] : options->parameters) {
    if (key == name) return value;
  }
  return "none";
}

TEST(Connection, VerifiesTheServersCertificateAndShowsItsOwn) {
  LEAT_NEED_SERVER(server, "postgresql", {"--auth", "--tls", "--mutual-tls"});
  const std::string uri = server.text("uri").substr(0, server.text("uri").find('?'));
  const auto with = [&](std::initializer_list<std::pair<const char*, std::string>> files) {
    Settings settings = base(uri), tls;
    for (const auto& [name, file] : files) tls.set(name, file);
    settings.set("tls", tls);
    return outcome(settings);
  };
  const std::string ca = server.text("ca_file"), cert = server.text("client_certificate"),
                    key = server.text("client_key");
  EXPECT_EQ(with({{"ca", ca}, {"cert", cert}, {"key", key}}), "connected");
  EXPECT_NE(with({{"ca", ca}}), "connected");
  EXPECT_EQ(with({{"ca", cert}, {"cert", cert}, {"key", key}}), "tls-failed");
  EXPECT_EQ(with({{"ca", ca}, {"cert", cert}}), "bad-tls");
}

TEST(Connection, IsVerifiedUnlessTheServerIsHereOrTheUserSaysOtherwise) {
  const std::string there = "postgresql://a@db.example.com/b", here = "postgresql://a@127.0.0.1/b";
  EXPECT_EQ(parameter(base(there), "sslmode"), "verify-full");
  EXPECT_EQ(parameter(base(there), "sslrootcert"), "/etc/ssl/certs/ca-certificates.crt");
  EXPECT_EQ(parameter(base(here), "sslmode"), "prefer");
  EXPECT_EQ(parameter(base(here + "?sslmode=require"), "sslmode"), "require");
  EXPECT_EQ(parameter(base(there + "?sslmode=disable"), "sslmode"), "disable");
  EXPECT_EQ(parameter(base("postgresql://a@127.0.0.1,db.example.com/b"), "sslmode"), "verify-full");
  Settings own = base(here), tls;
  tls.set("ca", std::string("/ca.pem"));
  own.set("tls", tls);
  EXPECT_EQ(parameter(own, "sslmode"), "verify-full");
  EXPECT_EQ(parameter(own, "sslrootcert"), "/ca.pem");
}

TEST(Connection, ShowsWhereItGoesAndNeverAPassword) {
  const auto shown = [](const std::string& uri) {
    const auto options = connect_options(base(uri), {}, "test");
    return options ? options->shown : options.error().code;
  };
  EXPECT_EQ(shown("postgresql://a:canary@h1,h2:5433/b"), "a@h1:5432,h2:5433/b");
  EXPECT_EQ(shown("postgresql://a:canary@h1:5432,h2:5433/b?application_name=x"),
            "a@h1:5432,h2:5433/b");
  EXPECT_EQ(shown("postgresql://a:can%40ary@/b?host=/run/postgresql"), "a@/run/postgresql:5432/b");
  EXPECT_EQ(shown("postgresql://h1/b"), "bad-uri");  // names no user
  const auto bad = connect_options(base("postgresql://a:canary@[h/b"), {}, "test");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, Not(HasSubstr("canary")));
}

TEST(Connection, TriesTheNextHostAndTellsAnOutageFromAFault) {
  LEAT_NEED_SERVER(server, "postgresql", {"--auth"});
  const std::string uri = server.text("uri");
  const std::size_t at = uri.find('@'), slash = uri.find('/', at);
  const std::string user = uri.substr(0, at + 1), host = uri.substr(at + 1, slash - at - 1);
  EXPECT_EQ(outcome(base(user + "127.0.0.1:1," + host + "/leat")), "connected");
  EXPECT_EQ(outcome(base(user + "127.0.0.1:1/leat")), "connect-failed");
  EXPECT_EQ(outcome(base(user + "nowhere.invalid:1/leat")), "not-resolved");
  EXPECT_EQ(outcome(base(user + host + "/nothing")), "database-missing");
  Settings wrong = base("postgresql://leat@" + host + "/leat");
  EXPECT_EQ(outcome(wrong), "sign-in-failed");
  wrong.set("password", std::string("canary"));
  EXPECT_EQ(outcome(wrong), "sign-in-failed");
  wrong.set("password", server.text("password"));
  EXPECT_EQ(outcome(wrong), "connected");
}

}  // namespace
}  // namespace leat::connector::postgresql
