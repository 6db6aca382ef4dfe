#include "sql/relation_function.h"

#include <numeric>

#include "model/chunk_copy.h"
#include "sql/handles.h"

namespace leat::sql {
namespace {

thread_local UserRun* bound_run = nullptr;

struct Bound {
  UserRun* run;
  const std::string* name;
  const Schema* schema;
};

/// The projected columns of a relation, read as a whole before the query goes on: a snapshot is let
/// go of early, and a slow query keeps no lock of the engine.
struct Buffered {
  std::vector<std::size_t> columns;  ///< of the relation; those that are none of it are left empty
  std::vector<Chunk> chunks;
  std::size_t next = 0;
};

/// Bytes that the rows take, roughly: nested types by their children.
std::size_t bytes_of(duckdb_vector vector, const Type& type, std::size_t rows) {
  switch (type.id()) {
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB: {
      std::size_t bytes = rows * sizeof(duckdb_string_t);
      const auto* texts = static_cast<const duckdb_string_t*>(duckdb_vector_get_data(vector));
      const std::uint64_t* validity = duckdb_vector_get_validity(vector);
      for (std::size_t row = 0; row < rows; ++row) {
        if (is_valid(validity, row)) bytes += text_of(texts[row]).size();
      }
      return bytes;
    }
    case DUCKDB_TYPE_LIST:
      return rows * sizeof(duckdb_list_entry) + bytes_of(duckdb_list_vector_get_child(vector),
                                                         type.element(),
                                                         duckdb_list_vector_get_size(vector));
    case DUCKDB_TYPE_STRUCT: {
      std::size_t bytes = 0;
      for (std::size_t i = 0; i < type.fields().size(); ++i) {
        bytes += bytes_of(duckdb_struct_vector_get_child(vector, i), type.fields()[i].type, rows);
      }
      return bytes;
    }
    default:
      return rows * 16;
  }
}

/// The relation's columns that are wanted, of one chunk, without a copy.
Chunk projected(const Chunk& from, const Schema& schema, const std::vector<std::size_t>& columns) {
  std::vector<Column> wanted;
  for (const std::size_t column : columns) wanted.push_back(schema[column]);
  Chunk out{Schema(std::move(wanted))};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    duckdb_vector_reference_vector(out.vector(i), from.vector(columns[i]));
  }
  out.set_size(from.size());
  return out;
}

class Reading {
 public:
  Reading(const Bound& bound, Buffered& out) : bound_(bound), out_(out) {
    for (const std::size_t column : out.columns) {
      if (column >= bound.schema->size()) continue;
      known_.push_back(column);
      kept_.push_back((*bound.schema)[column]);
    }
    // A chunk needs a column, also when only the rows are counted.
    if (known_.empty() && bound.schema->size() > 0) {
      known_.push_back(0);
      kept_.push_back((*bound.schema)[0]);
    }
  }

  /// False to end the scan.
  bool take(const Chunk& chunk) {
    if (chunk.size() == 0) return true;
    UserRun& run = *bound_.run;
    if (run.guard.expired()) return false;
    const Chunk from = projected(chunk, *bound_.schema, known_);
    for (std::size_t i = 0; i < known_.size(); ++i) {
      run.scan_bytes += bytes_of(from.vector(i), kept_[i].type, from.size());
    }
    if (run.scan_bytes > run.scan_bytes_max) {
      run.failure =
          Error{Domain::user, "query-too-large",
                fmt::format("the query reads more than {} MiB of rows: read fewer columns, "
                            "or a view that has them counted already",
                            run.scan_bytes_max >> 20),
                false};
      return false;
    }
    append(from);
    return true;
  }

 private:
  void append(const Chunk& from) {
    std::vector<std::uint32_t> rows(from.size());
    std::iota(rows.begin(), rows.end(), 0u);
    std::span<const std::uint32_t> left(rows);
    while (!left.empty()) {
      if (out_.chunks.empty() || out_.chunks.back().size() == chunk_rows_max) {
        out_.chunks.emplace_back(Schema(kept_));
      }
      Chunk& to = out_.chunks.back();
      const std::size_t count = std::min(left.size(), chunk_rows_max - to.size());
      append_rows(from, left.first(count), to);
      left = left.subspan(count);
    }
  }

