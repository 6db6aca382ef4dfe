#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/context.h"
#include "connector/source.h"
#include "connector/spec.h"

namespace leat::connector {

/// The source `file`: JSON lines or CSV, one file or a glob. A partition is a file, by its path as
/// written; its positions are byte offsets. Errors: `bad-path`, `bad-framing` (user); `discover`
/// also gives `no-such-file`.
Result<std::unique_ptr<ReplayableSource>> make_file_source(const Settings& settings,
                                                           const Context& context);

/// Column names from the first line of the source's first file, for a CSV source with `header`;
/// empty for any other. Error `no-such-file` (user) when there is no file to look at.
Result<std::vector<std::string>> csv_header(const Settings& settings, const Context& context);
/// Whether the source's files begin with such a line.
bool has_csv_header(const Settings& settings);

}  // namespace leat::connector
