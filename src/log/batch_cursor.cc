#include "log/batch_cursor.h"

#include <algorithm>

namespace leat::log {

BatchCursor::BatchCursor(const io::File& file, std::uint64_t position, std::uint64_t end,
                         Offset expected, std::size_t chunk_bytes, std::vector<char>& buffer)
    : file_(file),
      end_(end),
      chunk_bytes_(chunk_bytes),
      buffer_(buffer),
      buffer_position_(position),
      position_(position),
      expected_(expected) {}

BatchCursor::Outcome BatchCursor::bad(const char* cause) {
  cause_ = cause;
  batch_ = {};
  return Outcome::bad;
}

std::string_view BatchCursor::available() const {
  const std::size_t skip = position_ - buffer_position_;
  return {buffer_.data() + skip, buffer_filled_ - skip};
}

Result<bool> BatchCursor::fill(std::size_t bytes) {
  if (available().size() >= bytes) return true;
  if (end_ - position_ < bytes) return false;
  const std::size_t wanted =
      std::min<std::uint64_t>(std::max(bytes, chunk_bytes_), end_ - position_);
  const std::size_t kept = available().size();
  std::copy_n(available().data(), kept, buffer_.data());
  buffer_position_ = position_;
  buffer_filled_ = kept;
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  buffer_filled_ +=
      LEAT_TRY(file_.read_at({buffer_.data() + kept, wanted - kept}, buffer_position_ + kept));
  return buffer_filled_ >= bytes;
}

Result<BatchCursor::Outcome> BatchCursor::next() {
  position_ += batch_.size();
  batch_ = {};
  if (position_ >= end_) return Outcome::end;
  if (!LEAT_TRY(fill(batch_header_bytes))) return bad("it ends inside a batch's header");
  const std::optional<BatchHeader> header = parse_header(available());
  if (!header) return bad("no batch's header");
  if (header->base_offset != expected_) return bad("a batch's offset does not follow the last one");
  if (!LEAT_TRY(fill(header->size))) return bad("it ends inside a batch");
  const std::string_view batch = available().substr(0, header->size);
  if (!checksum_is_right(*header, batch)) return bad("a batch's checksum is wrong");
  header_ = *header;
  batch_ = batch;
  expected_ = header->next_offset();
  return Outcome::batch;
}

}  // namespace leat::log
