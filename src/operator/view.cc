#include "operator/view.h"

#include "base/check.h"

namespace leat::op {
namespace {

struct Maker {
  const std::string& name;
  const std::vector<Schema>& inputs;
  const Resources& resources;

  const Schema& only_input() const {
    LEAT_CHECK(inputs.size() == 1);
    return inputs.front();
  }
  auto operator()(const LatestView& view) const {
    return make_latest_view(name, view, only_input(), resources);
  }
  auto operator()(const AggregateView& view) const {
    return make_aggregate_view(name, view, only_input(), resources);
  }
  auto operator()(const SelectView& view) const {
    return make_select_view(name, view, inputs, resources);
  }
  auto operator()(const JoinView& view) const {
    return make_join_view(name, view, inputs, resources);
  }
  auto operator()(const KeyedView& view) const {
    return make_keyed_view(name, view, inputs, resources);
  }
};

}  // namespace

Result<std::unique_ptr<ViewOperator>> make_view(const std::string& name,
                                                const ViewDefinition& definition,
                                                const std::vector<Schema>& inputs,
                                                const Resources& resources) {
  return std::visit(Maker{name, inputs, resources}, definition);
}

}  // namespace leat::op
