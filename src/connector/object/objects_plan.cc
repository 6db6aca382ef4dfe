#include "connector/object/objects_plan.h"

#include "connector/framing_settings.h"

namespace leat::connector::object {
namespace {

/// A file that is being copied into a folder is modified all the while.
constexpr std::int64_t folder_age_min_ms = 5'000;

}  // namespace

Result<ObjectsPlan> read_objects_plan(const Settings& settings, const Context& context) {
  ObjectsPlan plan;
  plan.location = LEAT_TRY(read_location(settings, context));
  const std::string& format = settings.text("format");
  plan.format.kind = format == "csv"       ? ObjectFormat::Kind::csv
                     : format == "parquet" ? ObjectFormat::Kind::parquet
                                           : ObjectFormat::Kind::json;
  const bool is_csv = plan.format.kind == ObjectFormat::Kind::csv;
  plan.format.framing = LEAT_TRY(read_framing(settings, is_csv));
  plan.format.header = is_csv && settings.flag("header");
  plan.match = settings.text("match");
  plan.follow = settings.flag("follow");
  plan.every_ms = settings.duration_ms("every");
  plan.age_min_ms = settings.has("age_min")     ? settings.duration_ms("age_min")
                    : plan.location.is_folder() ? folder_age_min_ms
                                                : 0;
  plan.window_ms = settings.duration_ms("window");
  plan.object_bytes_max = static_cast<std::uint64_t>(settings.integer("object_bytes_max"));
  return plan;
}

}  // namespace leat::connector::object
