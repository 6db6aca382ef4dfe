// Documents as bytes: between libbson's views and ours.
#pragma once

#include <string_view>

#include <bson/bson.h>

namespace leat::connector::mongodb {

/// A document's bytes for libbson. They must outlive it. It stays where it is: a bson_t points into
/// itself.
class BsonView {
 public:
  explicit BsonView(std::string_view document) {
    bson_init_static(&view_, reinterpret_cast<const std::uint8_t*>(document.data()),
                     document.size());
  }
  BsonView(const BsonView&) = delete;
  BsonView& operator=(const BsonView&) = delete;

  const bson_t* get() const { return &view_; }
  operator const bson_t&() const { return view_; }

 private:
  bson_t view_;
};

/// The bytes of a whole document.
inline std::string_view bytes_of(const bson_t& document) {
  return {reinterpret_cast<const char*>(bson_get_data(&document)), document.len};
}

/// The bytes of the document that the iterator stands on; empty: it stands on none.
inline std::string_view nested_bytes(const bson_iter_t& at) {
  if (!BSON_ITER_HOLDS_DOCUMENT(&at)) return {};
  std::uint32_t size = 0;
  const std::uint8_t* data = nullptr;
  bson_iter_document(&at, &size, &data);
  return {reinterpret_cast<const char*>(data), size};
}

/// The bytes of the element of `document` that the iterator stands on: type, name and value. It
/// ends where the next one begins, or the document does.
inline std::string_view element_bytes(const bson_t& document, bson_iter_t at) {
  const std::uint32_t begin = bson_iter_offset(&at);
  const std::uint32_t end = bson_iter_next(&at) ? bson_iter_offset(&at) : document.len - 1;
  return bytes_of(document).substr(begin, end - begin);
}

}  // namespace leat::connector::mongodb
