#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connector/cassandra/lookup_statement.h"
#include "connector/table.h"
#include "model/vector_shape.h"

namespace leat::connector::cql {

/// Asks a table for rows by key, many keys at once. Used by one thread; reused from round to round.
class RowFinder final : private ExecutionHandler {
 public:
  struct Options {
    Consistency consistency = Consistency::local_quorum;
    std::size_t in_flight_max = 256;  ///< keys that are asked at once
  };

  RowFinder(const TableInput& input, LookupStatement statement, Options options);

  /// As Table::look_up.
  Status find(Session& session, const Chunk& keys, Answers& answers);

 private:
  void encode(const Chunk& keys);
  std::optional<Token> token_of_key(std::string_view values);
  bool submit_next(Session& session);
  void take_rows(std::uint32_t key, const Rows& rows);
  bool put_row(const Rows& rows, std::size_t row, std::string& reason);
  void begin_chunk();
  void hand_out();

  void executed(std::uint64_t tag, Rows* rows) override;
  void row_refused(std::uint64_t tag, const std::string& reason) override;
  void failed(std::uint64_t tag, const Error& error) override;

  const TableInput input_;
  const LookupStatement statement_;
  const Options options_;
  const std::vector<VectorShape> shapes_;      ///< of the table's columns
  const std::vector<VectorShape> key_shapes_;  ///< of the key's
  std::vector<std::size_t> columns_;           ///< 0, 1, …

  // Of the round that runs.
  Answers* answers_ = nullptr;
  std::string arena_;
  std::string scratch_;
  std::vector<std::uint32_t> asked_;  ///< keys that can be in the table
  std::vector<Bound> bounds_;         ///< as `asked_`
  std::vector<std::optional<Token>> tokens_;
  std::size_t next_ = 0;
  std::size_t on_their_way_ = 0;
  std::optional<Error> failure_;
  Chunk found_;
  std::vector<VectorWriter> writers_;  ///< of `found_`
  std::vector<std::uint32_t> key_of_;  ///< of its rows
};

}  // namespace leat::connector::cql
