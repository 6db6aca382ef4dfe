// Any bytes as a push: records lie within the body, or the answer is a refusal of the user's.

#include "base/check.h"
#include "server/push_body.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leat;
  using namespace leat::server;
  if (size < 2) return 0;
  constexpr std::size_t decompressed_max = 1 << 20;
  constexpr std::string_view encodings[] = {"", "gzip", "zstd"};
  constexpr std::string_view types[] = {"application/json", "application/x-ndjson"};

  Request request;
  request.target = (data[0] & 1) != 0 ? "/?key=/a/0" : "/";
  request.add_header(Header::content_type, types[(data[0] >> 1) & 1]);
  request.add_header(Header::content_encoding, encodings[data[1] % 3]);
  request.body.assign(reinterpret_cast<const char*>(data) + 2, size - 2);

  PushTopic topic{"t", 3, false};
  PushJob job(Exchange(nullptr, 0, false));
  job.topic = &topic;
  const auto read = read_push(request, decompressed_max, job);
  if (!read) {
    LEAT_CHECK(status_of(read.error().error) >= 400 && status_of(read.error().error) < 500);
    return 0;
  }
  LEAT_CHECK(!job.records.empty() && job.body.size() <= decompressed_max + size);
  const char* const begin = job.body.data();
  for (const auto& record : job.records) {
    LEAT_CHECK(record.value.data() >= begin && !record.value.empty() &&
               record.value.data() + record.value.size() <= begin + job.body.size());
  }
  return 0;
}
