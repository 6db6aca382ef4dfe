#include "sql/aggregate_query.h"
#include "sql/analyse.h"
#include "sql/binding.h"
#include "sql/free_query.h"
#include "sql/planner.h"
#include "sql/row_query.h"

namespace leat::sql {
namespace {

class BindingAnalyser final : public Analyser {
 public:
  explicit BindingAnalyser(std::unique_ptr<Binding> binding) : binding_(std::move(binding)) {}

  Analysed<RowQuery> row_query(std::string_view sql, const std::string& input,
                               const Catalog& catalog) override {
    return analyse_row_query(*binding_, sql, input, catalog);
  }

  Analysed<AggregateQuery> aggregate_query(std::string_view sql, const Catalog& catalog) override {
    return analyse_aggregate_query(*binding_, sql, catalog);
  }

  Analysed<ViewQuery> view_query(std::string_view sql, const std::string& view,
                                 const Catalog& catalog) override {
    return plan_view_query(*binding_, sql, view, catalog);
  }

  Analysed<std::string> predicate(std::string_view expression, const Schema& schema) override {
    return analyse_predicate(*binding_, expression, schema);
  }

  Analysed<Type> row_expression(std::string_view expression, const Schema& schema) override {
    return analyse_row_expression(*binding_, expression, schema);
  }

  Analysed<FreeQuery> free_query(std::string_view sql, const Catalog& catalog) override {
    return analyse_free_query(*binding_, sql, catalog);
  }

 private:
  std::unique_ptr<Binding> binding_;
};

}  // namespace

Result<std::unique_ptr<Analyser>> Analyser::open() {
  return std::make_unique<BindingAnalyser>(LEAT_TRY(Binding::open()));
}

}  // namespace leat::sql
