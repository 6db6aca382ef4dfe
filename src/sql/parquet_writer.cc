#include "sql/parquet_writer.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/column_types.h"
#include "model/vector_access.h"
#include "sql/analyse.h"
#include "sql/engine.h"
#include "sql/parquet_copy.h"
#include "sql/program.h"
#include "sql/query.h"
#include "sql/session.h"

namespace leat::sql {
namespace {

/// Parquet has no such numbers, and DuckDB would make a floating one of them.
Type widest_number() { return Type::decimal(38, 0); }

/// What DuckDB is to write, so that nothing of the value is lost and others can read it.
Type stored_type(const Type& type, bool uuid_as_text) {
  const auto stored = [&](const Type& inner) { return stored_type(inner, uuid_as_text); };
  switch (type.id()) {
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
      return widest_number();
    case DUCKDB_TYPE_INTERVAL:
    case DUCKDB_TYPE_BIT:
    case DUCKDB_TYPE_BIGNUM:
      return Type::of(DUCKDB_TYPE_VARCHAR);
    case DUCKDB_TYPE_UUID:
      return uuid_as_text ? Type::of(DUCKDB_TYPE_VARCHAR) : type;
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
      return Type::list_of(stored(type.element()));
    case DUCKDB_TYPE_MAP:
      return Type::map_of(stored(type.map_key()), stored(type.map_value()));
    case DUCKDB_TYPE_STRUCT: {
      std::vector<Type::Field> fields = type.fields();
      for (Type::Field& field : fields) field.type = stored(field.type);
      return Type::struct_of(std::move(fields));
    }
    default:
      return type;
  }
}

/// Whether the expression is the column of this name and nothing else.
bool is_column(const std::string& expression, const std::string& name) {
  return expression == name || expression == quoted_name(name);
}

/// Whether the column stands in the files' paths and not in the files.
bool is_in_path(const ParquetLayout& layout, const Column& column) {
  return std::ranges::any_of(layout.partitions, [&](const auto& partition) {
    return layout.input.find(partition.first) == layout.input.find(column.name);
  });
}

/// Rows of input as they are gathered: the files' columns, then the partitions'.
std::string gathering(const ParquetLayout& layout) {
  std::vector<std::string> columns;
  if (layout.with_weight) {
    columns.push_back(fmt::format("{} AS {}", weight_column, parquet_weight));
  }
  for (const Column& column : layout.input) {
    if (is_in_path(layout, column)) continue;
    const std::string name = quoted_name(column.name);
    const Type stored = stored_type(column.type, layout.uuid_as_text);
    columns.push_back(stored == column.type
                          ? name
                          : fmt::format("CAST({0} AS {1}) AS {0}", name, stored.to_sql()));
  }
  for (const auto& [name, expression] : layout.partitions) {
    columns.push_back(fmt::format("coalesce(({}\n)::VARCHAR, '{}') AS {}", expression,
                                  parquet_null_partition, quoted_name(name)));
  }
  return fmt::format("SELECT {} FROM {}()", fmt::join(columns, ", "), input_function);
}

}  // namespace

std::string ordering_of(const ParquetLayout& layout) {
  std::vector<std::string> terms;
  for (const ParquetLayout::Order& order : layout.order) {
    terms.push_back(quoted_name(layout.input[order.column].name) +
                    (order.descending ? " DESC" : ""));
  }
  return terms.empty() ? "" : fmt::format(" ORDER BY {}", fmt::join(terms, ", "));
}

namespace {

std::uint64_t bytes_of(const VectorReader& column, std::size_t begin, std::size_t end) {
  const VectorShape& shape = column.shape();
  std::uint64_t bytes = 0;
  switch (shape.kind) {
    case VectorShape::Kind::fixed:
      return (end - begin) * shape.width;
    case VectorShape::Kind::text:
      for (std::size_t row = begin; row < end; ++row) {
        if (column.valid(row)) bytes += column.text(row).size();
      }
      return bytes;
    case VectorShape::Kind::list:
      for (std::size_t row = begin; row < end; ++row) {
        if (!column.valid(row)) continue;
        const duckdb_list_entry list = column.list(row);
        bytes += bytes_of(column.child(), list.offset, list.offset + list.length);
      }
      return bytes;
    case VectorShape::Kind::array:
      return bytes_of(column.child(), begin * shape.array_size, end * shape.array_size);
    case VectorShape::Kind::structure:
      for (std::size_t i = 0; i < shape.children.size(); ++i) {
        bytes += bytes_of(column.child(i), begin, end);
      }
      return bytes;
  }
  return bytes;
}

class SpoolingWriter final : public ParquetWriter {
 public:
  SpoolingWriter(ParquetLayout layout, std::string folder, std::shared_ptr<Session> session)
      : layout_(std::move(layout)),
        folder_(std::move(folder)),
        shapes_(VectorShape::of(types_of(layout_.input))),
        session_(std::move(session)) {}

  /// Begins with no rows.
  Status begin() {
    insert_.reset();
    rows_ = bytes_ = 0;
    const Program::Input input{layout_.input, false, layout_.with_weight};
    const auto select = LEAT_TRY(Program::prepare(session_, gathering(layout_), input));
    LEAT_TRY(execute(session_->connection(), "DROP TABLE IF EXISTS gathered"));
    LEAT_TRY(execute(session_->connection(), fmt::format("CREATE TABLE gathered ({})",
                                                         column_definitions(select->output()))));
    insert_ =
        LEAT_TRY(Program::prepare(session_, "INSERT INTO gathered " + gathering(layout_), input));
    return {};
  }

