#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/context.h"
#include "connector/mongodb/handles.h"
#include "connector/spec.h"

namespace leat::connector::mongodb {

/// How TLS is spoken; as libmongoc wants it.
struct TlsOptions {
  std::string ca_file;   ///< empty: the system's authorities
  std::string pem_file;  ///< our certificate and its key in one file; empty: none
  std::string pem_password;
  /// Where that file is in memory alone: closed with the last copy of these options.
  std::shared_ptr<const int> pem_memory;
  bool allow_invalid_certificate = false;
  bool allow_invalid_hostname = false;
};

/// Where the servers are and how they are spoken to.
struct Endpoint {
  Uri uri;            ///< with user and password
  std::string shown;  ///< the hosts, for messages: never a secret
  std::optional<TlsOptions> tls;
  std::int64_t connect_timeout_ms = 0;  ///< of one connection
  std::int64_t timeout_ms = 0;          ///< of one call, all in all
};

/// What sink and source have in common in a pipeline file.
std::vector<Setting> endpoint_settings();

/// Errors (user): `bad-uri`, `bad-tls`: settings that can never work.
Result<Endpoint> read_endpoint(const Settings& settings, const Context& context);

/// A database and one collection in it.
struct CollectionName {
  std::string database;
  std::string collection;  ///< empty: the whole database
  std::string shown() const { return collection.empty() ? database : database + "." + collection; }
};

/// From `database` and `collection`, each alone or both, and the database that the URI may name.
/// Error `bad-collection` (user).
Result<CollectionName> read_collection_name(const Settings& settings, const Uri& uri);

}  // namespace leat::connector::mongodb
