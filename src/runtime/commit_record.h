#pragma once

#include <map>
#include <string>

#include "base/ids.h"
#include "runtime/definition.h"
#include "runtime/slice_work.h"
#include "runtime/watermark.h"
#include "state/store.h"

namespace leat::runtime {

/// The engine's own part of a commit, beside the views' state: where every input stands and what
/// has been counted. Bytes: docs/formats/commit.md.
struct CommitRecord {
  Epoch epoch;
  Definitions definitions;                  ///< of the pipeline that made it; an older Leat: none
  std::map<std::string, Offset> positions;  ///< by InputPartition::id
  Offset dead_letters;                      ///< end of partition 0
  struct OfStream {
    StreamTally tally;
    Watermark::State watermark;
  };
  std::map<std::string, OfStream> streams;
  struct OfView {
    std::uint64_t changes = 0;
    std::uint64_t late = 0;
    bool operator==(const OfView&) const = default;
  };
  std::map<std::string, OfView> views;
  /// By view or part of one: where its state lies, where that is not in the family of its own name.
  std::map<std::string, std::string> families;
  std::map<std::string, std::string> sinks;  ///< what each sink's prepare gave

  /// Reads the last commit; an all-empty record when there was none.
  static Result<CommitRecord> load(const state::Store& store, const state::Family& family);
};

/// Writes records into batches, leaving out what the last one had already, and the definitions and
/// families, which are written when a pipeline takes over. Positions stay when their inputs are
/// gone: they go on where they were when they are back.
class CommitWriter {
 public:
  CommitWriter(state::Family& family, const CommitRecord& last) : family_(family) {
    remember(last);
  }
  void write(const CommitRecord& record, state::CommitBatch& batch);

 private:
  static std::map<std::string, std::string> encode(const CommitRecord& record);
  void remember(const CommitRecord& record) { last_ = encode(record); }

  state::Family& family_;
  std::map<std::string, std::string> last_;
};

}  // namespace leat::runtime
