#pragma once

#include <string>
#include <string_view>

namespace leat::connector::postgresql {

/// Appends a number in the binary form of PostgreSQL's numeric, with its length before it.
/// `magnitude` is the number without its sign and point, of whose digits `scale` stand after the
/// point.
void append_numeric(unsigned __int128 magnitude, bool negative, unsigned scale, std::string& out);

/// The same of "-123.45".
void append_numeric(std::string_view text, std::string& out);

}  // namespace leat::connector::postgresql
