#include "connector/nexmark/nexmark_source.h"

#include "connector/generated_source.h"
#include "connector/nexmark/events.h"
#include "connector/random.h"
#include "format/parse_time.h"

namespace leat::connector {

Result<std::unique_ptr<ReplayableSource>> make_nexmark_source(const Settings& settings,
                                                              const Context& context) {
  const std::string first = settings.text("first_event");
  format::TimePoint time;
  if (format::parse_timestamp(first, time) != format::ParseFault::none) {
    return user_error(
        "bad-setting",
        "nexmark: `first_event`: \"{}\" is no time; write one as 2026-01-31T00:00:00Z", first);
  }
  const NexmarkRecipe recipe{.seed = seed_of(settings.text("seed")),
                             .first_ms = time.seconds * 1000 + time.nanoseconds / 1'000'000,
                             .events_per_second = settings.number("events_per_second")};
  GeneratedRecords records = generated_records("nexmark", settings);
  records.append = [recipe](std::uint64_t number, std::string& text) {
    append_nexmark_event(recipe, number, text);
  };
  return make_generated_source(std::move(records), context.clock);
}

}  // namespace leat::connector
