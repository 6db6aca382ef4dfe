// What the server's SQLSTATE codes mean for a sink or a source.
#pragma once

#include <string_view>

#include "base/error.h"

namespace leat::connector::postgresql {

/// True: the rows of this statement are what the server does not take (a constraint, a type, a
/// size), so that other rows may pass. An outage or a missing right is none of these.
bool refuses_rows(std::string_view state);

/// True: the statement itself does not fit any more, as the table was changed or dropped since it
/// was looked at.
bool table_has_changed(std::string_view state);

/// True: what was to be made is there already, as another session made it at the same moment.
bool was_made_by_another(std::string_view state);

/// The server's refusal as an Error. `where` names the server, `words` are the server's own. Rows
/// that are refused, and what somebody has to mend, are not retryable; an outage, a lock or a
/// conflict is.
Error server_error(std::string_view state, std::string_view where, std::string_view words);

}  // namespace leat::connector::postgresql
