#include "connector/kafka/client.h"

#include <fstream>

#include <spdlog/spdlog.h>

namespace leat::connector::kafka {
namespace {

/// A token without an expiry of its own is asked for again after this.
constexpr std::int64_t token_lifetime_ms = 5 * 60 * 1000;

/// An answer that somebody's hand must change: which, and what to do.
struct Misconfiguration {
  rd_kafka_resp_err_t code;
  std::string_view error;
  std::string_view remedy;
};
constexpr Misconfiguration misconfigurations[] = {
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, "kafka-sign-in",
     "check user, password and `mechanism` in `sasl`"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, "kafka-sign-in",
     "check user, password and `mechanism` in `sasl`"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, "kafka-sign-in",
     "use a `mechanism` in `sasl` that the brokers offer"},
    {RD_KAFKA_RESP_ERR__SSL, "kafka-tls",
     "check `tls`: `ca` must have signed the brokers' certificates, and the certificates must name "
     "the hosts in `brokers`"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "kafka-forbidden",
     "let the user read or write the topic, for example by kafka-acls.sh --add --allow-principal "
     "User:NAME --operation All --topic TOPIC"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, "kafka-forbidden",
     "let the user read the consumer group, for example by kafka-acls.sh --add --allow-principal "
     "User:NAME --operation Read --group GROUP"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "kafka-forbidden",
     "let the user write with the transactional id, for example by kafka-acls.sh --add "
     "--allow-principal User:NAME --operation Write --transactional-id ID, or set `exactly_once: "
     "false`"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "kafka-forbidden",
     "let the user do this, or make the topic yourself by kafka-topics.sh --create"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, "kafka-forbidden", "keep to the cluster's policy"},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, "kafka-topic-settings",
     "set `replication` to the number of brokers at most"},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, "kafka-topic-settings", "correct `topic_settings`"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, "kafka-topic-missing",
     "a topic's name has letters, digits, `.`, `_` and `-`, at most 249"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "kafka-topic-missing",
     "make it by kafka-topics.sh --create"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "kafka-topic-missing",
     "make it by kafka-topics.sh --create"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, "kafka-topic-missing",
     "make it by kafka-topics.sh --alter"},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, "kafka-setting",
     "`timeout` is longer than the brokers let a transaction last (transaction.max.timeout.ms)"},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, "kafka-too-old",
     "Kafka 2.5 or newer is wanted; set `exactly_once: false` for an older one"},
};

const Misconfiguration* find_misconfiguration(rd_kafka_resp_err_t code) {
  for (const Misconfiguration& entry : misconfigurations) {
    if (entry.code == code) return &entry;
  }
  return nullptr;
}

/// The token in the file without the line break at its end.
std::string read_token(const Connection& connection) {
  if (connection.token_file.empty()) return connection.token;
  std::ifstream file(connection.token_file);
  std::string token;
  std::getline(file, token);
  return token;
}

/// Configures in order: what Leat needs, then what the user wants.
Status configure(rd_kafka_conf_t* conf, const Connection& connection,
                 const Client::Properties& own) {
  const auto set = [&](const std::string& name, const std::string& value) -> Status {
    char text[512] = {};
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) ==
        RD_KAFKA_CONF_OK) {
      return {};
    }
    return user_error("kafka-setting", "librdkafka does not take the value of {}", name);
  };
  LEAT_TRY(set("bootstrap.servers", connection.brokers));
  LEAT_TRY(set("client.id", "leat"));
  LEAT_TRY(set("log.connection.close", "false"));
  LEAT_TRY(set("socket.nagle.disable", "true"));  // requests are small where a transaction is
  LEAT_TRY(set("reconnect.backoff.max.ms", "2000"));
  LEAT_TRY(set("socket.timeout.ms", "10000"));
  LEAT_TRY(set("socket.connection.setup.timeout.ms",
               fmt::format("{}", std::max<std::int64_t>(1000, connection.connect_timeout_ms))));
  for (const auto* properties : {&connection.properties, &own, &connection.settings}) {
    for (const auto& [name, value] : *properties) LEAT_TRY(set(name, value));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Client>> Client::make(rd_kafka_type_t type, const Connection& connection,
                                             const Properties& own, OnFailed on_failed,
                                             OnDelivered on_delivered) {
  std::unique_ptr<Client> client(
      new Client(connection, std::move(on_failed), std::move(on_delivered)));
  std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> conf(rd_kafka_conf_new(),
                                                                          rd_kafka_conf_destroy);
  LEAT_TRY(configure(conf.get(), connection, own));
  rd_kafka_conf_set_opaque(conf.get(), client.get());
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  if (client->on_failed_) rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  if (!connection.token.empty() || !connection.token_file.empty()) {
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf.get(), on_token);
  }
  // Tokens are fetched in librdkafka's own thread, whatever this one waits for.
  rd_kafka_conf_enable_sasl_queue(conf.get(), 1);
  char text[512] = {};
  client->handle_ = rd_kafka_new(type, conf.get(), text, sizeof text);
  if (client->handle_ == nullptr) {
    return user_error("kafka-setting", "librdkafka does not take the settings for {}: {}",
                      connection.brokers, text);
  }
  (void)conf.release();  // it is the client's now
  rd_kafka_error_destroy(rd_kafka_sasl_background_callbacks_enable(client->handle_));
  return client;
}

