#include "connector/file_sink/part_directory.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace leat::connector {
namespace {

constexpr std::string_view final_prefix = "part-";
constexpr std::string_view hidden_prefix = ".part-";
constexpr std::string_view hidden_suffix = ".open";
constexpr std::size_t position_digits = 20;

bool is_hidden_part(std::string_view name) {
  return name.starts_with(hidden_prefix) && name.ends_with(hidden_suffix);
}

/// Position in the name of a finished part; nothing for other files.
std::optional<std::uint64_t> position_of(std::string_view name) {
  if (!name.starts_with(final_prefix)) return std::nullopt;
  const std::string_view digits = name.substr(final_prefix.size(), position_digits);
  std::uint64_t position = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), position).ptr;
  if (digits.size() != position_digits || end != digits.data() + digits.size()) return std::nullopt;
  return position;
}

}  // namespace

PartDirectory::PartDirectory(io::FileSystem& files, const Clock& clock, std::string path,
                             RowText text, Roll roll, IfExists if_exists)
    : files_(files),
      clock_(clock),
      path_(std::move(path)),
      text_(std::move(text)),
      roll_(roll),
      if_exists_(if_exists) {}

std::string PartDirectory::final_name(std::uint64_t first_row) const {
  return fmt::format("{}{:020}{}", final_prefix, first_row, text_.extension());
}

std::string PartDirectory::hidden_name(std::uint64_t first_row) const {
  return fmt::format(".{}{}", final_name(first_row), hidden_suffix);
}

bool PartDirectory::old_enough() const {
  return roll_.every_ms > 0 && clock_.now_ms() - part_.opened_ms >= roll_.every_ms;
}

bool PartDirectory::full() const {
  return (roll_.bytes > 0 && part_.length >= roll_.bytes) ||
         (roll_.rows > 0 && part_.rows >= roll_.rows) || old_enough() || finishing_;
}

Status PartDirectory::open_part() {
  auto file = LEAT_TRY(files_.open(inside(hidden_name(part_.first_row)), io::OpenMode::append));
  LEAT_TRY(file->truncate(0));
  const std::string header = text_.header();
  if (!header.empty()) LEAT_TRY(file->append(header));
  file_ = std::move(file);
  part_.length = header.size();
  part_.rows = 0;
  part_.opened_ms = clock_.now_ms();
  created_ = true;
  return {};
}

Status PartDirectory::write(std::string_view encoded, std::uint64_t rows) {
  if (encoded.empty()) return {};
  if (!file_) LEAT_TRY(open_part());
  if (Status appended = file_->append(encoded); !appended) {
    LEAT_TRY(file_->truncate(part_.length));  // for another try, when the disk has room
    return appended;
  }
  part_.length += encoded.size();
  part_.rows += rows;
  dirty_ = true;
  return {};
}

Result<std::string> PartDirectory::prepare() {
  if (sealed_) {
    return internal_error("sink-misused", "file sink {}: prepared twice without a commit", path_);
  }
  if (dirty_) LEAT_TRY(file_->sync());
  dirty_ = false;
  if (created_) LEAT_TRY(files_.sync_directory(path_));
  created_ = false;
  PartState state = part_;
  if (file_ && full()) {
    state.sealed = true;
    sealed_ = part_.first_row;
    // Rows that come from now on belong to the next part.
    file_.reset();
    part_ = PartState{.first_row = state.first_row + state.rows};
  }
  return encode_sink_state(state);
}

Status PartDirectory::committed() {
  if (!sealed_) return {};
  LEAT_TRY(publish(*sealed_));
  sealed_.reset();
  return {};
}

Status PartDirectory::publish(std::uint64_t first_row) {
  LEAT_TRY(files_.rename(inside(hidden_name(first_row)), inside(final_name(first_row))));
  return files_.sync_directory(path_);
}

