#pragma once

#include <string_view>

#include "model/schema.h"

namespace leat::sql {

/// The time at which a record came, which its topic keeps: a TIMESTAMPTZ column behind those of a
/// stream or of what is decoded of a topic. Only a program whose SQL names it is given it. It is
/// what now() means in a query over streams, so that a replay gives the same rows.
inline constexpr const char* came_column = "__leat_came";

/// Whether a program of this SQL is to be given the column.
inline bool reads_came(std::string_view sql) { return sql.contains(came_column); }
/// The columns of such a program's input: the column is the last one where the SQL reads it.
Schema with_came(const Schema& input, std::string_view sql);
Schema with_came(const Schema& input);

}  // namespace leat::sql