Client::~Client() {
  if (handle_ == nullptr) return;
  if (rd_kafka_type(handle_) == RD_KAFKA_PRODUCER) {
    rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  }
  rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void Client::on_error(rd_kafka_t* handle, int code, const char* text, void* self) {
  auto known = static_cast<rd_kafka_resp_err_t>(code);
  char fatal[512] = {};
  if (known == RD_KAFKA_RESP_ERR__FATAL) {
    known = rd_kafka_fatal_error(handle, fatal, sizeof fatal);
    text = fatal;
  }
  static_cast<Client*>(self)->note(known, text);
}

void Client::note(rd_kafka_resp_err_t code, const char* text) {
  spdlog::debug("kafka {}: {} ({})", connection_.brokers, text, rd_kafka_err2name(code));
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    return;  // says less than what made each of them go down, and does not come each time
  }
  const bool refused = code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                       code == RD_KAFKA_RESP_ERR__SSL ||
                       code == RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM;
  std::lock_guard lock(mutex_);
  if (refused_ && !refused) return;
  if (refused) refused_ = true;
  last_code_ = code;
  last_text_ = text;
}

void Client::on_log(const rd_kafka_t*, int, const char* facility, const char* text) {
  spdlog::debug("kafka: {}: {}", facility, text);
}

void Client::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
  const Client& client = *static_cast<Client*>(self);
  const auto number = reinterpret_cast<std::uintptr_t>(message->_private);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    client.on_failed_(number, message->err);
  } else if (client.on_delivered_) {
    client.on_delivered_(number, message->offset);
  }
}

void Client::on_token(rd_kafka_t* handle, const char*, void* self) {
  const Connection& connection = static_cast<Client*>(self)->connection_;
  const std::string token = read_token(connection);
  const auto user = connection.properties.find("sasl.username");
  const std::string principal = user == connection.properties.end() ? "leat" : user->second;
  const std::int64_t expires = std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count() +
                               token_lifetime_ms;
  char text[512] = "the token is empty";
  if (token.empty() ||
      rd_kafka_oauthbearer_set_token(handle, token.c_str(), expires, principal.c_str(), nullptr, 0,
                                     text, sizeof text) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_oauthbearer_set_token_failure(handle, text);
  }
}

bool Client::any_broker_is_up() const {
  const rd_kafka_metadata_t* found = nullptr;
  const rd_kafka_resp_err_t code = rd_kafka_metadata(handle_, 0, nullptr, &found, slice_ms);
  if (found != nullptr) rd_kafka_metadata_destroy(found);
  return code != RD_KAFKA_RESP_ERR__TRANSPORT;  // others come from a broker, or from its silence
}

bool Client::is_in_vain(Time begun) const {
  if (refused_) return true;
  if (std::chrono::steady_clock::now() - begun <= cut_off_grace) return false;
  // A first connection may take long where nothing went wrong with it.
  const bool expected = reached_ || !last_words().empty();
  return expected && !any_broker_is_up();
}

std::string Client::last_words() const {
  std::lock_guard lock(mutex_);
  return last_text_;
}

void Client::forget_trouble() {
  std::lock_guard lock(mutex_);
  refused_ = false;
  last_code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  last_text_.clear();
}

bool Client::may_pass(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__RETRY:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
      return true;
    default:
      return false;
  }
}

bool Client::is_fencing(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

Error Client::error(rd_kafka_resp_err_t code, std::string_view text, std::string_view doing) const {
  std::string words(text);
  {
    std::lock_guard lock(mutex_);
    // A time-out says nothing; what went wrong with the connections does.
    if (may_pass(code) && last_code_ != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (refused_) code = last_code_;
      words = last_text_;
    }
  }
  if (const Misconfiguration* found = find_misconfiguration(code)) {
    return user_error(found->error, "kafka {}: {}: {}; {}", connection_.brokers, doing, words,
                      found->remedy)
        .error();
  }
  const std::string_view kind = is_fencing(code) ? "kafka-fenced"
                                : may_pass(code) ? "kafka-unreachable"
                                                 : "kafka-failed";
  return transient_error(kind, "kafka {}: {}: {}", connection_.brokers, doing, words).error();
}

Error Client::error(rd_kafka_error_t* error, std::string_view doing) const {
  const Error out = this->error(rd_kafka_error_code(error), rd_kafka_error_string(error), doing);
  rd_kafka_error_destroy(error);
  return out;
}

}  // namespace leat::connector::kafka
