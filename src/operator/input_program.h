#pragma once

#include <cstdint>
#include <vector>

#include "model/changes.h"
#include "operator/program_pool.h"
#include "sql/query.h"

namespace leat::op {

/// What an input's program yielded for a chunk of its rows. Texts point to what the input's do
/// where there is no program; else the rows depend on nobody.
class InputRows {
 public:
  /// `row_place`: the column that says which input row each came from; none: they are numbered
  /// alike.
  InputRows(Chunk rows, std::vector<std::int64_t> weights, std::optional<std::size_t> row_place)
      : rows_(std::move(rows)), weights_(std::move(weights)) {
    if (row_place) {
      input_rows_ =
          static_cast<const std::int64_t*>(duckdb_vector_get_data(rows_.vector(*row_place)));
    }
  }

  /// The columns of the input's schema come first.
  const Chunk& rows() const { return rows_; }
  std::size_t size() const { return rows_.size(); }
  /// One a row; empty: all +1.
  const std::vector<std::int64_t>& weights() const { return weights_; }
  std::uint32_t input_row(std::size_t row) const {
    return static_cast<std::uint32_t>(input_rows_ == nullptr ? static_cast<std::int64_t>(row)
                                                             : input_rows_[row]);
  }

 private:
  Chunk rows_;
  std::vector<std::int64_t> weights_;
  const std::int64_t* input_rows_ = nullptr;  // in rows_
};

/// What is made of each row of one of a view's inputs. Thread-safe.
class InputProgram {
 public:
  /// `input` is what the chunks look like.
  InputProgram(sql::Database& database, const sql::ViewInput& definition, const Schema& input);

  /// Prepares the program once. Error `sql-invalid`.
  Status prepare();

  /// Error `row-failed` (user): a row made the SQL fail; nothing was appended to `results`.
  Status run(const ChangeChunk& changes, std::vector<InputRows>& results);

 private:
  InputRows pass(const ChangeChunk& changes) const;

  const std::size_t columns_;
  const Schema schema_;
  const bool weighted_;
  std::unique_ptr<ProgramPool> program_;  // null: the input's columns are passed as they are
};

/// The programs of all inputs of a view.
class InputPrograms {
 public:
  InputPrograms(sql::Database& database, const std::vector<sql::ViewInput>& definitions,
                const std::vector<Schema>& inputs);
  Status prepare();
  InputProgram& operator[](std::size_t input) const { return *programs_[input]; }

 private:
  std::vector<std::unique_ptr<InputProgram>> programs_;
};

}  // namespace leat::op
