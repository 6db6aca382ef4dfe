#include "runtime/changelog_frames.h"

#include <bit>
#include <cstring>

namespace leat::runtime {
namespace {

constexpr std::uint32_t no_group = UINT32_MAX;

}  // namespace

void ChangelogFrame::append(std::uint64_t key_hash, std::int64_t weight, std::string_view row,
                            std::string& out) {
  const auto length = static_cast<std::uint32_t>(value_header_bytes + row.size());
  out.append(reinterpret_cast<const char*>(&key_hash), sizeof key_hash);
  out.append(reinterpret_cast<const char*>(&length), sizeof length);
  out += weight > 0 ? '\x01' : '\xff';
  out.append(8, '\0');
  out += row;
}

void ChangelogFrame::parse(std::string_view encoded, std::vector<ChangelogFrame>& out) {
  out.clear();
  while (!encoded.empty()) {
    ChangelogFrame frame;
    std::uint32_t length = 0;
    std::memcpy(&frame.key_hash, encoded.data(), sizeof frame.key_hash);
    encoded.remove_prefix(sizeof frame.key_hash);
    std::memcpy(&length, encoded.data(), sizeof length);
    encoded.remove_prefix(sizeof length);
    frame.value = encoded.substr(0, length);
    encoded.remove_prefix(length);
    out.push_back(frame);
  }
}

const std::vector<std::uint32_t>& ChangePairing::order(const std::vector<ChangelogFrame>& frames) {
  slots_.assign(std::bit_ceil(2 * frames.size() + 1), {0, no_group});
  begins_.clear();
  groups_.clear();
  for (const ChangelogFrame& frame : frames) {
    const std::uint32_t group = group_of(frame.key_hash) + (frame.taken_back() ? 0 : 1);
    groups_.push_back(group);
    ++begins_[group];
  }
  std::uint32_t begin = 0;
  for (std::uint32_t& count : begins_) {
    const std::uint32_t next = begin + count;
    count = begin;
    begin = next;
  }
  order_.resize(frames.size());
  for (std::uint32_t i = 0; i < frames.size(); ++i) order_[begins_[groups_[i]]++] = i;
  return order_;
}

/// Groups come in pairs: what is taken back of a key, and what is put in.
std::uint32_t ChangePairing::group_of(std::uint64_t key_hash) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = key_hash & mask;
  while (slots_[at].group != no_group && slots_[at].key_hash != key_hash) at = (at + 1) & mask;
  if (slots_[at].group == no_group) {
    slots_[at] = {key_hash, static_cast<std::uint32_t>(begins_.size())};
    begins_.resize(begins_.size() + 2, 0);
  }
  return slots_[at].group;
}

}  // namespace leat::runtime
