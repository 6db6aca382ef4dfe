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
#include "runtime/passed_columns.h"
#include "sql/program.h"
#include "sql/query.h"

namespace leat::runtime {

/// What some chunks of a stream's input are joined with. Rows are counted through all the chunks.
struct JoinedRows {
  /// Where the query has nothing to compute, its output: each row came from this one. `rows` and
  /// `relations` are empty then. Texts point at the input's, and at what the StreamLookups keep
  /// until the next epoch.
  struct Laid {
    Chunk output;
    std::vector<std::uint32_t> rows;
  };
  std::optional<std::vector<Laid>> laid;

  /// By chunk: those of its rows that the SELECT is to see, ascending, from 0 in each.
  std::vector<std::vector<std::uint32_t>> rows;
  /// By lookup: the rows that the keys have, each once. `beside`: a chunk for each of the input's,
  /// with a row for each of its `rows`, as RowQuery::beside wants it. They point at what the
  /// StreamLookups know: until the next look_up of the same worker.
  std::vector<std::vector<Chunk>> relations;
  bool beside = false;

  struct Refused {
    std::uint32_t row;
    std::string reason;
  };
  /// None of the others: the query fails on them, or a table has what can't be taken.
  std::vector<Refused> refused;
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
  /// What a worker has asked a table for.
  struct Knowledge {
    KnownAnswers answers;
    /// Of this epoch, too, but too large to be added to: rows may point at them.
    std::optional<KnownAnswers> full;

    const LookedUp& operator[](std::uint32_t number) const { return answers[number]; }
  };
  /// One table of the query.
  struct OfTable {
    LookupSource* table;
    std::vector<std::size_t> key;  ///< columns of LookupKeys::parts
    sql::Lookup::Wanted wanted = sql::Lookup::Wanted::either;
    std::optional<std::uint64_t> version;  ///< of the table, when `known` was asked
    Schema beside;                         ///< as sql::Lookup::beside_schema has it
    std::vector<std::size_t> places;       ///< of the table's columns in `beside`
    std::vector<std::size_t> found;        ///< and in `found_`
    EncodedRows nulls;                     ///< one row of the table
    std::vector<Knowledge> known;          ///< by worker

    bool is_shown() const;
    /// The row of a key, one of NULLs where it has none.
    std::string_view row_of(const LookedUp& answer) const {
      return answer.rows.empty() ? nulls[0] : std::string_view(answer.rows.front());
    }
  };
  /// Rows that ask, and by table which of the known keys each has.
  struct Asked {
    std::vector<std::uint32_t> rows;
    std::vector<std::vector<std::uint32_t>> numbers;

    void resize(std::size_t count);
  };

  explicit StreamLookups(const sql::RowQuery& query, const Schema& input);
  Result<Asked> ask(unsigned worker, std::span<const Chunk> inputs, JoinedRows& joined);
  Status ask_by_halves(unsigned worker, std::span<const Chunk> inputs, std::size_t count,
                       Asked& asked, JoinedRows& joined);
  void note_keys(unsigned worker, const Chunk& keys, Asked& asked);
  void take_out_refused(unsigned worker, Asked& asked, JoinedRows& joined) const;
  bool has_one_row_each(unsigned worker, const Asked& asked) const;
  bool goes_on(unsigned worker, const Asked& asked, std::size_t row) const;
  Result<std::vector<JoinedRows::Laid>> lay(unsigned worker, std::span<const Chunk> inputs,
                                            const Asked& asked) const;
  static Result<Chunk> lay_beside(const OfTable& lookup, const Knowledge& known,
                                  std::span<const std::uint32_t> numbers);
  static Result<std::vector<Chunk>> rows_of(const OfTable& lookup, const Knowledge& known,
                                            std::vector<std::uint32_t> numbers);

  std::vector<OfTable> lookups_;
  std::vector<std::unique_ptr<sql::Program>> programs_;  // by worker; none: nothing needs to run
  const PassedColumns keys_;
  const bool beside_;                    // the query can be run over rows beside each other
  std::optional<PassedColumns> output_;  // of a query that has nothing to compute then
  Schema found_;                         // what it takes of the lookups, in the output's order
};

}  // namespace leat::runtime
