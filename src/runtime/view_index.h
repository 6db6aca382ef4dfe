#pragma once

#include <string>

#include "operator/index_view.h"
#include "runtime/lookup_source.h"
#include "sql/query.h"

namespace leat::runtime {

/// What an index of a view is called, as a part of the view that nobody can name.
std::string index_name_of(const sql::Lookup& lookup);

/// A view's rows by some of its columns, as of the newest epoch.
class ViewIndex final : public LookupSource {
 public:
  /// A row of a stream that finds more rows goes to the dead letters.
  static constexpr std::size_t rows_per_key_max = 10'000;

  explicit ViewIndex(const sql::Lookup& lookup);
  /// What the rows are kept by; before the first look_up.
  void attach(op::IndexView& index) { index_ = &index; }

  Result<std::vector<Answer>> look_up(std::span<const std::string_view> keys) override;
  std::optional<std::uint64_t> version() const override;

 private:
  op::IndexView* index_ = nullptr;
};

}  // namespace leat::runtime
