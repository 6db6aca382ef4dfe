#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/changes.h"
#include "operator/operator.h"

namespace leat::log {
class PartitionLog;
}

namespace leat::runtime {

/// Why a row is late for a view, in words.
std::string late_reason(const op::LateRow& late, const std::string& view);

/// A row that came too late to a view, or to a step of its query, through another: it was made of
/// records that may be many, so that it stands in its dead letter itself.
struct LateMadeRow {
  const std::string& view;
  const std::string& step;  ///< that was too far, as `leat explain` calls it
  const std::string& from;  ///< the view or step that gave the row
  const op::LateRow& late;
};

/// The dead letters of an epoch's rows of that kind. `add` is called by several workers at once.
class LateRowLetters {
 public:
  /// `changes` has the row, whose columns `schema` says.
  static std::string json(const LateMadeRow& made, const ChangeChunk& changes,
                          const Schema& schema);
  /// In any order: they are written sorted.
  void add(std::string letter) { letters_.push_back(std::move(letter)); }
  /// Appends them, unsynced: the commit makes them durable. None is left.
  Status write(log::PartitionLog& log);

 private:
  std::vector<std::string> letters_;
};

}  // namespace leat::runtime
