#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/definition.h"

namespace leat::runtime {

/// What becomes of one part of a pipeline when another file takes over.
struct NodeChange {
  enum class Fate {
    kept,     ///< means what it meant
    changed,  ///< means something else, and has no state that this could make wrong
    rebuilt,  ///< a stream or view whose state is of no use any more
    added,
    removed,
  };
  Fate fate = Fate::kept;
  std::vector<std::string> items;  ///< of its definition that differ
  std::string input;  ///< where no item does: what it reads that is rebuilt or new, "KIND/NAME"
};

const char* word_of(NodeChange::Fate fate);

/// The difference between two pipelines, by "KIND/NAME". A stream or view is kept where its own
/// definition and all that it stands on are; where one is rebuilt, all that stand on it are.
class PipelineChange {
 public:
  /// `replayed`: a view that is rebuilt all the same, from another beginning; empty: none.
  PipelineChange(const Definitions& before, const Definitions& now,
                 const std::string& replayed = "");

  const std::map<std::string, NodeChange>& nodes() const { return nodes_; }
  /// Of a node in either pipeline.
  NodeChange::Fate fate_of(const std::string& node) const { return nodes_.at(node).fate; }
  /// It is to be computed from its topics' first records: rebuilt or added.
  bool is_computed(const std::string& node) const;
  /// The same of the stream or view of this name.
  bool computes_rows_of(const std::string& name) const {
    return is_computed("stream/" + name) || is_computed("view/" + name);
  }
  /// A stream or view is not as it was: its state has to be made or dropped.
  bool touches_state() const;
  /// A stream or view is as it was.
  bool keeps_state() const;

 private:
  void judge(const std::string& node, const Definitions& before, const Definitions& now);

  const std::string replayed_;  // "view/NAME"
  std::map<std::string, NodeChange> nodes_;
};

/// Streams and views have state; other parts of a pipeline have none that is theirs.
bool has_state(const std::string& node);

}  // namespace leat::runtime
