#include "operator/join_side.h"

namespace leat::op {
namespace {

std::int64_t bucket_in(std::string_view key) {
  std::uint64_t bits;
  std::memcpy(&bits, key.data() + key.size() - sizeof bits, sizeof bits);
  return static_cast<std::int64_t>(__builtin_bswap64(bits));
}

}  // namespace

void JoinSide::clear_keys() {
  key_bytes_.clear();
  key_ends_.clear();
  keys_.clear();
}

void JoinSide::append_key(std::string_view key, std::int64_t bucket) {
  const std::uint64_t bits = __builtin_bswap64(static_cast<std::uint64_t>(bucket));
  key_bytes_.append(key);
  key_bytes_.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  key_ends_.push_back(key_bytes_.size());
}

void JoinSide::make_keys() {
  std::size_t begin = 0;
  for (const std::size_t end : key_ends_) {
    keys_.emplace_back(key_bytes_.data() + begin, end - begin);
    begin = end;
  }
}

Status JoinSide::find_matches(const KeyedWork& work, std::span<const std::uint32_t> rows) {
  ends_.clear();
  ranges_.clear();
  clear_keys();
  for (const std::uint32_t row : rows) {
    if (time_ == nullptr) {
      keys_.push_back(work.keys[row]);
      ends_.push_back(keys_.size());
      continue;
    }
    ranges_.push_back(time_->matches_of(!is_left_, work.times[row]));
    const std::int64_t last = time_->bucket_of(ranges_.back().last);
    for (std::int64_t bucket = time_->bucket_of(ranges_.back().first); bucket <= last; ++bucket) {
      append_key(work.keys[row], bucket);
    }
    ends_.push_back(key_ends_.size());
  }
  if (time_ != nullptr) make_keys();
  return pages_.find(keys_, groups_);
}

Status JoinSide::add(const KeyedWork& work, std::span<const std::uint32_t> rows,
                     std::span<const std::int64_t> counts) {
  clear_keys();
  for (const std::uint32_t row : rows) {
    if (time_ == nullptr) {
      keys_.push_back(work.keys[row]);
    } else {
      append_key(work.keys[row], time_->bucket_of(work.times[row]));
    }
  }
  if (time_ != nullptr) make_keys();
  LEAT_TRY(pages_.find_or_create(keys_, added_));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint32_t row = rows[i];
    const std::int64_t count = counts.empty() ? 0 : counts[i];
    if (time_ == nullptr) {
      LEAT_TRY(pages_.add(added_[i], work.rows[row], work.weight(row), count));
      if (window_ != nullptr) watch(added_[i]);
      continue;
    }
    row_.assign(reinterpret_cast<const char*>(&work.times[row]), sizeof(EventTimeUs));
    row_.append(work.rows[row]);
    LEAT_TRY(pages_.add(added_[i], row_, work.weight(row), count));
    watch(added_[i]);
  }
  return {};
}

/// Notes when a group is to be forgotten.
void JoinSide::watch(RowPages::Group group) {
  if (group->has(state::Entry::pinned)) return;
  pages_.pin(group);
  index(group);
}

void JoinSide::index(RowPages::Group group) {
  if (time_ == nullptr) {
    buckets_.add(window_end_of(pages_.key_of(group), window_->width_us), group);
    return;
  }
  buckets_.add(time_->end_of_bucket(bucket_in(pages_.key_of(group))), group);
}

Status JoinSide::forget(RowPages::Group group) {
  LEAT_TRY(pages_.drop(group));
  pages_.unpin(group);
  return {};
}

}  // namespace leat::op
