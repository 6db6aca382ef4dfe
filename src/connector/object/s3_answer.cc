#include "connector/object/s3_answer.h"

#include <algorithm>
#include <chrono>
#include <sstream>

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>

#include "connector/url.h"

namespace leat::connector::object {
namespace {

using Tree = boost::property_tree::ptree;

/// The document's element of this name; nothing: it has another one, or is no XML.
std::optional<Tree> read_document(std::string_view xml, const char* name) {
  std::istringstream in{std::string(xml)};
  Tree document;
  try {
    boost::property_tree::read_xml(in, document);
  } catch (const boost::property_tree::xml_parser_error&) {
    return std::nullopt;
  }
  const auto found = document.find(name);
  if (found == document.not_found()) return std::nullopt;
  return found->second;
}

std::unexpected<Error> no_answer(const char* expected) {
  return external_error("object-answer",
                        "the answer is no {}; is this really an S3-compatible store?", expected);
}

std::string text_of(const Tree& tree, const char* name) { return tree.get<std::string>(name, ""); }

/// "2026-11-21T08:30:00.123Z" in milliseconds since 1970; 0 for what is no such time.
std::int64_t time_of(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0;
  double second = 0;
  if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%lf", &year, &month, &day, &hour, &minute,
                  &second) != 6) {
    return 0;
  }
  const std::chrono::sys_days days =
      std::chrono::year(year) / static_cast<unsigned>(month) / static_cast<unsigned>(day);
  const auto minutes =
      days.time_since_epoch() + std::chrono::hours(hour) + std::chrono::minutes(minute);
  return std::chrono::duration_cast<std::chrono::milliseconds>(minutes).count() +
         static_cast<std::int64_t>(second * 1000 + 0.5);
}

}  // namespace

Result<S3Listing> read_s3_listing(std::string_view xml) {
  const auto tree = read_document(xml, "ListBucketResult");
  if (!tree) return no_answer("listing of objects");
  S3Listing listing;
  const bool encoded = text_of(*tree, "EncodingType") == "url";
  for (const auto& [name, child] : *tree) {
    if (name != "Contents") continue;
    std::string key = text_of(child, "Key");
    if (encoded) {
      std::ranges::replace(key, '+', ' ');
      key = percent_decoded(key);
    }
    listing.objects.push_back({.key = std::move(key),
                               .bytes = child.get<std::uint64_t>("Size", 0),
                               .modified_ms = time_of(text_of(child, "LastModified"))});
  }
  if (text_of(*tree, "IsTruncated") == "true") {
    listing.next = text_of(*tree, "NextContinuationToken");
  }
  return listing;
}

Result<S3Uploads> read_s3_uploads(std::string_view xml) {
  const auto tree = read_document(xml, "ListMultipartUploadsResult");
  if (!tree) return no_answer("listing of uploads");
  S3Uploads uploads;
  for (const auto& [name, child] : *tree) {
    if (name != "Upload") continue;
    uploads.uploads.push_back({text_of(child, "Key"), text_of(child, "UploadId")});
  }
  if (text_of(*tree, "IsTruncated") == "true") {
    uploads.next_key = text_of(*tree, "NextKeyMarker");
    uploads.next_id = text_of(*tree, "NextUploadIdMarker");
  }
  return uploads;
}

Result<std::string> read_s3_upload_id(std::string_view xml) {
  const auto tree = read_document(xml, "InitiateMultipartUploadResult");
  if (!tree || text_of(*tree, "UploadId").empty()) return no_answer("begun upload");
  return text_of(*tree, "UploadId");
}

std::optional<S3Error> read_s3_error(std::string_view xml) {
  const auto tree = read_document(xml, "Error");
  if (!tree) return std::nullopt;
  return S3Error{text_of(*tree, "Code"), text_of(*tree, "Message"), text_of(*tree, "Region")};
}

}  // namespace leat::connector::object
