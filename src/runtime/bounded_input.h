#pragma once

#include <memory>

#include "runtime/input.h"

namespace leat::runtime {

/// Another partition between two positions: what lies there is read, as if it were all that is
/// there yet. The rest is never said to be gone or silent, so that event time waits for it.
class BoundedInput final : public InputPartition {
 public:
  /// `begin` counts where it is behind the partition's own beginning.
  BoundedInput(std::unique_ptr<InputPartition> whole, Offset begin, Offset end);

  Status seek(Offset position) override;
  Result<Outcome> read(Slice& slice, std::size_t bytes_max) override;
  bool may_have_data() const override { return position_ < end_ && whole_->may_have_data(); }
  std::uint64_t lag() const override;
  std::optional<connector::PartitionReader::Origin> origin() const override {
    return whole_->origin();
  }
  /// All that is to be read has been.
  bool is_read() const { return position_ >= end_ || ended_; }
  Offset begin() const { return begin_; }
  Offset end() const { return end_; }

 private:
  const std::unique_ptr<InputPartition> whole_;
  Offset begin_;
  const Offset end_;
  bool must_seek_ = false;
};

}  // namespace leat::runtime
