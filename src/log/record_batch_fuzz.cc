#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "log/record_batch.h"

// Any bytes taken for a batch's records, of each compression: refused, or read the same again after
// being written again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leat;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::optional<log::BatchHeader> header = log::parse_header(bytes);
  if (!header) return 0;
  std::vector<char> unpacked;
  const auto unpacked_size = log::unpack_records(*header, bytes, unpacked, 0);
  if (!unpacked_size) return 0;
  std::vector<Record> records;
  if (!log::parse_records(*header, {unpacked.data(), *unpacked_size}, Offset(0), records)) return 0;
  for (const Record& record : records) (void)log::parse_headers(record.headers);
  if (header->timestamp_is_append_time()) return 0;

  std::vector<char> again;
  if (!log::encode_again(*header, records, log::Compression::lz4, again)) return 0;
  const std::string_view batch(again.data(), again.size());
  header = log::parse_header(batch);
  LEAT_CHECK(header && log::checksum_is_right(*header, batch));
  std::vector<char> unpacked_again;
  const auto size_again = log::unpack_records(*header, batch, unpacked_again, 0);
  LEAT_CHECK(size_again);
  std::vector<Record> records_again;
  LEAT_CHECK(
      log::parse_records(*header, {unpacked_again.data(), *size_again}, Offset(0), records_again));
  LEAT_CHECK(records_again.size() == records.size());
  for (std::size_t index = 0; index < records.size(); ++index) {
    const Record& one = records[index];
    const Record& other = records_again[index];
    LEAT_CHECK(one.offset == other.offset && one.timestamp == other.timestamp &&
               one.key == other.key && one.value == other.value && one.headers == other.headers &&
               (one.value.data() == nullptr) == (other.value.data() == nullptr));
  }
  return 0;
}
