#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "model/changes.h"

namespace leat::connector {

/// A sink on our own disk: it takes part in the epoch's commit, so that its rows are exactly the
/// committed ones.
///
/// Per epoch: `encode` on any worker thread, `write` in input order by the engine's thread. Per
/// commit: `prepare` makes all that was written so far durable and returns what recovery needs,
/// which is stored in the same atomic commit as the input positions; once that commit is durable,
/// `committed` makes the rows visible.
class EpochSink {
 public:
  virtual ~EpochSink() = default;
  /// Bytes of these rows as the sink's format has them, appended to `out`. Const: called from
  /// several threads at once.
  virtual Status encode(const ChangeChunk& changes, std::string& out) const = 0;
  virtual Status write(std::string_view encoded, std::uint64_t rows) = 0;
  virtual Result<std::string> prepare() = 0;
  virtual Status committed() = 0;
  /// Before the first write after a start: goes back to what the last commit's `prepare` returned;
  /// nothing: a first start.
  virtual Status recover(const std::optional<std::string>& prepared) = 0;
  /// The pipeline ended (`--once`): the next prepare/committed makes everything visible, however
  /// little.
  virtual void finish() = 0;
  /// True when a commit would make rows visible that nothing but the lapse of time keeps back: an
  /// idle engine asks about once a second, and commits then. Called by the thread that writes.
  virtual bool wants_commit() const { return false; }
};

}  // namespace leat::connector
