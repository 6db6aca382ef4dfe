#include "runtime/known_answers.h"

namespace leat::runtime {
namespace {

/// A key's and its answer's, but for their texts: roughly.
constexpr std::size_t bytes_a_key = 200;

}  // namespace

std::uint32_t KnownAnswers::number_of(std::string_view key) {
  const auto known = numbers_.find(key);
  if (known != numbers_.end()) return known->second;
  const auto number = static_cast<std::uint32_t>(keys_.size());
  numbers_.emplace(keys_.emplace_back(key), number);
  bytes_ += key.size() + bytes_a_key;
  return number;
}

Status KnownAnswers::ask(LookupSource& table) {
  const std::vector<std::string_view> keys(
      keys_.begin() + static_cast<std::ptrdiff_t>(answers_.size()), keys_.end());
  if (keys.empty()) return {};
  for (LookupSource::Answer& answer : LEAT_TRY(table.look_up(keys))) {
    for (const std::string& row : answer->rows) bytes_ += sizeof(row) + row.capacity();
    refusals_ = refusals_ || !answer->refusal.empty();
    several_ = several_ || answer->rows.size() > 1;
    answers_.push_back(std::move(answer));
  }
  return {};
}

const LookedUp& KnownAnswers::operator[](std::uint32_t number) const {
  static const LookedUp nothing;
  return number == no_key ? nothing : *answers_[number];
}

void KnownAnswers::forget() { *this = {}; }

}  // namespace leat::runtime
