#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operator/view.h"

namespace leat::op {

/// The operator of a keyed query that has `frames`; errors as of make_keyed_view().
Result<std::unique_ptr<ViewOperator>> make_framed_view(const std::string& name,
                                                       const KeyedView& view,
                                                       const std::vector<Schema>& inputs,
                                                       const Resources& resources,
                                                       state::Family& family);

}  // namespace leat::op
