#include "connector/file_sink/single_file.h"

#include <vector>

#include "connector/file_sink/sink_state.h"

namespace leat::connector {
namespace {

constexpr std::size_t copy_bytes = 1 << 20;

/// All of `bytes` or nothing of them, so that a full disk can be tried again.
Status append_whole(io::File& file, std::string_view bytes, std::uint64_t length) {
  Status appended = file.append(bytes);
  if (!appended) LEAT_TRY(file.truncate(length));
  return appended;
}

}  // namespace

SingleFile::SingleFile(io::FileSystem& files, std::string path, RowText text, IfExists if_exists)
    : files_(files), path_(std::move(path)), text_(std::move(text)), if_exists_(if_exists) {
  const std::size_t slash = path_.rfind('/');
  directory_ = slash == std::string::npos ? "." : slash == 0 ? "/" : path_.substr(0, slash);
  name_ = path_.substr(slash == std::string::npos ? 0 : slash + 1);
}

std::string SingleFile::staged_name(std::uint64_t length) const {
  return fmt::format(".{}.staged-{}", name_, length);
}

Status SingleFile::write(std::string_view encoded, std::uint64_t) {
  if (!current_.staged) {
    if (current_.kept.size() + encoded.size() <= inline_bytes_max) {
      current_.kept += encoded;
      return {};
    }
    const std::uint64_t begin = length_ + (prepared_ ? prepared_->size() : 0);
    auto staged = LEAT_TRY(files_.open(beside(staged_name(begin)), io::OpenMode::append));
    LEAT_TRY(staged->truncate(0));
    LEAT_TRY(staged->append(current_.kept));
    current_.staged_bytes = current_.kept.size();
    current_.kept = {};
    current_.staged = std::move(staged);
  }
  LEAT_TRY(append_whole(*current_.staged, encoded, current_.staged_bytes));
  current_.staged_bytes += encoded.size();
  return {};
}

Result<std::string> SingleFile::prepare() {
  if (prepared_) {
    return internal_error("sink-misused", "file sink {}: prepared twice without a commit", path_);
  }
  // The commit that this state goes into forgets the bytes that the one before it held.
  LEAT_TRY(sync_output());
  if (current_.staged) {
    LEAT_TRY(current_.staged->sync());
    LEAT_TRY(files_.sync_directory(directory_));
  }
  prepared_ = std::exchange(current_, Batch{});
  if (prepared_->staged) {
    return encode_sink_state(StagedState{length_, prepared_->staged_bytes});
  }
  return encode_sink_state(InlineState{length_, prepared_->kept});
}

Status SingleFile::committed() {
  if (!prepared_) return {};
  output_dirty_ = output_dirty_ || prepared_->size() > 0;
  if (prepared_->staged) {
    const Status applied = apply_staged(*prepared_->staged, prepared_->staged_bytes);
    if (!applied) {
      LEAT_TRY(output_->truncate(length_));  // for another try, when the disk has room
      return applied;
    }
    applied_staged_ = staged_name(length_);
  } else {
    LEAT_TRY(append_whole(*output_, prepared_->kept, length_));
  }
  length_ += prepared_->size();
  prepared_.reset();
  if (finishing_) LEAT_TRY(sync_output());
  return {};
}

Status SingleFile::apply_staged(const io::File& staged, std::uint64_t bytes) {
  std::vector<char> buffer(copy_bytes);
  for (std::uint64_t done = 0; done < bytes;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(copy_bytes, bytes - done));
    const std::size_t read = LEAT_TRY(staged.read_at(std::span(buffer.data(), wanted), done));
    if (read == 0) {
      return external_error("output-lost",
                            "the staging file of {} ends {} bytes too early: somebody has cut it; "
                            "restore it, or start anew with an empty data directory",
                            path_, bytes - done);
    }
    LEAT_TRY(output_->append({buffer.data(), read}));
    done += read;
  }
  return {};
}

/// Afterwards the output's bytes survive a power loss, and no staging file is needed for them.
Status SingleFile::sync_output() {
  if (output_dirty_) LEAT_TRY(output_->sync());
  output_dirty_ = false;
  if (applied_staged_) LEAT_TRY(files_.remove(beside(*applied_staged_)));
  applied_staged_.reset();
  return {};
}

Status SingleFile::recover(const std::optional<std::string>& prepared) {
  if (!prepared) return begin_fresh();
  const SinkState state = LEAT_TRY(decode_sink_state(*prepared));
  const auto* kept = std::get_if<InlineState>(&state);
  const auto* staged = std::get_if<StagedState>(&state);
  if (!kept && !staged) {
    return user_error("output-lost",
                      "{} was a directory of parts until now and is a single file in the pipeline "
                      "file; give the sink another name, so that it begins anew",
                      path_);
  }
  const std::uint64_t length = kept ? kept->length : staged->length;
  LEAT_TRY(make_output_directory(files_, directory_, true));

  const std::string staging = staged_name(length);
  // A staging file goes only when the output is synced with its bytes: a missing one was applied.
  const bool applied = staged && !LEAT_TRY(files_.exists(beside(staging)));
  const std::uint64_t right = length + (applied ? staged->staged : 0);
  if (right > 0 && !LEAT_TRY(files_.exists(path_))) return lost_output(path_, right);
  output_ = LEAT_TRY(files_.open(path_, io::OpenMode::append));
  LEAT_TRY(files_.sync_directory(directory_));
  const std::uint64_t size = LEAT_TRY(output_->size());
  if (size < right) {
    return user_error("output-lost",
                      "{} holds {} bytes, but {} were committed to it: somebody has cut, moved or "
                      "replaced it; put it back, or give the sink another name, so that it begins "
                      "anew",
                      path_, size, right);
  }
  LEAT_TRY(output_->truncate(right));
  output_dirty_ = true;
  if (kept) {
    LEAT_TRY(output_->append(kept->pending));
    length_ = length + kept->pending.size();
  } else {
    if (!applied) {
      const auto source = LEAT_TRY(files_.open(beside(staging), io::OpenMode::read));
      LEAT_TRY(apply_staged(*source, staged->staged));
      applied_staged_ = staging;
    }
    length_ = length + staged->staged;
  }
  LEAT_TRY(sync_output());
  return remove_staged_files();
}

Status SingleFile::begin_fresh() {
  LEAT_TRY(make_output_directory(files_, directory_, false));
  output_ = LEAT_TRY(files_.open(path_, io::OpenMode::append));
  length_ = LEAT_TRY(output_->size());
  if (length_ > 0 && if_exists_ == IfExists::refuse) {
    return user_error("output-exists",
                      "{} is there already ({} bytes), and this data directory knows nothing of "
                      "it; move it away, name another path, or say `if_exists: append` or "
                      "`replace`",
                      path_, length_);
  }
  if (if_exists_ == IfExists::replace) {
    LEAT_TRY(output_->truncate(0));
    length_ = 0;
  }
  LEAT_TRY(output_->sync());
  LEAT_TRY(files_.sync_directory(directory_));
  LEAT_TRY(remove_staged_files());
  if (length_ == 0) current_.kept = text_.header();
  return {};
}

Status SingleFile::remove_staged_files() {
  const std::string prefix = fmt::format(".{}.staged-", name_);
  for (const std::string& name : LEAT_TRY(files_.list(directory_))) {
    if (name.starts_with(prefix)) LEAT_TRY(files_.remove(beside(name)));
  }
  return {};
}

}  // namespace leat::connector
