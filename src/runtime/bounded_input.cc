#include "runtime/bounded_input.h"

#include <algorithm>

namespace leat::runtime {

BoundedInput::BoundedInput(std::unique_ptr<InputPartition> whole, Offset begin, Offset end)
    : InputPartition(whole->topic(), whole->name(), whole->number()),
      whole_(std::move(whole)),
      begin_(std::max(whole_->position(), std::min(begin, end))),
      end_(end) {
  position_ = begin_;
  must_seek_ = begin_ > whole_->position();
}

Status BoundedInput::seek(Offset position) {
  must_seek_ = false;
  LEAT_TRY(whole_->seek(position));
  position_ = whole_->position();
  return {};
}

Result<InputPartition::Outcome> BoundedInput::read(Slice& slice, std::size_t bytes_max) {
  if (must_seek_) LEAT_TRY(seek(begin_));
  const Outcome outcome = LEAT_TRY(whole_->read(slice, bytes_max));
  ended_ = whole_->ended();
  failure_ = whole_->failure();
  missed_ = whole_->missed();
  position_ = std::min(whole_->position(), end_);
  if (outcome != Outcome::records) return outcome;
  const auto is_beyond = [this](const Record& record) { return record.offset >= end_; };
  slice.records.erase(std::ranges::find_if(slice.records, is_beyond), slice.records.end());
  slice.next = std::min(slice.next, end_);
  return slice.records.empty() ? Outcome::nothing : Outcome::records;
}

/// One at least, as there is more behind the end.
std::uint64_t BoundedInput::lag() const {
  if (position_ >= end_) return 1;
  return std::max<std::uint64_t>(
      1, std::min(whole_->lag(), static_cast<std::uint64_t>(end_ - position_)));
}

}  // namespace leat::runtime
