#include "connector/sink_input.h"

namespace leat::connector {

Schema record_schema() {
  return Schema({{"key", Type::of(DUCKDB_TYPE_BLOB)},
                 {"value", Type::of(DUCKDB_TYPE_BLOB)},
                 {"timestamp", Type::of(DUCKDB_TYPE_TIMESTAMP_TZ)},
                 {"partition", Type::of(DUCKDB_TYPE_INTEGER)},
                 {"offset", Type::of(DUCKDB_TYPE_BIGINT)},
                 {"headers", Type::of(DUCKDB_TYPE_BLOB)}});
}

}  // namespace leat::connector
