#pragma once

#include <string>
#include <string_view>

#include <bson/bson.h>

#include "connector/mongodb/source_plan.h"

namespace leat::connector::mongodb {

/// A record for the topic.
struct ChangeRecord {
  std::string key;
  std::string value;
  bool has_key = false;
  bool tombstone = false;
  bool nothing = false;  ///< the event makes no record
};

/// The record of an event of a change stream. Pure.
ChangeRecord record_of_event(const bson_t& event, const SourcePlan& plan);
/// The record of a document that was there before the source began.
ChangeRecord record_of_document(const bson_t& document, const SourcePlan& plan,
                                std::string_view collection);

}  // namespace leat::connector::mongodb
