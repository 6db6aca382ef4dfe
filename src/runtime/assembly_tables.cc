// Tables: those in other systems, indexes of views, and those that are kept.

#include <algorithm>

#include "base/check.h"
#include "model/chunk_copy.h"
#include "operator/view.h"
#include "runtime/assembly.h"

namespace leat::runtime {
namespace {

/// The rows that a table has in the last commit, whatever its file has become.
class CommittedTable final : public connector::ReferenceTable {
 public:
  CommittedTable(std::unique_ptr<op::ViewOperator> view, const state::Timeline& timeline)
      : view_(std::move(view)), timeline_(timeline) {}

  Result<std::string> version() override { return std::string("committed"); }
  Status read(const std::function<Status(Chunk)>& sink) override {
    Status taken;
    LEAT_TRY(view_->scan(*timeline_.take_snapshot(), [&](const Chunk& rows) {
      taken = sink(copy_of(rows));
      return taken.has_value();
    }));
    return taken;
  }

 private:
  const std::unique_ptr<op::ViewOperator> view_;
  const state::Timeline& timeline_;
};

}  // namespace

Status Assembly::make_tables() {
  for (const pipeline::TableNode& node : graph.tables) {
    if (node.kept) continue;
    connector::Context context = options.context;
    context.owner = node.pipeline + "." + node.name;
    LookupTable::Setup setup{
        .input = pipeline::table_input_of(node), .connector = node.connector, .table = {}};
    setup.table =
        LEAT_TRY(connectors.tables.at(node.connector)(setup.input, node.settings, context));
    setup.cache = {.rows_max = node.cache.rows_max,
                   .bytes_max = node.cache.bytes_max,
                   .found_for = std::chrono::milliseconds(node.cache.found_ms),
                   .missing_for = std::chrono::milliseconds(node.cache.missing_ms)};
    if (options.once) setup.waits.patience = once_patience;
    tables[node.name] = std::make_unique<LookupTable>(std::move(setup));
    lookups[node.name] = tables[node.name].get();
  }
  return {};
}

IndexSlot::IndexSlot(const sql::Lookup& lookup) : rows(std::make_unique<ViewIndex>(lookup)) {
  part.name = index_name_of(lookup);
  part.inputs = {lookup.table};
}

/// Streams are made before the views, so that they get what the views are attached to later.
void Assembly::make_indexes() {
  for (const pipeline::StreamNode& node : graph.streams) {
    for (const sql::Lookup& lookup : node.query.lookups) {
      const std::string name = index_name_of(lookup);
      if (!lookup.view || lookups.contains(name)) continue;
      lookups[name] = indexes.emplace_back(lookup).rows.get();
    }
  }
}

/// It goes with the view's own state: of a view that is computed anew it is filled anew.
std::string Assembly::family_name_of(const IndexSlot& index) const {
  const std::string& view = index.part.inputs.front();
  return family_name_of(view) + index.part.name.substr(view.size());
}

Status Assembly::attach_index(IndexSlot& index, const op::Resources& resources) {
  const auto view = find_view(index.part.inputs.front());
  LEAT_CHECK(view.has_value());
  const connector::TableInput& input = index.rows->input();
  auto made =
      LEAT_TRY(op::IndexView::make(family_name_of(index), input.schema, input.key, resources));
  index.rows->attach(*made);
  index.view = views.size();
  ViewSlot slot{.node = views[*view].node, .part = &index.part, .index = index.view};
  slot.is_index = true;
  slot.view = std::move(made);
  slot.feed = std::make_shared<ChangeFeed>(changes_kept_max());
  slot.output.resize(shards);
  slot.level = views[*view].level + 1;
  slot.streams = views[*view].streams;
  views[*view].dependents.push_back({.view = index.view, .input = 0});
  views.push_back(std::move(slot));
  return {};
}

Status Assembly::make_reference_tables() {
  for (const pipeline::TableNode& node : graph.tables) {
    if (!node.kept) continue;
    connector::Context context = options.context;
    context.owner = node.pipeline + "." + node.name;
    ReferenceSlot slot{.node = &node, .view = *find_view(node.name), .loader = {}};
    ReferenceLoader::Setup setup{
        .name = node.name, .connector = node.connector, .schema = node.schema};
    setup.table = LEAT_TRY(connectors.reference_tables.at(node.connector)(
        pipeline::table_input_of(node), node.settings, context));
    if (const auto reload = node.settings.duration_ms("reload"); reload > 0) {
      setup.reload = std::chrono::milliseconds(reload);
    }
    setup.scan = [this, view = slot.view](const std::function<bool(const Chunk&)>& row_sink) {
      return views[view].view->scan(*timeline->take_snapshot(), row_sink);
    };
    slot.loader = std::make_unique<ReferenceLoader>(std::move(setup));
    reference_tables.push_back(std::move(slot));
  }
  return {};
}

/// What is computed beside the rest meets tables as the rest has taken them in, so that what they
/// have become since comes to both alike.
Connectors Assembly::with_committed_tables(const PipelineChange& change) const {
  Connectors of_part = connectors;
  for (auto& [name, make] : of_part.reference_tables) {
    make = [this, &change, original = make](const connector::TableInput& input,
                                            const connector::Settings& settings,
                                            const connector::Context& context)
        -> Result<std::unique_ptr<connector::ReferenceTable>> {
      if (change.is_computed("view/" + input.table)) return original(input, settings, context);
      return committed_table(input.table);
    };
  }
  return of_part;
}

Result<std::unique_ptr<connector::ReferenceTable>> Assembly::committed_table(
    const std::string& table) const {
  const auto node = std::ranges::find(graph.views, table, &pipeline::ViewNode::name);
  LEAT_CHECK(node != graph.views.end());
  const op::Resources resources{
      .store = *store, .timeline = *timeline, .database = *database, .shards = shards};
  LEAT_TRY(store->make_families(std::vector{op::family_of_view(family_name_of(table))}));
  auto view =
      LEAT_TRY(op::make_view(family_name_of(table), node->definition, {node->schema}, resources));
  LEAT_TRY(view->restore());
  return std::make_unique<CommittedTable>(std::move(view), *timeline);
}

}  // namespace leat::runtime
