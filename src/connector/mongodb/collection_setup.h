#pragma once

#include <string>

#include "base/error.h"
#include "connector/mongodb/client.h"
#include "connector/mongodb/sink_plan.h"

namespace leat::connector::mongodb {

/// Makes the sink's collection and its indexes where they are missing and `create` allows it, and
/// checks what is there: a view can't be written to, a time-series collection only as one. An index
/// that differs in nothing but the time to live is changed.
///
/// Errors: those of Client::failed, `mongodb-collection` (user): what is there or missing does not
/// fit; says what to do.
Status set_up_collection(Client& client, const SinkPlan& plan);

/// What there is and what would be made, in a line; changes nothing. The same errors.
Result<std::string> look_at_collection(Client& client, const SinkPlan& plan);

/// Error `mongodb-not-allowed`: the user lacks a right that the sink needs. Servers without sign-in
/// and those that do not tell are passed.
Status check_rights(Client& client, const SinkPlan& plan);

}  // namespace leat::connector::mongodb
