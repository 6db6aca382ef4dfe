// What connectors that read CSV or lines of files say of them alike.
#pragma once

#include <vector>

#include "base/error.h"
#include "connector/framing.h"
#include "connector/spec.h"

namespace leat::connector {

/// The settings `delimiter` and `quote`, of CSV.
std::vector<Setting> csv_settings();

/// What they say. Error `bad-framing` (user).
Result<Framing> read_framing(const Settings& settings, bool is_csv);

}  // namespace leat::connector
