#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/table_input.h"
#include "model/chunk.h"

namespace leat::connector {

/// What became of keys that were looked up. The calls come from within `look_up`.
class Answers {
 public:
  virtual ~Answers() = default;
  /// Rows that were found, with the table's columns; row i is of the key `key_of[i]`. Keys that are
  /// never named have no row.
  virtual Status found(const Chunk& rows, std::span<const std::uint32_t> key_of) = 0;
  /// Rows of this key are there and can't be taken: too many, a value that the column can't hold.
  /// What was or will be `found` of it does not count.
  virtual void refused(std::uint32_t key, const std::string& reason) = 0;
};

/// A table in another system, looked up by key. Each is used by one thread; another one may ask for
/// `stop` at any time, and every call then returns within a second or two, with any error.
///
/// Errors: as a Sink's. Transient ones are an outage, and the call is tried again with growing
/// waits; all others are told and tried again too, but seldom.
class Table {
 public:
  virtual ~Table() = default;
  /// Connects, and compares the columns and the key with what the system has: an error names the
  /// difference. Called before the first `look_up`, and again after each one that failed.
  virtual Status open(std::stop_token stop) = 0;
  /// Looks up each row of `keys` (the key's columns in the pipeline's order, distinct, without
  /// NULL), and returns when the system has answered for all of them. On an error some may have
  /// been answered; all are asked again. Bounded by a timeout of the table's own.
  virtual Status look_up(const Chunk& keys, Answers& answers, std::stop_token stop) = 0;
  /// For `leat check --connect`, as a sink's.
  virtual Result<std::string> probe(std::stop_token stop) = 0;
};

}  // namespace leat::connector
