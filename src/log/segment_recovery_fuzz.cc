#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/crc32c.h"
#include "io/simulated_file_system.h"
#include "log/topics.h"

namespace {

using namespace leat;

/// Gives each run of bytes that looks like a batch its right checksum, so that the fuzzer gets
/// beyond it.
std::string with_checksums(std::string bytes) {
  for (std::size_t at = 0; at + 61 <= bytes.size();) {
    const auto byte = [&](std::size_t index) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + index]));
    };
    const std::size_t size = 12 + (byte(10) << 8 | byte(11));
    if (size < 61 || at + size > bytes.size()) break;
    const std::uint32_t crc = crc32c(std::string_view(bytes).substr(at + 21, size - 21));
    for (int index = 0; index < 4; ++index) {
      bytes[at + 17 + index] = static_cast<char>(crc >> (24 - 8 * index));
    }
    at += size;
  }
  return bytes;
}

std::size_t read_all(const log::PartitionLog& partition) {
  Slice slice;
  std::size_t count = 0;
  for (Offset next = partition.first_offset();; next = slice.next) {
    if (!partition.read(next, 1000, slice) || slice.records.empty()) return count;
    LEAT_CHECK(slice.next > next);
    count += slice.records.size();
  }
}

}  // namespace

// Any bytes as a partition's only segment: refused, or opened so that appending, reading and
// opening again work.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  io::SimulatedFileSystem files;
  log::TopicsOptions options;
  options.housekeeping = std::chrono::milliseconds(0);
  options.warn = [](const std::string&) {};
  LEAT_CHECK(log::open_embedded_topics(files, "/d", options).value()->open("t", {}));
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (size > 0 && data[0] == 0) bytes = with_checksums(std::move(bytes));
  files.overwrite("/d/t/0/00000000000000000000.log", bytes);
  std::size_t before = 0;
  Offset appended;
  {
    auto topics = log::open_embedded_topics(files, "/d", options);
    if (!topics) return 0;
    log::PartitionLog& partition = (*topics)->find("t")->partition(Partition(0));
    before = read_all(partition);
    const log::NewRecord record{.value = "new"};
    const auto result = partition.append({&record, 1}, std::nullopt);
    LEAT_CHECK(result && partition.sync(result->last));
    appended = result->first;
    Slice slice;
    LEAT_CHECK(partition.read(appended, 1, slice) && slice.records.size() == 1 &&
               slice.records[0].value == "new");
  }
  files.lose_power(size);
  auto topics = log::open_embedded_topics(files, "/d", options);
  LEAT_CHECK(topics);
  const log::PartitionLog& partition = (*topics)->find("t")->partition(Partition(0));
  LEAT_CHECK(partition.next_offset() == appended + 1);
  LEAT_CHECK(read_all(partition) >= before);
  return 0;
}
