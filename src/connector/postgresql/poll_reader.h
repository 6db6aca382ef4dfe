#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "connector/postgresql/change_records.h"
#include "connector/postgresql/connection.h"
#include "connector/postgresql/record_output.h"
#include "connector/postgresql/source_tables.h"

namespace leat::connector::postgresql {

struct PollPlan {
  std::string column;  ///< rises with each row that is put in or changed
  std::int64_t every_ms = 0;
  std::int64_t delay_ms = 0;  ///< only rows whose column is at least this old
  std::int64_t rows_max = 0;  ///< fetched at once
};

/// Asks for rows behind the last one again and again, until the stop or a failure. The position is
/// the last row's value and primary key, so that equal values are neither lost nor told twice.
Status poll(Connection& session, SourceTable table, const PollPlan& plan, ChangeRecords::Form form,
            RecordOutput& output);

}  // namespace leat::connector::postgresql
