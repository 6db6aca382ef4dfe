#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/chunk.h"
#include "model/schema.h"

namespace leat::sql {

/// Where a program's rows come from: fills one chunk after the other. Lives on the caller's stack
/// during a run.
class ChunkInput {
 public:
  virtual ~ChunkInput() = default;
  /// Fills `out` (empty, laid out as the program's input schema, then row_column and weight_column
  /// where the program was prepared with them) with up to chunk_rows_max rows and sets its size;
  /// size 0 ends the input.
  virtual Status fill(duckdb_data_chunk out) = 0;
  /// The same rows from the beginning, for a query that reads them several times; it must not
  /// outlive this. Null where they can be read once only.
  virtual std::unique_ptr<ChunkInput> again() const { return nullptr; }
};

/// One connection to the engine's DuckDB. Used by one thread at a time; programs prepared in it
/// share that rule.
class Session;

/// The DuckDB that the engine's own queries run in: in memory, one thread, nothing from outside.
/// Thread-safe.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open();
  /// A database that may also read and write the files of this folder, where it spills what does
  /// not fit into its memory.
  static Result<std::unique_ptr<Database>> open_with_files(const std::string& folder,
                                                           std::size_t memory_bytes_max);
  virtual ~Database() = default;
  virtual Result<std::shared_ptr<Session>> connect() = 0;
};

/// A SELECT over `__leat_input()` prepared once and run over and over (16–78 µs of fixed cost a
/// run).
class Program {
 public:
  /// A table's rows beside the input, as `__leat_lookup('relation')`.
  struct LookupInput {
    std::string relation;
    Schema schema;
  };
  struct Input {
    Schema schema;
    bool with_row = false;     ///< the input has row_column after the schema's columns
    bool with_weight = false;  ///< and weight_column after that
    std::vector<LookupInput> lookups = {};
  };
  /// Error: as DuckDB words it (`sql-invalid`, user). The session must outlive nothing: the program
  /// holds it.
  static Result<std::unique_ptr<Program>> prepare(std::shared_ptr<Session> session,
                                                  const std::string& sql, Input input);
  virtual ~Program() = default;

  virtual const Schema& output() const = 0;
  /// Runs over the whole input, handing each result chunk to `sink`. Error `row-failed` (user):
  /// some row made an expression fail (cast, overflow); what was handed out before must be thrown
  /// away by the caller.
  Status run(ChunkInput& input, const std::function<Status(Chunk)>& sink) {
    return run(input, {}, sink);
  }
  /// `lookups`: the rows of each of the input's lookups.
  virtual Status run(ChunkInput& input, std::span<ChunkInput* const> lookups,
                     const std::function<Status(Chunk)>& sink) = 0;
};

/// A ChunkInput over one chunk that exists already: its vectors are referenced, not copied; columns
/// that the chunk has behind those of the program's input are left out. Row numbers and weights are
/// filled in where the program wants them (weights empty: all +1). `begin`/`count` choose a part of
/// the rows.
std::unique_ptr<ChunkInput> input_of(const Chunk& chunk, std::span<const std::int64_t> weights,
                                     bool with_row, bool with_weight, std::size_t begin = 0,
                                     std::size_t count = chunk_rows_max);
/// A ChunkInput over chunks that exist already, one after the other: their rows from `begin` on, at
/// most `count`. row_column counts through all.
std::unique_ptr<ChunkInput> input_of(std::span<const Chunk> chunks, bool with_row = false,
                                     std::size_t begin = 0, std::size_t count = SIZE_MAX);
/// A ChunkInput over some rows of each of several chunks, by reference.
struct ChosenRows {
  const Chunk* chunk;
  std::span<const std::uint32_t> rows;  ///< ascending
  std::int64_t first_number = 0;        ///< what row_column says of the chunk's first row
};
std::unique_ptr<ChunkInput> input_of(std::vector<ChosenRows> rows, bool with_row);
/// 0, 1, … `count` - 1, at most chunk_rows_max of them: rows to choose from.
std::span<const std::uint32_t> row_numbers(std::size_t count);

}  // namespace leat::sql
