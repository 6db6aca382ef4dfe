#include "runtime/view_index.h"

#include "base/check.h"

namespace leat::runtime {

std::string index_name_of(const sql::Lookup& lookup) {
  std::string name = lookup.table + "#by";
  for (const std::size_t column : lookup.key) name += fmt::format("_{}", column);
  return name;
}

ViewIndex::ViewIndex(const sql::Lookup& lookup)
    : LookupSource({.table = lookup.table,
                    .schema = lookup.schema,
                    .key = lookup.key,
                    .rows_per_key_max = rows_per_key_max}) {}

Result<std::vector<LookupSource::Answer>> ViewIndex::look_up(
    std::span<const std::string_view> keys) {
  LEAT_CHECK(index_ != nullptr);
  std::vector<Answer> answers;
  answers.reserve(keys.size());
  for (const std::string_view key : keys) {
    const auto answer = std::make_shared<LookedUp>();
    if (!LEAT_TRY(index_->find(key, rows_per_key_max, answer->rows))) {
      *answer = {.rows = {},
                 .refusal = fmt::format("it has more than {} rows that match, which are the most "
                                        "that a row is joined with",
                                        rows_per_key_max)};
    }
    answers.push_back(answer);
  }
  return answers;
}

std::optional<std::uint64_t> ViewIndex::version() const {
  LEAT_CHECK(index_ != nullptr);
  return index_->version();
}

}  // namespace leat::runtime
