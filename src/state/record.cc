#include "state/record.h"

namespace leat::state {

void RecordLayout::serialise(const std::byte* record, std::string& out) const {
  const std::size_t begin = out.size();
  out.append(reinterpret_cast<const char*>(record), size);
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    std::memset(out.data() + begin + blobs[i], 0, sizeof(Blob));
    const std::string_view bytes = blob(record, i)->view();
    const auto length = static_cast<std::uint32_t>(bytes.size());
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
    out.append(bytes);
  }
}

Status RecordLayout::parse(std::string_view stored, std::byte* record) const {
  const auto damaged = [] {
    return external_error("store-damaged",
                          "a stored record has the wrong length; put back a copy of the data "
                          "directory, or move it away to have Leat rebuild it from its topics");
  };
  if (stored.size() < size) return damaged();
  std::memcpy(record, stored.data(), size);
  stored.remove_prefix(size);
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    std::uint32_t length = 0;
    if (stored.size() < sizeof length) return damaged();
    std::memcpy(&length, stored.data(), sizeof length);
    stored.remove_prefix(sizeof length);
    if (stored.size() < length) return damaged();
    Blob& out = *blob(record, i);
    if (length <= Blob::inline_max) {
      out.assign_inline(stored.substr(0, length));
    } else {
      out.assign_block(const_cast<char*>(stored.data()), length);
    }
    stored.remove_prefix(length);
  }
  if (!stored.empty()) return damaged();
  return {};
}

}  // namespace leat::state
