#include "connector/kafka/batch_tag.h"

#include <charconv>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "connector/kafka/record_headers.h"

namespace leat::connector::kafka {
namespace {

bool may_have_tag(const Record& record) {
  return record.headers.find(batch_header) != std::string_view::npos;
}

}  // namespace

std::string BatchTag::text() const {
  return fmt::format("{} {} {} {}", producer.id, producer.epoch, producer.sequence, count);
}

std::optional<BatchTag> BatchTag::parse(std::string_view text) {
  std::int64_t numbers[4] = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::int64_t& number : numbers) {
    if (&number != numbers && (at == end || *at++ != ' ')) return std::nullopt;
    const auto [after, error] = std::from_chars(at, end, number);
    if (error != std::errc() || number < 0) return std::nullopt;
    at = after;
  }
  const bool fits = numbers[1] <= INT16_MAX && numbers[2] <= INT32_MAX && numbers[3] <= INT32_MAX;
  if (at != end || !fits || numbers[3] == 0) return std::nullopt;
  return BatchTag{.producer = {.id = numbers[0],
                               .epoch = static_cast<std::int16_t>(numbers[1]),
                               .sequence = static_cast<std::int32_t>(numbers[2])},
                  .count = static_cast<std::int32_t>(numbers[3])};
}

std::optional<BatchTag> tag_of(const Record& record) {
  if (!may_have_tag(record)) return std::nullopt;
  std::vector<RecordHeader> headers;
  if (!parse_headers(record.headers, headers)) return std::nullopt;
  for (const RecordHeader& header : headers) {
    if (header.name == batch_header && header.value) return BatchTag::parse(*header.value);
  }
  return std::nullopt;
}

void remove_tag(Record& record) {
  if (!may_have_tag(record)) return;
  std::vector<RecordHeader> headers;
  if (!parse_headers(record.headers, headers)) return;
  std::erase_if(headers, [](const RecordHeader& header) { return header.name == batch_header; });
  std::string left;
  append_headers(headers, left);
  if (left.size() > record.headers.size()) return;
  std::memcpy(const_cast<char*>(record.headers.data()), left.data(), left.size());
  record.headers = left.empty() ? std::string_view() : record.headers.substr(0, left.size());
}

}  // namespace leat::connector::kafka
