#include "connector/mongodb/source_plan.h"

#include "connector/mongodb/handles.h"

namespace leat::connector::mongodb {
namespace {

/// The bytes of the array; libbson reads it as the field of a document.
Result<std::string> read_pipeline(const std::string& text) {
  if (text.empty()) return std::string();
  const std::string wrapped = "{\"stages\": " + text + "}";
  bson_error_t error;
  bson_t* parsed = bson_new_from_json(reinterpret_cast<const std::uint8_t*>(wrapped.data()),
                                      static_cast<ssize_t>(wrapped.size()), &error);
  std::string stages;
  bson_iter_t at;
  if (parsed != nullptr && bson_iter_init_find(&at, parsed, "stages") &&
      BSON_ITER_HOLDS_ARRAY(&at)) {
    std::uint32_t size = 0;
    const std::uint8_t* data = nullptr;
    bson_iter_array(&at, &size, &data);
    stages.assign(reinterpret_cast<const char*>(data), size);
  }
  const bool is_json = parsed != nullptr;
  bson_destroy(parsed);
  if (!stages.empty()) return stages;
  return user_error("bad-pipeline",
                    "`pipeline` is no JSON array of stages{}{}; write for example "
                    "'[{{\"$match\": {{\"fullDocument.country\": \"DE\"}}}}]'",
                    is_json ? "" : ": ", is_json ? "" : error.message);
}

}  // namespace

Result<SourcePlan> read_source_plan(const Settings& settings, const Uri& uri) {
  SourcePlan plan;
  plan.collection = LEAT_TRY(read_collection_name(settings, uri));
  plan.form = settings.text("records") == "change" ? RecordForm::change : RecordForm::document;
  plan.extended_json = settings.text("json") == "extended";
  plan.pipeline = LEAT_TRY(read_pipeline(settings.text("pipeline")));
  const std::string& full = settings.text("full_document");
  plan.full_document = full == "as_changed" ? "default"
                       : full == "required" ? "required"
                                            : "updateLookup";
  if (settings.flag("before")) plan.before = "whenAvailable";
  plan.snapshot = settings.flag("snapshot");
  const std::string& lost = settings.text("if_history_lost");
  plan.history_lost = lost == "snapshot" ? HistoryLost::snapshot
                      : lost == "latest" ? HistoryLost::latest
                                         : HistoryLost::stop;
  if (plan.form == RecordForm::document && plan.collection.collection.empty()) {
    return user_error("bad-records",
                      "documents of all collections of {} could not be told apart; name a "
                      "`collection`, or write `records: change`",
                      plan.collection.database);
  }
  if (plan.form == RecordForm::document && plan.full_document == "default") {
    return user_error("bad-records",
                      "`full_document: as_changed` gives no whole document for an update; leave it "
                      "out, or write `records: change`");
  }
  if (plan.form == RecordForm::document && !plan.before.empty()) {
    return user_error("bad-records",
                      "`before` has a place in `records: change` only; write that, "
                      "or leave `before` out");
  }
  return plan;
}

}  // namespace leat::connector::mongodb
