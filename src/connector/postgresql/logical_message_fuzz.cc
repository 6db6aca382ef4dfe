#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "connector/postgresql/json_values.h"
#include "connector/postgresql/logical_message.h"

/// Whatever arrives is a message or an error; every value points into the bytes, and can be told as
/// JSON whatever type it claims to be of.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leat::connector::postgresql;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = parse_message(bytes);
  if (!message) return 0;
  const auto* change = std::get_if<ChangeMessage>(&*message);
  if (change == nullptr) return 0;
  for (const TupleValue& value : change->row) {
    if (value.kind != TupleValue::Kind::text) continue;
    LEAT_CHECK(value.text.empty() ||
               (value.text.data() >= bytes.data() &&
                value.text.data() + value.text.size() <= bytes.data() + bytes.size()));
    for (const std::uint32_t type : {16U, 17U, 23U, 1700U, 1114U, 1184U, 3802U, 1007U, 1009U}) {
      std::string out;
      append_json_value(type, value.text, out);
      LEAT_CHECK(!out.empty());
    }
  }
  return 0;
}
