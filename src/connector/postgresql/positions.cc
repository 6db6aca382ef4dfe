#include "connector/postgresql/positions.h"

#include <random>
#include <vector>

#include "connector/postgresql/server_error.h"

namespace leat::connector::postgresql {
namespace {

using Parameters = std::vector<std::optional<std::string>>;

/// 128 random bits.
std::string new_token() {
  std::random_device random;
  std::string token;
  for (int i = 0; i < 4; ++i) token += fmt::format("{:08x}", random());
  return token;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  }
  return bytes;
}

std::optional<std::string> position_of(const Rows& rows) {
  const auto stored = rows.text(0, 0);
  if (!stored) return std::nullopt;
  return from_hex(*stored);
}

}  // namespace

std::string Position::create_table() const {
  return fmt::format(
      "CREATE TABLE IF NOT EXISTS {} (name text PRIMARY KEY, position bytea, owner text NOT NULL, "
      "changed_at timestamptz NOT NULL DEFAULT now())",
      table_.quoted());
}

bool Position::table_exists(Connection& connection, const std::stop_token& stop) {
  const auto found =
      connection.run_with("SELECT to_regclass($1) IS NOT NULL", Parameters{table_.quoted()}, stop);
  return found && found->string(0, 0) == "t";
}

Status Position::make_table(Connection& connection, const std::stop_token& stop) {
  if (table_exists(connection, stop)) return {};
  if (!create_) {
    return user_error("table-missing",
                      "PostgreSQL {}: there is no table {}, in which the sink's position is kept "
                      "together with its rows; leave `create: false` out, or make it: {}",
                      connection.shown(), table_.shown(), create_table());
  }
  const auto made = connection.run(create_table(), stop);
  if (!made && !was_made_by_another(connection.failed_state())) {
    return std::unexpected(made.error());
  }
  return {};
}

Result<std::optional<std::string>> Position::take_over(Connection& connection,
                                                       const std::stop_token& stop) {
  const std::string token = new_token();
  const std::string returned = "RETURNING encode(position, 'hex')";
  if (!token_.empty()) {
    // An update waits until a commit of the session before, whose answer never came, is decided.
    const Rows ours = LEAT_TRY(connection.run_with(
        fmt::format("UPDATE {} SET owner = $2 WHERE name = $1 AND owner = $3 {}", table_.quoted(),
                    returned),
        Parameters{name_, token, token_}, stop));
    if (ours.size() == 1) {
      token_ = token;
      return position_of(ours);
    }
    const Status why = why_not_stored(connection, stop);
    if (!why && why.error().code != "position-lost") return std::unexpected(why.error());
  }
  const Rows taken = LEAT_TRY(connection.run_with(
      fmt::format("INSERT INTO {0} AS p (name, owner) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE "
                  "SET owner = EXCLUDED.owner {1}",
                  table_.quoted(), returned),
      Parameters{name_, token}, stop));
  token_ = token;
  return position_of(taken);
}

std::string Position::store(Connection& connection, std::string_view position) const {
  return fmt::format(
      "UPDATE {} SET position = '\\x{}', changed_at = now() WHERE name = {} AND owner = '{}'",
      table_.quoted(), hex(position), connection.quoted_text(name_), token_);
}

Status Position::why_not_stored(Connection& connection, const std::stop_token& stop) const {
  const Rows row = LEAT_TRY(
      connection.run_with(fmt::format("SELECT owner FROM {} WHERE name = $1", table_.quoted()),
                          Parameters{name_}, stop));
  if (row.size() == 1) {
    return external_error("sink-fenced",
                          "PostgreSQL {}: another instance of Leat has taken over the sink {} (in "
                          "table {}); this one stops writing. Run one instance, or give each sink "
                          "a `position_name` of its own",
                          connection.shown(), name_, table_.shown());
  }
  return transient_error("position-lost",
                         "PostgreSQL {}: the position of sink {} is gone from table {}",
                         connection.shown(), name_, table_.shown());
}

}  // namespace leat::connector::postgresql
