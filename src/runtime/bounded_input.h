#pragma once

#include <memory>

#include "runtime/input.h"

namespace leat::runtime {

/// Another partition up to a position: what lies before it is read, as if it were all that is there
/// yet. The rest is never said to be gone or silent, so that event time waits for it.
class BoundedInput final : public InputPartition {
 public:
  BoundedInput(std::unique_ptr<InputPartition> whole, Offset end);

  Status seek(Offset position) override;
  Result<Outcome> read(Slice& slice, std::size_t bytes_max) override;
  bool may_have_data() const override { return position_ < end_ && whole_->may_have_data(); }
  std::uint64_t lag() const override;
  std::optional<connector::PartitionReader::Origin> origin() const override {
    return whole_->origin();
  }
  /// All that is to be read has been.
  bool is_read() const { return position_ >= end_ || ended_; }
  Offset end() const { return end_; }

 private:
  const std::unique_ptr<InputPartition> whole_;
  const Offset end_;
};

}  // namespace leat::runtime