Status PartDirectory::recover(const std::optional<std::string>& prepared) {
  LEAT_TRY(make_output_directory(files_, path_, prepared.has_value()));
  if (!prepared) {
    LEAT_TRY(begin_fresh());
  } else {
    const SinkState state = LEAT_TRY(decode_sink_state(*prepared));
    const auto* part = std::get_if<PartState>(&state);
    if (!part) {
      return user_error("output-lost",
                        "{} was a single file until now and is a directory in the pipeline file; "
                        "give the sink another name, so that it begins anew",
                        path_);
    }
    LEAT_TRY(part->sealed ? recover_sealed(*part) : recover_open(*part));
  }
  // What is left of rows that were never committed.
  for (const std::string& name : LEAT_TRY(files_.list(path_))) {
    const bool ours = file_ && name == hidden_name(part_.first_row);
    if (is_hidden_part(name) && !ours) LEAT_TRY(files_.remove(inside(name)));
  }
  return files_.sync_directory(path_);
}

Status PartDirectory::begin_fresh() {
  std::string last;
  for (const std::string& name : LEAT_TRY(files_.list(path_))) {
    if (!position_of(name)) continue;
    if (if_exists_ == IfExists::refuse) {
      return user_error("output-exists",
                        "{} holds parts already ({}), and this data directory knows nothing of "
                        "them; move them away, name another path, or say `if_exists: append` or "
                        "`replace`",
                        path_, name);
    }
    if (if_exists_ == IfExists::replace) {
      LEAT_TRY(files_.remove(inside(name)));
    } else {
      last = std::max(last, name);
    }
  }
  if (!last.empty()) part_.first_row = LEAT_TRY(row_after(last));
  return {};
}

/// A position that is beyond all rows of that part: it counts lines, of which every row has one.
Result<std::uint64_t> PartDirectory::row_after(const std::string& name) const {
  const auto file = LEAT_TRY(files_.open(inside(name), io::OpenMode::read));
  std::vector<char> buffer(1 << 20);
  std::uint64_t lines = 1;
  for (std::uint64_t at = 0;;) {
    const std::size_t read = LEAT_TRY(file->read_at(buffer, at));
    if (read == 0) return *position_of(name) + lines;
    lines += static_cast<std::uint64_t>(std::count(buffer.data(), buffer.data() + read, '\n'));
    at += read;
  }
}

Status PartDirectory::recover_sealed(const PartState& part) {
  part_ = PartState{.first_row = part.first_row + part.rows};
  const std::string hidden = inside(hidden_name(part.first_row));
  // Without the hidden file the part got its name before the crash; its reader may even have taken
  // it away since.
  if (!LEAT_TRY(files_.exists(hidden))) return {};
  const auto file = LEAT_TRY(files_.open(hidden, io::OpenMode::append));
  if (const std::uint64_t size = LEAT_TRY(file->size()); size < part.length) {
    return user_error("output-lost", "{} holds {} bytes, but {} were committed to it: put it back",
                      hidden, size, part.length);
  }
  LEAT_TRY(file->truncate(part.length));
  LEAT_TRY(file->sync());
  return publish(part.first_row);
}

Status PartDirectory::recover_open(const PartState& part) {
  part_ = part;
  if (part.length == 0) return {};
  const std::string hidden = inside(hidden_name(part.first_row));
  const bool there = LEAT_TRY(files_.exists(hidden));
  std::unique_ptr<io::File> file;
  std::uint64_t size = 0;
  if (there) {
    file = LEAT_TRY(files_.open(hidden, io::OpenMode::append));
    size = LEAT_TRY(file->size());
  }
  if (!there) return lost_output(hidden, part.length);
  if (size < part.length) {
    return user_error("output-lost",
                      "{} holds {} bytes, but {} were committed to it: somebody has cut it; "
                      "put it back, or give the sink another name, so that it begins anew",
                      hidden, size, part.length);
  }
  LEAT_TRY(file->truncate(part.length));
  LEAT_TRY(file->sync());
  file_ = std::move(file);
  return {};
}

}  // namespace leat::connector
