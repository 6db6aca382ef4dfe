#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connector/url.h"

namespace leat::connector::object {

struct S3Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  ///< of temporary credentials; else empty
};

/// Percent-encoding as AWS wants it: everything but letters, digits and `-._~`, and `/` where it is
/// kept.
std::string s3_encoded(std::string_view text, bool keep_slash);

/// What is signed of a request. Pure data.
struct S3Request {
  std::string method;
  Url url;                                                 ///< without the query
  std::string path;                                        ///< of the URL, encoded
  std::vector<std::pair<std::string, std::string>> query;  ///< not encoded; in any order
  std::string_view body;
};

/// `name=value&…`, encoded and sorted.
std::string s3_query(std::vector<std::pair<std::string, std::string>> query);

/// The header fields that sign a request by AWS's Signature Version 4 for S3, at a time in
/// milliseconds since 1970.
std::vector<std::pair<std::string, std::string>> s3_signature(const S3Request& request,
                                                              const S3Credentials& credentials,
                                                              const std::string& region,
                                                              std::int64_t now_ms);

}  // namespace leat::connector::object