  const Bound& bound_;
  Buffered& out_;
  std::vector<std::size_t> known_;
  std::vector<Column> kept_;
};

void bind(duckdb_bind_info info) {
  const auto& relations =
      *static_cast<const std::map<std::string, Schema>*>(duckdb_bind_get_extra_info(info));
  duckdb_value parameter = duckdb_bind_get_parameter(info, 0);
  char* text = duckdb_get_varchar(parameter);
  const auto found = relations.find(text);
  duckdb_free(text);
  duckdb_destroy_value(&parameter);
  if (found == relations.end()) {
    duckdb_bind_set_error(info, "no such relation");
    return;
  }
  for (const Column& column : found->second) {
    const LogicalType type = column.type.logical();
    duckdb_bind_add_result_column(info, column.name.c_str(), type.get());
  }
  duckdb_bind_set_bind_data(info, new Bound{bound_run, &found->first, &found->second},
                            [](void* bound) { delete static_cast<Bound*>(bound); });
}

void init(duckdb_init_info info) {
  const auto& bound = *static_cast<const Bound*>(duckdb_init_get_bind_data(info));
  auto buffered = std::make_unique<Buffered>();
  for (idx_t i = 0; i < duckdb_init_get_column_count(info); ++i) {
    buffered->columns.push_back(duckdb_init_get_column_index(info, i));
  }
  duckdb_init_set_max_threads(info, 1);
  if (bound.run == nullptr) {
    duckdb_init_set_error(info, "relations can be read by a query only");
    return;
  }
  {
    UserRun& run = *bound.run;
    const std::lock_guard lock(run.mutex);
    Reading reading(bound, *buffered);
    Status scanned =
        run.scanner.scan(*bound.name, [&](const Chunk& chunk) { return reading.take(chunk); });
    if (!scanned && !run.failure) run.failure = std::move(scanned).error();
    if (run.failure) {
      duckdb_init_set_error(info, run.failure->message.c_str());
      return;
    }
  }
  duckdb_init_set_init_data(info, buffered.release(),
                            [](void* data) { delete static_cast<Buffered*>(data); });
}

void scan(duckdb_function_info info, duckdb_data_chunk out) {
  auto& buffered = *static_cast<Buffered*>(duckdb_function_get_init_data(info));
  if (buffered.next == buffered.chunks.size()) {
    duckdb_data_chunk_set_size(out, 0);
    return;
  }
  const auto& bound = *static_cast<const Bound*>(duckdb_function_get_bind_data(info));
  const Chunk& chunk = buffered.chunks[buffered.next++];
  std::size_t kept = 0;
  for (std::size_t i = 0; i < buffered.columns.size(); ++i) {
    if (buffered.columns[i] >= bound.schema->size()) continue;
    duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(out, i), chunk.vector(kept++));
  }
  duckdb_data_chunk_set_size(out, chunk.size());
}

}  // namespace

Status register_relation_function(duckdb_connection connection,
                                  const std::map<std::string, Schema>& relations) {
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, relation_function);
  const LogicalType text(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
  duckdb_table_function_add_parameter(function, text.get());
  duckdb_table_function_set_extra_info(
      function, const_cast<std::map<std::string, Schema>*>(&relations), nullptr);
  duckdb_table_function_set_bind(function, bind);
  duckdb_table_function_set_init(function, init);
  duckdb_table_function_set_function(function, scan);
  duckdb_table_function_supports_projection_pushdown(function, true);
  const duckdb_state state = duckdb_register_table_function(connection, function);
  duckdb_destroy_table_function(&function);
  if (state != DuckDBSuccess) {
    return internal_error("sql-engine", "DuckDB refused the table function {}", relation_function);
  }
  return {};
}

UserRunScope::UserRunScope(UserRun& run) { bound_run = &run; }
UserRunScope::~UserRunScope() { bound_run = nullptr; }

}  // namespace leat::sql
