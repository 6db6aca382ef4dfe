#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "log/topics.h"
#include "model/slice.h"

namespace leat::connector::kafka {

/// Name of the header of a batch's last record that says who sent the batch, so that one that is
/// sent again is recognised: docs/formats/kafka_log.md. Leat's own: it is shown to nobody.
inline constexpr std::string_view batch_header = "leat.batch";

struct BatchTag {
  log::Producer producer;
  std::int32_t count = 0;  ///< of the batch's records, which stand one after the other

  std::string text() const;
  static std::optional<BatchTag> parse(std::string_view text);
};

/// The tag among a record's headers; nothing: it has none.
std::optional<BatchTag> tag_of(const Record& record);
/// Takes the tag out of the record's headers, which are the slice's memory.
void remove_tag(Record& record);

}  // namespace leat::connector::kafka
