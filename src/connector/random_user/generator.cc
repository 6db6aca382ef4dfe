#include "connector/random_user/generator.h"

#include "connector/generated_source.h"
#include "connector/random.h"
#include "connector/random_user/nationality.h"
#include "connector/random_user/users.h"

namespace leat::connector {

Result<std::unique_ptr<ReplayableSource>> make_random_user_source(const Settings& settings,
                                                                  const Context& context) {
  UserRecipe recipe;
  recipe.seed = seed_of(settings.text("seed"));
  for (const std::string& code : settings.list("nationalities")) {
    const auto found = find_nationality(code);
    if (!found) {
      return user_error("unknown-nationality",
                        "random_user: there is no nationality \"{}\"; take two-letter codes such "
                        "as US, GB, DE, IR or UA, or leave the setting out for all",
                        code);
    }
    recipe.nationalities.push_back(*found);
  }
  GeneratedRecords records = generated_records("random_user", settings);
  records.append = [recipe = std::move(recipe)](std::uint64_t number, std::string& text) {
    append_user(recipe, number, text);
  };
  return make_generated_source(std::move(records), context.clock);
}

}  // namespace leat::connector
