#include "connector/object/parquet_plan.h"

#include <algorithm>

#include <fmt/ranges.h>

namespace leat::connector::object {

Result<ParquetPlan> read_parquet_plan(const SinkInput& input, const Settings& settings) {
  ParquetPlan plan;
  plan.sink = input.sink;
  if (plan.sink.starts_with('_')) {
    return user_error("bad-name",
                      "files whose names begin with \"_\" are passed over by Spark and others; "
                      "give the sink {} another name",
                      plan.sink);
  }
  plan.layout.input = input.schema;
  plan.layout.with_weight = input.changes;
  plan.layout.partitions = settings.pairs("partition_by");
  plan.layout.compression = settings.text("compression");
  plan.layout.uuid_as_text = settings.text("uuid") == "text";
  for (const std::string& term : settings.list("sort_by")) {
    const bool descending = term.starts_with('-');
    const std::string name = term.substr(descending ? 1 : 0);
    const auto column = input.schema.find(name);
    const bool in_path = std::ranges::any_of(plan.layout.partitions, [&](const auto& partition) {
      return column && input.schema.find(partition.first) == column;
    });
    if (!column) {
      return user_error("bad-sort", "`sort_by`: there is no column \"{}\"; there are: {}", name,
                        fmt::join(input.schema.names(), ", "));
    }
    if (in_path) {
      return user_error(
          "bad-sort",
          "`sort_by`: {} is the same for all rows of a file, by `partition_by`; leave "
          "it out",
          name);
    }
    plan.layout.order.push_back({*column, descending});
  }
  const Settings& roll = settings.group("roll");
  plan.roll_bytes = static_cast<std::uint64_t>(roll.integer("bytes"));
  plan.roll_rows = static_cast<std::uint64_t>(roll.integer("rows"));
  plan.roll_every_ms = roll.duration_ms("every");
  if (settings.has("compact")) {
    const Settings& compact = settings.group("compact");
    plan.compact = MergePlan{.below_bytes = static_cast<std::uint64_t>(compact.integer("below")),
                             .after_ms = compact.duration_ms("after")};
  }
  LEAT_TRY(sql::check_parquet_layout(plan.layout));
  return plan;
}

}  // namespace leat::connector::object
