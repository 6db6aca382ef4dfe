// What an S3-compatible store answers, in XML.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/object/object_store.h"

namespace leat::connector::object {

/// A page of a listing of objects (`ListBucketResult`). Keys are those of the bucket.
struct S3Listing {
  std::vector<Object> objects;
  std::string next;  ///< token of the next page; empty: this was the last
};
/// Error `object-answer` (external): it is no such answer.
Result<S3Listing> read_s3_listing(std::string_view xml);

/// A page of uploads that were begun and not ended (`ListMultipartUploadsResult`).
struct S3Uploads {
  struct Upload {
    std::string key, id;
  };
  std::vector<Upload> uploads;
  std::string next_key, next_id;  ///< markers of the next page; empty: this was the last
};
Result<S3Uploads> read_s3_uploads(std::string_view xml);

/// The id in the answer to a begun upload (`InitiateMultipartUploadResult`).
Result<std::string> read_s3_upload_id(std::string_view xml);

/// An `Error` answer; nothing where it is another one.
struct S3Error {
  std::string code, message, region;
};
std::optional<S3Error> read_s3_error(std::string_view xml);

}  // namespace leat::connector::object
