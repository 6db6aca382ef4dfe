#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "connector/fetcher.h"
#include "connector/object/object_store.h"
#include "connector/object/s3_signature.h"

namespace leat::connector::object {

/// Where the objects are, and how to get there. Pure data.
struct S3Options {
  Url endpoint;  ///< scheme, host and port of the service
  std::string bucket;
  std::string prefix;  ///< of all keys; empty, or ends in `/`
  std::string region;
  S3Credentials credentials;
  bool bucket_in_path = true;  ///< else the bucket is the first part of the host's name
  FetchOptions fetch;
};

/// Objects in an S3-compatible store. What is staged is a multipart upload that is not completed
/// yet. `clock` outlives the store.
std::unique_ptr<ObjectStore> make_s3_store(S3Options options, const Clock& clock);

}  // namespace leat::connector::object
