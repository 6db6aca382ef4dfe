#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "connector/file_sink/output_directory.h"
#include "connector/file_sink/row_text.h"
#include "connector/file_sink/sink_state.h"
#include "connector/sink.h"
#include "io/file_system.h"

namespace leat::connector {

/// When a part is finished: at the first commit that reaches one of these.
struct Roll {
  std::uint64_t bytes = 0;    ///< 0: any size
  std::int64_t every_ms = 0;  ///< 0: any age
  std::uint64_t rows = 0;     ///< 0: any number
};

/// A directory of parts that are never changed once they are visible. The open part is a hidden
/// file; the commit that finishes it is followed by a rename to its final name.
class PartDirectory final : public EpochSink {
 public:
  /// `path` without a slash at its end.
  PartDirectory(io::FileSystem& files, const Clock& clock, std::string path, RowText text,
                Roll roll, IfExists if_exists);

  Status encode(const ChangeChunk& changes, std::string& out) const override {
    return text_.append(changes, out);
  }
  Status write(std::string_view encoded, std::uint64_t rows) override;
  Result<std::string> prepare() override;
  Status committed() override;
  Status recover(const std::optional<std::string>& prepared) override;
  void finish() override { finishing_ = true; }
  bool wants_commit() const override { return file_ && old_enough(); }

 private:
  Status begin_fresh();
  Result<std::uint64_t> row_after(const std::string& name) const;
  Status open_part();
  Status publish(std::uint64_t first_row);
  Status recover_sealed(const PartState& part);
  Status recover_open(const PartState& part);
  bool old_enough() const;
  bool full() const;
  std::string final_name(std::uint64_t first_row) const;
  std::string hidden_name(std::uint64_t first_row) const;
  std::string inside(const std::string& name) const { return path_ + "/" + name; }

  io::FileSystem& files_;
  const Clock& clock_;
  const std::string path_;
  const RowText text_;
  const Roll roll_;
  const IfExists if_exists_;

  std::unique_ptr<io::File> file_;  ///< the open part; none: the next row begins one
  PartState part_;                  ///< of the open part, or where the next one begins
  bool dirty_ = false;              ///< written since the last sync
  bool created_ = false;            ///< since the directory was synced
  bool finishing_ = false;
  std::optional<std::uint64_t> sealed_;  ///< first row of the part that the running commit finishes
};

}  // namespace leat::connector