  Status add(const Chunk& rows, std::span<const std::int64_t> weights, std::size_t begin,
             std::size_t count) override {
    const auto input = input_of(rows, weights, false, layout_.with_weight, begin, count);
    LEAT_TRY(insert_->run(*input, [](Chunk) { return Status(); }));
    rows_ += count;
    for (std::size_t i = 0; i < shapes_.size(); ++i) {
      bytes_ += bytes_of(VectorReader(shapes_[i], rows.vector(i)), begin, begin + count);
    }
    return {};
  }

  std::uint64_t rows() const override { return rows_; }
  std::uint64_t bytes() const override { return bytes_; }

  Result<std::vector<ParquetFile>> write(const std::string& name,
                                         const std::stop_token& stop) override {
    std::string options = parquet_options(layout_.compression);
    std::string target = folder_ + "/" + name;
    if (layout_.partitions.empty()) {
      target += "-0.parquet";
    } else {
      std::vector<std::string> names;
      for (const auto& partition : layout_.partitions) {
        names.push_back(quoted_name(partition.first));
      }
      options += fmt::format(", PARTITION_BY ({}), FILENAME_PATTERN {}", fmt::join(names, ", "),
                             quoted_text(name + "-{i}"));
    }
    const std::stop_callback interrupt(stop, [this] { duckdb_interrupt(session_->connection()); });
    auto files =
        LEAT_TRY(copy_to_parquet(session_->connection(),
                                 fmt::format("COPY (SELECT * FROM gathered{}) TO {} ({})",
                                             ordering_of(layout_), quoted_text(target), options),
                                 target + "/"));
    LEAT_TRY(begin());
    return files;
  }

 private:
  const ParquetLayout layout_;
  const std::string folder_;
  const std::vector<VectorShape> shapes_;
  std::shared_ptr<Session> session_;
  std::unique_ptr<Program> insert_;
  std::uint64_t rows_ = 0, bytes_ = 0;
};

}  // namespace

Status check_parquet_layout(const ParquetLayout& layout) {
  if (layout.with_weight && layout.input.find(parquet_weight)) {
    return user_error("name-clash",
                      "the rows have a column `{0}` already, and `changes: true` adds one; rename "
                      "it (SELECT … AS …)",
                      parquet_weight);
  }
  const auto analyser = LEAT_TRY(Analyser::open());
  std::size_t left = layout.input.size();
  for (const auto& [name, expression] : layout.partitions) {
    const auto type = analyser->row_expression(expression, layout.input);
    if (!type) {
      return user_error("bad-partition", "`partition_by`: {}: {}", name, type.error().message);
    }
    if (type->is_nested() || type->id() == DUCKDB_TYPE_BLOB) {
      return user_error("bad-partition",
                        "`partition_by`: {} is {}, which is no name for a folder; take a part of "
                        "it",
                        name, type->to_sql());
    }
    const bool reserved = name.empty() || name.starts_with("__leat_") || name.contains('/') ||
                          name.contains('=') || name == parquet_weight;
    if (reserved) {
      return user_error("bad-partition",
                        "`partition_by`: \"{}\" can't be a name here; choose another", name);
    }
    const auto column = layout.input.find(name);
    if (!column) continue;
    --left;
    if (!is_column(expression, layout.input[*column].name)) {
      return user_error(
          "name-clash",
          "`partition_by`: there is a column {0} already, and readers would find two; "
          "write {0}: {0}, or choose another name",
          name);
    }
  }
  if (left == 0) {
    return user_error("bad-partition",
                      "`partition_by` names every column, and nothing is left for the files");
  }
  return {};
}

Result<FileTable> table_of(const ParquetLayout& layout) {
  std::vector<Column> columns, stored;
  if (layout.with_weight) {
    columns.push_back({parquet_weight, Type::of(DUCKDB_TYPE_BIGINT)});
    stored = columns;
  }
  for (const Column& column : layout.input) {
    if (is_in_path(layout, column)) continue;
    columns.push_back(column);
    stored.push_back({column.name, stored_type(column.type, layout.uuid_as_text)});
  }
  const auto analyser = LEAT_TRY(Analyser::open());
  for (const auto& [name, expression] : layout.partitions) {
    const auto type = analyser->row_expression(expression, layout.input);
    if (!type) return user_error("bad-partition", "{}: {}", name, type.error().message);
    columns.push_back({name, *type});
    stored.push_back(columns.back());
  }
  return FileTable{
      .schema = Schema(std::move(columns)), .stored = Schema(std::move(stored)), .folder = {}};
}

Result<std::unique_ptr<ParquetWriter>> ParquetWriter::open(ParquetLayout layout,
                                                           const std::string& folder) {
  const auto database = LEAT_TRY(Database::open_with_files(folder, memory_bytes_max));
  auto session = LEAT_TRY(database->connect());
  auto writer = std::make_unique<SpoolingWriter>(std::move(layout), folder, std::move(session));
  LEAT_TRY(writer->begin());
  return writer;
}

}  // namespace leat::sql
