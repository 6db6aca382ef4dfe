#include "trial/values.h"

namespace leat::trial {
namespace {

constexpr std::size_t slice_bytes = 1u << 20;

}  // namespace

Result<std::vector<std::string>> values_of(const log::PartitionLog& log) {
  std::vector<std::string> found;
  Slice slice;
  for (Offset at = log.first_offset(); at < log.durable_offset(); at = slice.next) {
    LEAT_TRY(log.read(at, slice_bytes, slice));
    for (const Record& record : slice.records) found.emplace_back(record.value);
  }
  return found;
}

}  // namespace leat::trial
