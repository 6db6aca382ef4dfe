#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operator/view.h"

namespace leat::op {

/// The operator of a join whose query has `asof`; errors as of make_join_view().
Result<std::unique_ptr<ViewOperator>> make_asof_view(const std::string& name, const JoinView& view,
                                                     const std::vector<Schema>& inputs,
                                                     const Resources& resources,
                                                     state::Family& family);

}  // namespace leat::op
