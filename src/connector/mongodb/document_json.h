// Documents as JSON text, as records of a topic.
#pragma once

#include <string>

#include <bson/bson.h>

namespace leat::connector::mongodb {

/// The document as plain JSON: numbers as numbers (decimal128 in full; NaN and infinities as null),
/// dates as ISO 8601 in UTC, object ids as 24 hexadecimal digits, UUIDs as such, other binary as
/// base64, timestamps of the oplog as `{"t": seconds, "i": count}`, regular expressions as
/// `/pattern/options`.
void append_plain_json(const bson_t& document, std::string& out);
/// The value that the iterator stands on, likewise.
void append_plain_json(const bson_iter_t& value, std::string& out);
/// MongoDB's own relaxed extended JSON, which keeps every type.
void append_extended_json(const bson_t& document, std::string& out);

}  // namespace leat::connector::mongodb
