#include <algorithm>

#include "sql/aggregate_query.h"
#include "sql/analyse.h"
#include "sql/binding.h"
#include "sql/free_query.h"
#include "sql/macros.h"
#include "sql/planner.h"
#include "sql/row_expression.h"
#include "sql/row_query.h"
#include "sql/window_function.h"

namespace leat::sql {
namespace {

bool is_window_function(const std::string& name) {
  const auto functions = window_functions();
  return std::ranges::find(functions, lower(name), &WindowFunction::name) != functions.end();
}

class BindingAnalyser final : public Analyser {
 public:
  explicit BindingAnalyser(std::unique_ptr<Binding> binding) : binding_(std::move(binding)) {}

  Analysed<void> add_macro(const std::string& name, std::string_view text) override {
    const auto& names = binding_->functions().names();
    if (std::ranges::find(names, lower(name)) != names.end() || is_window_function(name)) {
      return sql_fault("duplicate-name", 0, "there is a function {}() in SQL: choose another name",
                       name);
    }
    LEAT_TRY_SQL(macros_.add(binding_->parser(), name, text));
    const std::string* scalar = macros_.scalar_text(name);
    return scalar == nullptr ? Analysed<void>() : binding_->check_macro(name, *scalar);
  }

  Analysed<RowQuery> row_query(std::string_view sql, const std::string& input,
                               const Catalog& catalog) override {
    return without_macros(sql, [&](std::string_view plain) {
      return analyse_row_query(*binding_, plain, input, catalog);
    });
  }

  Analysed<AggregateQuery> aggregate_query(std::string_view sql, const Catalog& catalog) override {
    return without_macros(sql, [&](std::string_view plain) {
      return analyse_aggregate_query(*binding_, plain, catalog);
    });
  }

  Analysed<ViewQuery> view_query(std::string_view sql, const std::string& view,
                                 const Catalog& catalog, const ViewQueryOptions& options) override {
    return without_macros(sql, [&](std::string_view plain) {
      return plan_view_query(*binding_, plain, view, catalog, options);
    });
  }

  Analysed<std::string> predicate(std::string_view expression, const Schema& schema) override {
    return of_expression(expression, [&](std::string_view plain) {
      return analyse_predicate(*binding_, plain, schema, Now::refused);
    });
  }

  Analysed<std::string> stream_predicate(std::string_view expression,
                                         const Schema& schema) override {
    return of_expression(expression, [&](std::string_view plain) {
      return analyse_predicate(*binding_, plain, schema, Now::allowed);
    });
  }

  Analysed<Type> row_expression(std::string_view expression, const Schema& schema) override {
    return of_expression(expression, [&](std::string_view plain) {
      return analyse_row_expression(*binding_, plain, schema);
    });
  }

  Analysed<FreeQuery> free_query(std::string_view sql, const Catalog& catalog) override {
    return without_macros(sql, [&](std::string_view plain) {
      auto query = analyse_free_query(*binding_, plain, catalog);
      if (query) query->sql = plain;
      return query;
    });
  }

 private:
  template <class Analyse>
  auto without_macros(std::string_view sql, const Analyse& analyse, std::size_t cut = 0)
      -> decltype(analyse(sql)) {
    const auto written = LEAT_TRY_SQL(macros_.written_out(binding_->parser(), sql));
    if (!written) return analyse(sql.substr(cut));
    auto made = analyse(std::string_view(written->sql).substr(cut));
    if (!made) made.error().position = written->call - cut;
    return made;
  }

  /// An expression is written out in a SELECT around it.
  template <class Analyse>
  auto of_expression(std::string_view expression, const Analyse& analyse)
      -> decltype(analyse(expression)) {
    static constexpr std::string_view select = "SELECT ";
    return without_macros(std::string(select) + std::string(expression), analyse, select.size());
  }

  std::unique_ptr<Binding> binding_;
  Macros macros_;
};

}  // namespace

Result<std::unique_ptr<Analyser>> Analyser::open() {
  return std::make_unique<BindingAnalyser>(LEAT_TRY(Binding::open()));
}

}  // namespace leat::sql
