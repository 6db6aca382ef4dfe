#include "connector/mongodb/change_record.h"

#include <optional>

#include "connector/mongodb/bson_bytes.h"
#include "connector/mongodb/document_json.h"
#include "format/encoder.h"

namespace leat::connector::mongodb {
namespace {

using format::append_json_string;

std::optional<bson_iter_t> find(const bson_t& document, const char* path) {
  bson_iter_t at, inside;
  if (!bson_iter_init(&at, &document) || !bson_iter_find_descendant(&at, path, &inside)) {
    return std::nullopt;
  }
  return inside;
}

std::string text_at(const bson_t& document, const char* path) {
  const auto at = find(document, path);
  return at && BSON_ITER_HOLDS_UTF8(&*at) ? bson_iter_utf8(&*at, nullptr) : "";
}

/// A key that reads as the `_id` does: texts, numbers and object ids without quotes.
std::string key_text(const bson_iter_t& id) {
  std::string json;
  append_plain_json(id, json);
  if (!BSON_ITER_HOLDS_UTF8(&id)) {
    const bool quoted = json.starts_with('"');
    return quoted ? json.substr(1, json.size() - 2) : json;
  }
  std::uint32_t size = 0;
  const char* text = bson_iter_utf8(&id, &size);
  return std::string(text, size);
}

void append_json(const bson_t& document, const SourcePlan& plan, std::string& out) {
  plan.extended_json ? append_extended_json(document, out) : append_plain_json(document, out);
}

void append_field(std::string_view name, std::string& out) {
  out += out.size() > 1 ? "," : "";
  append_json_string(name, out);
  out += ':';
}

/// The event's part at `path` as the field `name`; `always`: null where there is none.
void append_part(const bson_t& event, const char* path, std::string_view name, bool always,
                 const SourcePlan& plan, std::string& out) {
  const auto at = find(event, path);
  const bool is_document = at && BSON_ITER_HOLDS_DOCUMENT(&*at);
  if (!is_document && !always && !(at && BSON_ITER_HOLDS_ARRAY(&*at))) return;
  append_field(name, out);
  if (is_document) {
    append_json(BsonView(nested_bytes(*at)), plan, out);
  } else if (at) {
    append_plain_json(*at, out);
  } else {
    out += "null";
  }
}

void append_text(std::string_view name, std::string_view text, std::string& out) {
  append_field(name, out);
  append_json_string(text, out);
}

/// `{"op": …, "collection": …, "at": …, "key": …, "document": …}`
std::string change_of(const bson_t& event, const SourcePlan& plan) {
  std::string out = "{";
  append_text("op", text_at(event, "operationType"), out);
  const std::string collection = text_at(event, "ns.coll");
  const std::string database = text_at(event, "ns.db");
  append_text("collection", collection.empty() ? database : database + "." + collection, out);
  auto at = find(event, "wallTime");
  if (!at) at = find(event, "clusterTime");
  if (at) {
    append_field("at", out);
    append_plain_json(*at, out);
  }
  append_part(event, "documentKey", "key", false, plan, out);
  append_part(event, "fullDocument", "document", true, plan, out);
  if (!plan.before.empty()) {
    append_part(event, "fullDocumentBeforeChange", "before", true, plan, out);
  }
  append_part(event, "updateDescription.updatedFields", "updated", false, plan, out);
  append_part(event, "updateDescription.removedFields", "removed", false, plan, out);
  append_part(event, "to", "to", false, plan, out);
  out += '}';
  return out;
}

}  // namespace

ChangeRecord record_of_event(const bson_t& event, const SourcePlan& plan) {
  ChangeRecord record;
  if (text_at(event, "operationType") == "invalidate") {
    // Says that the stream ends, after the drop or rename that ends it.
    record.nothing = true;
    return record;
  }
  if (const auto id = find(event, "documentKey._id")) {
    record.has_key = true;
    record.key = key_text(*id);
  }
  if (plan.form == RecordForm::change) {
    record.value = change_of(event, plan);
    return record;
  }
  const auto full = find(event, "fullDocument");
  if (full && BSON_ITER_HOLDS_DOCUMENT(&*full)) {
    append_json(BsonView(nested_bytes(*full)), plan, record.value);
  } else if (text_at(event, "operationType") == "delete") {
    record.tombstone = true;
  } else {
    // A drop; or an update of what is deleted since, whose own event follows.
    record.nothing = true;
  }
  return record;
}

ChangeRecord record_of_document(const bson_t& document, const SourcePlan& plan,
                                std::string_view collection) {
  ChangeRecord record;
  const auto id = find(document, "_id");
  if (id) {
    record.has_key = true;
    record.key = key_text(*id);
  }
  if (plan.form == RecordForm::document) {
    append_json(document, plan, record.value);
    return record;
  }
  std::string& out = record.value;
  out = "{";
  append_text("op", "snapshot", out);
  append_text("collection", fmt::format("{}.{}", plan.collection.database, collection), out);
  if (id) {
    append_field("key", out);
    out += "{\"_id\":";
    append_plain_json(*id, out);
    out += '}';
  }
  append_field("document", out);
  append_json(document, plan, out);
  out += '}';
  return record;
}

}  // namespace leat::connector::mongodb
