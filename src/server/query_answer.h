#pragma once

#include <string>

#include "server/answer_writer.h"
#include "server/services.h"

namespace leat::server {

/// Runs a query in the work pool and answers with its rows.
void answer_query(Services& services, std::string sql, std::size_t rows_max, AnswerFormat format,
                  Exchange exchange);

}  // namespace leat::server
