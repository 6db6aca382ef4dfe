// Values as text: what JSON, CSV and a terminal have in common.
#pragma once

#include <string>

#include "model/type.h"
#include "model/vector_access.h"

namespace leat::format {

/// What of a scalar type JSON can't say as it is: it is written in quotes.
bool is_quoted_in_json(duckdb_type id);

/// A scalar that is not NULL and not VARCHAR, without quotes: numbers in full, times as ISO 8601,
/// blobs as base64. `scale` is a decimal's.
void append_scalar(const VectorReader& reader, std::size_t row, unsigned scale, std::string& out);

/// False: NaN or an infinity, which JSON has no number for.
bool is_finite(const VectorReader& reader, std::size_t row);

}  // namespace leat::format
