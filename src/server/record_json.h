#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "model/slice.h"

namespace leat::server {

/// A record as docs/formats/http.md shows it: the value as JSON where it is JSON, else as text,
/// else as base64.
void append_record_json(Partition partition, const Record& record, std::string& out);

std::string base64_of(std::string_view bytes);

}  // namespace leat::server
