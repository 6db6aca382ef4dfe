#include "trial/letter_comparison.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "pipeline/diagnostic.h"
#include "trial/pairing.h"

namespace leat::trial {
namespace {

constexpr std::size_t cell_length_max = 120;
/// What is shown of every letter, and what of those that a test says something of.
constexpr std::array<std::string_view, 3> always_shown = {"stage", "stream", "reason"};
constexpr std::array<std::string_view, 8> members = {"stage",       "stream", "view",   "column",
                                                     "expectation", "topic",  "reason", "value"};

/// A member's text; nothing: the letter has none.
std::optional<std::string> member_of(const nlohmann::json& letter, std::string_view name) {
  const auto found = letter.find(name);
  if (found == letter.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

const std::string* find(const std::vector<std::pair<std::string, std::string>>& members_of,
                        std::string_view name) {
  const auto found =
      std::ranges::find(members_of, name, &std::pair<std::string, std::string>::first);
  return found == members_of.end() ? nullptr : &found->second;
}

bool fits(const pipeline::TestLetter& expected, const nlohmann::json& letter) {
  for (const auto& [name, text] : expected.equal) {
    if (member_of(letter, name) != text) return false;
  }
  return std::ranges::all_of(expected.holds, [&](const auto& part) {
    const auto text = member_of(letter, part.first);
    return text && text->contains(part.second);
  });
}

std::optional<std::string> cell_of(const pipeline::TestLetter& expected, std::string_view name) {
  if (const std::string* text = find(expected.equal, name)) return *text;
  if (const std::string* text = find(expected.holds, name)) return "…" + *text + "…";
  return std::nullopt;
}

}  // namespace

std::optional<Difference> compare_letters(const pipeline::TestExpectation& expected,
                                          const std::vector<std::string>& letters) {
  std::vector<nlohmann::json> came;
  for (const std::string& letter : letters) {
    came.push_back(nlohmann::json::parse(letter, nullptr, false));
  }
  const auto pairs =
      pair_up(expected.letters.size(), came.size(),
              [&](std::size_t a, std::size_t b) { return fits(expected.letters[a], came[b]); });
  Difference out;
  for (const std::string_view name : members) {
    const bool named = std::ranges::any_of(
        expected.letters, [&](const auto& letter) { return cell_of(letter, name).has_value(); });
    if (!named && std::ranges::find(always_shown, name) == always_shown.end()) continue;
    out.columns.emplace_back(name);
    out.right_aligned.push_back(false);
  }
  std::vector<bool> taken(came.size(), false);
  std::vector<Difference::Line> missing, surplus;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i]) {
      taken[*pairs[i]] = true;
      continue;
    }
    Difference::Line& line = missing.emplace_back();
    line.expected = true;
    for (const std::string& name : out.columns) {
      line.cells.push_back(cell_of(expected.letters[i], name));
    }
  }
  for (std::size_t i = 0; i < came.size(); ++i) {
    if (taken[i]) continue;
    Difference::Line& line = surplus.emplace_back();
    for (const std::string& name : out.columns) {
      line.cells.emplace_back(
          pipeline::printable(member_of(came[i], name).value_or(""), cell_length_max));
    }
  }
  if (missing.empty() && (surplus.empty() || expected.others)) return std::nullopt;
  out.message = counts_text("dead letter", pairs.size() - missing.size(), missing.size(),
                            expected.others ? 0 : surplus.size());
  add_lines(std::move(missing), std::move(surplus), out);
  return out;
}

std::string letter_text(const std::string& letter) {
  const auto json = nlohmann::json::parse(letter, nullptr, false);
  const auto text = [&](std::string_view name) { return member_of(json, name).value_or(""); };
  std::string column = text("column") + text("expectation") + text("view");
  if (!column.empty()) column = ", " + column;
  // A row that was made of several records came through no one stream.
  const std::string made = json.contains("row") ? json.at("row").dump() : "";
  const std::string stream = made.empty() ? fmt::format("stream {}, ", text("stream")) : "";
  return fmt::format("{}{}{}: {}: {}", stream, text("stage"), column,
                     pipeline::printable(text("reason"), 300),
                     pipeline::printable(made.empty() ? text("value") : made, cell_length_max));
}

}  // namespace leat::trial
