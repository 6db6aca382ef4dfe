#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace leat::connector {

/// An absolute http or https address, taken apart. Pure data.
struct Url {
  std::string text;    ///< the whole of it, as given, without a fragment
  std::string scheme;  ///< http | https
  std::string host;    ///< lower case, without brackets or port
  std::uint16_t port = 0;

  /// Scheme, host and port agree: what was meant for one may be told to the other.
  bool same_origin(const Url& other) const {
    return scheme == other.scheme && host == other.host && port == other.port;
  }
  /// For messages: no user, no password, no query, which may hold secrets.
  std::string without_secrets() const;
};

/// Error `bad-url` (user); never repeats more of the text than the part before a `?`.
Result<Url> parse_url(std::string_view text);

/// `url` with the query parameter set, in the place of an earlier one of that name.
std::string with_parameter(std::string_view url, std::string_view name, std::string_view value);

/// `%41` becomes `A`; whatever else there is stays.
std::string percent_decoded(std::string_view text);

/// The target of `rel="next"` in the value of a Link header (RFC 8288); empty: none.
std::string next_link(std::string_view link_header);

/// `target` as seen from `base`: RFC 3986's relative references.
Result<Url> resolve_url(const Url& base, std::string_view target);

}  // namespace leat::connector
