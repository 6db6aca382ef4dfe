#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "model/schema.h"
#include "operator/definition.h"
#include "operator/memory_budget.h"
#include "operator/operator.h"
#include "sql/program.h"
#include "state/keyed_shard.h"
#include "state/store.h"
#include "state/timeline.h"

namespace leat::op {

/// What a view works with; all of it outlives the view.
struct Resources {
  state::Store& store;
  state::Timeline& timeline;
  sql::Database& database;
  unsigned workers = 1;  ///< absorb is called with 0 … workers - 1
  unsigned shards = 1;   ///< merge and persist with 0 … shards - 1; a power of two
  /// Hot rows of the view, in bytes, where there is no budget.
  std::size_t memory_max = std::size_t{1} << 30;
  MemoryBudget* budget = nullptr;  ///< of all views

  /// At the moment.
  std::size_t bytes_max_a_shard() const {
    return (budget != nullptr ? budget->share() : memory_max) / shards;
  }

  /// Of a table in the view's family.
  state::TableOptions table_options(state::Family& family, std::string_view prefix,
                                    state::RecordLayout layout = {}) const {
    return {.store = &store,
            .timeline = &timeline,
            .family = &family,
            .prefix = std::string(prefix),
            .layout = std::move(layout)};
  }
};

/// The store's family that holds a view's state: to be dropped when no pipeline names the view any
/// more, or when restore() says `view-changed` and the view is computed anew from its input.
std::string family_of_view(const std::string& name);

/// Each row is held once until its windows close, of however many it is.
bool takes_panes(const AggregateView& view);

/// The operator of this definition; `inputs`: a schema for each of its inputs.
Result<std::unique_ptr<ViewOperator>> make_view(const std::string& name,
                                                const ViewDefinition& definition,
                                                const std::vector<Schema>& inputs,
                                                const Resources& resources);

/// Errors of all: `unsupported-type` (user) for columns that no view can keep, `not-incremental`
/// (user) for functions or options that can't be kept incrementally, `sql-invalid`.
/// `input` is what the chunks that absorb() gets look like.
Result<std::unique_ptr<ViewOperator>> make_latest_view(const std::string& name,
                                                       const LatestView& view, const Schema& input,
                                                       const Resources& resources);
Result<std::unique_ptr<ViewOperator>> make_aggregate_view(const std::string& name,
                                                          const AggregateView& view,
                                                          const Schema& input,
                                                          const Resources& resources);
/// `inputs`: a schema for each of the view's inputs.
Result<std::unique_ptr<ViewOperator>> make_select_view(const std::string& name,
                                                       const SelectView& view,
                                                       const std::vector<Schema>& inputs,
                                                       const Resources& resources);
Result<std::unique_ptr<ViewOperator>> make_join_view(const std::string& name, const JoinView& view,
                                                     const std::vector<Schema>& inputs,
                                                     const Resources& resources);
Result<std::unique_ptr<ViewOperator>> make_keyed_view(const std::string& name,
                                                      const KeyedView& view,
                                                      const std::vector<Schema>& inputs,
                                                      const Resources& resources);

}  // namespace leat::op
