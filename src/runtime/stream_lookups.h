#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/chunk.h"
#include "runtime/known_answers.h"
#include "runtime/lookup_source.h"
#include "sql/program.h"
#include "sql/query.h"

namespace leat::runtime {

/// What some chunks of a stream's input are joined with. Rows are counted through all the chunks.
/// Points at what the StreamLookups know: until the next look_up of the same worker.
struct JoinedRows {
  /// By chunk: those of its rows that the SELECT is to see, ascending, from 0 in each.
  std::vector<std::vector<std::uint32_t>> rows;
  /// By lookup: the rows that the keys have, each once. `beside`: a chunk for each of the input's,
  /// with a row for each of its `rows`, as RowQuery::beside wants it.
  std::vector<std::vector<Chunk>> relations;
  bool beside = false;
  struct Refused {
    std::uint32_t row;
    std::string reason;
  };
  std::vector<Refused> refused;  ///< none of `rows`: a table has what can't be taken; by row
};

/// Fetches what a stream's query joins its rows with. Each worker has programs of its own.
class StreamLookups {
 public:
  /// `input`: the stream's. One session a worker.
  static Result<std::unique_ptr<StreamLookups>> make(
      const sql::RowQuery& query, const Schema& input, const LookupSources& sources,
      std::span<const std::shared_ptr<sql::Session>> sessions);

  /// Forgets what was asked, unless the tables have not changed. Between epochs.
  void begin_epoch();

  /// All keys of all chunks are asked at once. Waits for the tables' systems.
  Result<JoinedRows> look_up(unsigned worker, std::span<const Chunk> inputs);

 private:
  /// One table of the query.
  struct OfTable {
    LookupSource* table;
    std::optional<std::uint64_t> version;             ///< of the table, when `known` was asked
    Schema beside;                                    ///< as sql::Lookup::beside_schema has it
    std::vector<std::size_t> places;                  ///< of the table's columns in `beside`
    EncodedRows nulls;                                ///< one row of the table
    std::vector<KnownAnswers> known;                  ///< by worker
    std::vector<std::unique_ptr<sql::Program>> keys;  ///< by worker
  };
  /// Of each row that may go on, which of the known keys it has.
  struct Keys {
    std::vector<std::uint32_t> rows;
    std::vector<std::uint32_t> numbers;
  };

  static Result<Keys> keys_of(OfTable& lookup, unsigned worker, std::span<const Chunk> inputs);
  void take_out_refused(unsigned worker, std::span<Keys> keys, JoinedRows& joined) const;
  static Result<Chunk> lay_beside(const OfTable& lookup, const KnownAnswers& known,
                                  std::span<const std::uint32_t> numbers);
  static Result<std::vector<Chunk>> rows_of(const OfTable& lookup, const KnownAnswers& known,
                                            std::vector<std::uint32_t> numbers);

  std::vector<OfTable> lookups_;
  bool beside_ = false;  // the query can be run over rows that lie beside each other
};

}  // namespace leat::runtime
