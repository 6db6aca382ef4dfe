#include "connector/nexmark/nexmark_source.h"

#include "connector/generated_source.h"
#include "connector/nexmark/columns.h"
#include "connector/nexmark/events.h"
#include "connector/random.h"
#include "format/parse_time.h"

namespace leat::connector {
namespace {

/// About the bytes that an event has as JSON: an epoch is to hold as many of them either way.
constexpr std::size_t event_bytes = 300;

bool are_numbers(const Settings& settings) { return settings.text("records") == "columns"; }

Result<NexmarkRecipe> recipe_of(const Settings& settings) {
  const std::string first = settings.text("first_event");
  format::TimePoint time;
  if (format::parse_timestamp(first, time) != format::ParseFault::none) {
    return user_error(
        "bad-setting",
        "nexmark: `first_event`: \"{}\" is no time; write one as 2026-01-31T00:00:00Z", first);
  }
  return NexmarkRecipe{.seed = seed_of(settings.text("seed")),
                       .first_ms = time.seconds * 1000 + time.nanoseconds / 1'000'000,
                       .events_per_second = settings.number("events_per_second")};
}

}  // namespace

Result<std::unique_ptr<ReplayableSource>> make_nexmark_source(const Settings& settings,
                                                              const Context& context) {
  const NexmarkRecipe recipe = LEAT_TRY(recipe_of(settings));
  GeneratedRecords records = generated_records("nexmark", settings);
  if (are_numbers(settings)) {
    records.bytes_meant = event_bytes;
    records.append = [](std::uint64_t number, std::string& text) {
      text += fmt::format_int(number).str();
    };
  } else {
    records.append = [recipe](std::uint64_t number, std::string& text) {
      append_nexmark_event(recipe, number, text);
    };
  }
  return make_generated_source(std::move(records), context.clock);
}

Result<std::unique_ptr<format::Decoder>> make_nexmark_source_decoder(const Settings& settings,
                                                                     format::WantedColumns wanted) {
  if (!are_numbers(settings)) return nullptr;
  return make_nexmark_decoder(LEAT_TRY(recipe_of(settings)), std::move(wanted));
}

}  // namespace leat::connector
