#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leat::connector::kafka {

struct RecordHeader {
  std::string_view name;
  std::optional<std::string_view> value;  ///< none: null, which is not the empty text
};

/// Headers as a Kafka record holds them: their number, then for each the name and the value, with
/// lengths as zigzag varints (-1: null). Appends nothing where there are none.
void append_headers(const std::vector<RecordHeader>& headers, std::string& out);
/// The other way; texts point into `encoded`. False: damaged.
bool parse_headers(std::string_view encoded, std::vector<RecordHeader>& out);

}  // namespace leat::connector::kafka
