#include "connector/postgresql/server_error.h"

#include <algorithm>
#include <array>
#include <string>

namespace leat::connector::postgresql {
namespace {

struct Meaning {
  std::string_view prefix;  ///< of the SQLSTATE; the longest that fits counts
  Domain domain;
  std::string_view code;
  bool retryable;
  std::string_view remedy;
};

/// PostgreSQL's appendix A, as far as it makes a difference here.
constexpr std::array meanings = {
    Meaning{"08", Domain::external, "connection-lost", true, ""},
    Meaning{"0A", Domain::external, "not-supported", false, ""},
    Meaning{"22", Domain::external, "rows-refused", false, ""},
    Meaning{"23", Domain::external, "rows-refused", false, ""},
    Meaning{"25006", Domain::external, "read-only", true,
            "; this server is a standby: name the primary, or all of them with "
            "target_session_attrs=read-write"},
    Meaning{"25P03", Domain::external, "connection-lost", true, ""},
    Meaning{"28", Domain::user, "sign-in-failed", false, "; check user and password"},
    Meaning{"3D000", Domain::user, "database-missing", false,
            "; make it with CREATE DATABASE, or name another"},
    Meaning{"3F000", Domain::user, "schema-missing", false,
            "; make it with CREATE SCHEMA, or name another"},
    Meaning{"40", Domain::external, "conflict", true, ""},
    Meaning{"42501", Domain::user, "not-permitted", false,
            "; GRANT what is missing to this user, or connect as another"},
    Meaning{"42704", Domain::user, "object-missing", false, ""},
    Meaning{"42P01", Domain::user, "table-missing", false, ""},
    Meaning{"42", Domain::user, "statement-refused", false, ""},
    Meaning{"44", Domain::external, "rows-refused", false, ""},
    Meaning{"53", Domain::external, "server-overloaded", true, ""},
    Meaning{"54", Domain::external, "rows-refused", false, ""},
    Meaning{"55P03", Domain::external, "locked", true, "; another session holds the lock"},
    Meaning{"55006", Domain::external, "in-use", true, ""},
    Meaning{"55", Domain::external, "not-ready", false, ""},
    Meaning{"57014", Domain::external, "timed-out", true,
            "; raise `timeout` where the server needs longer"},
    Meaning{"57P04", Domain::user, "database-missing", false, ""},
    Meaning{"57", Domain::external, "server-unavailable", true, ""},
    Meaning{"58", Domain::external, "server-failed", true, ""},
    Meaning{"P0001", Domain::external, "rows-refused", false, ""},
    Meaning{"XX", Domain::external, "server-failed", true, ""},
};

}  // namespace

bool refuses_rows(std::string_view state) {
  // 21000: a statement meets one row of the table twice, as when the table's key takes "a" and "A"
  // for the same; in statements of their own, both rows are written.
  return state.starts_with("22") || state.starts_with("23") || state.starts_with("44") ||
         state.starts_with("54") || state == "P0001" || state == "21000";
}

bool table_has_changed(std::string_view state) {
  return state == "42P01" || state == "42703" || state == "42P10" || state == "42804" ||
         state == "42846" || state == "0A000" || state == "3F000";
}

bool was_made_by_another(std::string_view state) {
  // Duplicate schema, table, column, row type; IF NOT EXISTS that lost the race is a unique
  // violation of the catalogue, or a tuple that was updated concurrently.
  return state == "42P06" || state == "42P07" || state == "42701" || state == "42710" ||
         state == "23505" || state == "XX000";
}

Error server_error(std::string_view state, std::string_view where, std::string_view words) {
  const Meaning* best = nullptr;
  for (const Meaning& meaning : meanings) {
    if (!state.starts_with(meaning.prefix)) continue;
    if (best == nullptr || meaning.prefix.size() > best->prefix.size()) best = &meaning;
  }
  static constexpr Meaning other{"", Domain::external, "server-refused", false, ""};
  if (best == nullptr) best = &other;
  return Error{best->domain, std::string(best->code),
               fmt::format("PostgreSQL {}: {} (SQLSTATE {}){}", where, words, state, best->remedy),
               best->retryable};
}

}  // namespace leat::connector::postgresql
