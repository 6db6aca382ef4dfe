#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "state/store.h"

namespace leat::op {

/// Keys in a view's family (docs/formats/store.md).
inline constexpr std::string_view definition_key = "d";
inline constexpr std::string_view watermark_key = "w";
inline constexpr std::string_view ended_key = "x";
inline constexpr std::string_view row_count_key = "n";
inline constexpr std::string_view expiry_prefix = "e";
inline constexpr std::string_view rows_prefix = "g";
inline constexpr std::string_view details_prefix = "s";
inline constexpr std::string_view panes_prefix = "p";
/// Of a view's table of details with this number: two bytes, so that no table's prefix begins
/// another's.
inline std::string details_prefix_of(std::size_t number) {
  std::string prefix(details_prefix);
  prefix.push_back(static_cast<char>(number >> 8));
  prefix.push_back(static_cast<char>(number & 0xFF));
  return prefix;
}

/// What a view's stored state was made by: state of another query is never taken for this one's.
class DefinitionRecord {
 public:
  DefinitionRecord(std::string view, std::string text)
      : view_(std::move(view)), text_(std::move(text)) {}

  /// Error `view-changed` (user) when the family holds another definition's state.
  Status check(const state::Store& store, const state::Family& family) {
    const std::optional<std::string> found = LEAT_TRY(store.get(family, definition_key));
    written_ = found.has_value();
    if (!found || *found == text_) return {};
    return user_error("view-changed",
                      "view `{}` is defined otherwise than when its stored rows were computed; "
                      "give it another name, or let its state be dropped and computed anew",
                      view_);
  }
  void persist(state::Family& family, state::CommitBatch& batch) {
    if (!written_) batch.put(family, definition_key, text_);
    written_ = true;
  }

 private:
  const std::string view_;
  const std::string text_;
  bool written_ = false;
};

}  // namespace leat::op
