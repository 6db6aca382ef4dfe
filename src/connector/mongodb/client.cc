#include "connector/mongodb/client.h"

#include <sys/mman.h>
#include <unistd.h>

#include <mutex>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "connector/mongodb/bson_writer.h"
#include "connector/mongodb/socket_stream.h"

namespace leat::connector::mongodb {
namespace {

constexpr std::int64_t farewell_ms = 300;  ///< for ending sessions and cursors when we leave

/// What matters of it comes as an error, too.
void log_line(mongoc_log_level_t, const char* domain, const char* message, void*) {
  spdlog::debug("mongodb: {}: {}", domain, message);
}

/// The library begins each process, whatever it is about, with counters in shared memory, which a
/// kill -9 leaves behind: a later process of the same id then complains. Nobody reads ours, so
/// their name goes at once.
[[gnu::constructor]] void forget_counters() {
  ::shm_unlink(fmt::format("/mongoc-{}", ::getpid()).c_str());
}

std::string text_at(const bson_t& document, const char* name) {
  bson_iter_t at;
  if (!bson_iter_init_find(&at, &document, name) || !BSON_ITER_HOLDS_UTF8(&at)) return "";
  return bson_iter_utf8(&at, nullptr);
}

std::string_view without_period(std::string_view text) {
  while (text.ends_with('.') || text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

void prepare_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    mongoc_log_set_handler(log_line, nullptr);
    mongoc_init();
  });
}

Result<std::unique_ptr<Client>> Client::make(const Endpoint& endpoint) {
  prepare_library();
  std::unique_ptr<Client> made(new Client(endpoint));
  bson_error_t error;
  made->client_.reset(mongoc_client_new_from_uri_with_error(endpoint.uri.get(), &error));
  if (made->client_ == nullptr) {
    return transient_error("mongodb-client", "mongodb {}: {}; check `uri`", endpoint.shown,
                           without_period(error.message));
  }
  mongoc_client_set_error_api(made->client_.get(), MONGOC_ERROR_API_VERSION_2);
  mongoc_client_set_stream_initiator(made->client_.get(), connect, made.get());
  return made;
}

Client::~Client() {
  interrupt_.begin({}, farewell_ms);
  client_.reset();
}

Client::Turn Client::begin(std::stop_token stop, std::int64_t timeout_ms) {
  interrupt_.begin(std::move(stop), timeout_ms);
  connect_failure_.clear();
  tls_failure_.clear();
  return Turn(interrupt_);
}

Collection Client::collection(const CollectionName& name) const {
  return Collection(
      mongoc_client_get_collection(client_.get(), name.database.c_str(), name.collection.c_str()));
}

mongoc_stream_t* Client::connect(const mongoc_uri_t*, const mongoc_host_list_t* host, void* client,
                                 bson_error_t*) {
  Client& self = *static_cast<Client*>(client);
  auto stream =
      connect_socket(host->host, host->port, self.endpoint_.connect_timeout_ms, self.interrupt_);
  if (stream && self.endpoint_.tls) stream = self.encrypt(*stream, host->host);
  if (stream) return *stream;
  self.connect_failure_ = stream.error().message;
  return broken_stream(self.interrupt_);
}

Result<mongoc_stream_t*> Client::encrypt(mongoc_stream_t* plain, const std::string& host) {
  const TlsOptions& tls = *endpoint_.tls;
  const auto text = [](const std::string& value) {
    return value.empty() ? nullptr : value.c_str();
  };
  mongoc_ssl_opt_t options = *mongoc_ssl_opt_get_default();
  options.ca_file = text(tls.ca_file);
  options.pem_file = text(tls.pem_file);
  options.pem_pwd = text(tls.pem_password);
  options.weak_cert_validation = tls.allow_invalid_certificate;
  options.allow_invalid_hostname = tls.allow_invalid_hostname || tls.allow_invalid_certificate;
  mongoc_stream_t* stream = mongoc_stream_tls_new_with_hostname(plain, host.c_str(), &options, 1);
  if (stream == nullptr) {
    mongoc_stream_destroy(plain);
    tls_failure_ =
        "the files of `tls` can't be used: they are missing, damaged or do not belong "
        "together";
    return transient_error("mongodb-tls", "{}", tls_failure_);
  }
  bson_error_t error;
  const auto timeout_ms = static_cast<std::int32_t>(endpoint_.connect_timeout_ms);
  if (mongoc_stream_tls_handshake_block(stream, host.c_str(), timeout_ms, &error)) return stream;
  mongoc_stream_destroy(stream);
  const std::string_view words = error.message;
  if (words.find("certificate") != std::string_view::npos ||
      words.find("wrong version number") != std::string_view::npos ||
      words.find("alert") != std::string_view::npos) {
    tls_failure_ = words;
  }
  return transient_error("mongodb-tls", "{}:{}", host, words);
}

Status Client::run(const std::string& database, const bson_t& command, Reply& reply,
                   std::string_view action) {
  bson_error_t error;
  if (mongoc_client_command_simple(client_.get(), database.c_str(), &command, nullptr,
                                   reply.fresh(), &error)) {
    return {};
  }
  return failed(action, error, &reply.document);
}

Result<ServerFacts> Client::greet() {
  ServerFacts facts;
  const auto ask = [&](const char* name, Reply& reply) {
    std::string bytes;
    BsonWriter writer(bytes);
    const std::size_t start = writer.begin();
    writer.int32(name, 1);
    writer.end(start);
    return run("admin", BsonView(bytes), reply, "ask the server what it is");
  };
  Reply hello, build;
  LEAT_TRY(ask("hello", hello));
  facts.is_replica_set =
      bson_has_field(&hello.document, "setName") || text_at(hello.document, "msg") == "isdbgrid";
  LEAT_TRY(ask("buildInfo", build));
  facts.version = text_at(build.document, "version");
  return facts;
}

std::unexpected<Error> Client::failed(std::string_view action, const bson_error_t& error,
                                      const bson_t* reply) const {
  const std::string& where = endpoint_.shown;
  if (interrupt_.stopped()) {
    return transient_error("stopped", "mongodb {}: stopped while trying to {}", where, action);
  }
  if (!tls_failure_.empty()) {
    return external_error(
        "mongodb-tls",
        "mongodb {}: no encrypted connection: {}; check `tls.ca` (the authority "
        "that signed the server's certificate), the host's name in `uri`, `tls.cert` "
        "and whether the server speaks TLS at all",
        where, without_period(tls_failure_));
  }
  const Cause cause = cause_of(error, reply);
  if (cause != Cause::outage) return refused(cause, action, error);
  const std::string words = fmt::format("{}{}{}", without_period(error.message),
                                        connect_failure_.empty() ? "" : "; ", connect_failure_);
  if (interrupt_.expired()) {
    return transient_error("mongodb-unavailable",
                           "mongodb {}: can't {}: no answer within {} ms (`timeout`): {}", where,
                           action, interrupt_.timeout_ms(), words);
  }
  return transient_error("mongodb-unavailable", "mongodb {}: can't {}: {}", where, action, words);
}

std::unexpected<Error> Client::refused(Cause cause, std::string_view action,
                                       const bson_error_t& error) const {
  const std::string& where = endpoint_.shown;
  const std::string_view words = without_period(error.message);
  switch (cause) {
    case Cause::credentials:
      return user_error("mongodb-auth",
                        "mongodb {}: can't sign in: {}; check user and password, and that "
                        "`authSource` in `uri` names the database that the user is in",
                        where, words);
    case Cause::privilege:
      return user_error("mongodb-not-allowed",
                        "mongodb {}: the user may not {}: {}; give it the role, for example "
                        "db.grantRolesToUser(\"{}\", [{{role: \"readWrite\", db: \"DATABASE\"}}])",
                        where, action, words,
                        mongoc_uri_get_username(endpoint_.uri.get()) == nullptr
                            ? "USER"
                            : mongoc_uri_get_username(endpoint_.uri.get()));
    case Cause::history_lost:
      return user_error("mongodb-history-lost", "mongodb {}: can't {}: {}", where, action, words);
    default:
      return user_error("mongodb-refused", "mongodb {}: can't {}: {} (error {})", where, action,
                        words, error.code);
  }
}

}  // namespace leat::connector::mongodb
