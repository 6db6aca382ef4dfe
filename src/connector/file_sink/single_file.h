#pragma once

#include <memory>
#include <optional>
#include <string>

#include "connector/file_sink/output_directory.h"
#include "connector/file_sink/row_text.h"
#include "connector/sink.h"
#include "io/file_system.h"

namespace leat::connector {

/// One growing file that only ever holds committed rows. Rows of a commit are kept in the commit
/// itself (up to inline_bytes_max) or in a synced staging file beside the output, and appended to
/// the output once the commit is durable. docs/formats/file_sink.md has the order of the steps.
class SingleFile final : public EpochSink {
 public:
  static constexpr std::size_t inline_bytes_max = 1 << 20;

  SingleFile(io::FileSystem& files, std::string path, RowText text, IfExists if_exists);

  Status encode(const ChangeChunk& changes, std::string& out) const override {
    return text_.append(changes, out);
  }
  Status write(std::string_view encoded, std::uint64_t rows) override;
  Result<std::string> prepare() override;
  Status committed() override;
  Status recover(const std::optional<std::string>& prepared) override;
  void finish() override { finishing_ = true; }

 private:
  /// Rows of one commit. Either all in `kept` or all in the staging file.
  struct Batch {
    std::string kept;
    std::unique_ptr<io::File> staged;
    std::uint64_t staged_bytes = 0;
    std::uint64_t size() const { return staged ? staged_bytes : kept.size(); }
  };

  Status begin_fresh();
  Status apply_staged(const io::File& staged, std::uint64_t bytes);
  Status sync_output();
  Status remove_staged_files();
  /// The staging file of rows that go to this place in the output.
  std::string staged_name(std::uint64_t length) const;
  std::string beside(const std::string& name) const { return directory_ + "/" + name; }

  io::FileSystem& files_;
  const std::string path_;
  std::string directory_;
  std::string name_;
  const RowText text_;
  const IfExists if_exists_;

  std::unique_ptr<io::File> output_;
  std::uint64_t length_ = 0;  ///< committed bytes in the output
  bool output_dirty_ = false;
  bool finishing_ = false;
  Batch current_;                              ///< written since the last prepare
  std::optional<Batch> prepared_;              ///< in a commit that is not known to be durable yet
  std::optional<std::string> applied_staged_;  ///< goes once the output is synced
};

}  // namespace leat::connector
