#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <bson/bson.h>

#include "connector/mongodb/bson_bytes.h"

static_assert(std::endian::native == std::endian::little, "BSON is little-endian");

namespace leat::connector::mongodb {

/// Appends BSON to a buffer, element by element, with no copies of what is nested. Names have no
/// NUL (the caller sees to it). Values of 128 bits are given as BSON wants their bytes.
class BsonWriter {
 public:
  explicit BsonWriter(std::string& out) : out_(&out) {}

  /// A document's beginning; give what it returns to `end`.
  std::size_t begin() {
    const std::size_t start = out_->size();
    out_->append(4, '\0');
    return start;
  }
  std::size_t begin_document(std::string_view name) {
    return begin_nested(BSON_TYPE_DOCUMENT, name);
  }
  std::size_t begin_array(std::string_view name) { return begin_nested(BSON_TYPE_ARRAY, name); }
  void end(std::size_t start) {
    out_->push_back('\0');
    const auto size = static_cast<std::int32_t>(out_->size() - start);
    std::memcpy(out_->data() + start, &size, sizeof(size));
  }

  void null(std::string_view name) { element(BSON_TYPE_NULL, name); }
  void boolean(std::string_view name, bool value) {
    element(BSON_TYPE_BOOL, name);
    out_->push_back(value ? '\1' : '\0');
  }
  void int32(std::string_view name, std::int32_t value) { fixed(BSON_TYPE_INT32, name, value); }
  void int64(std::string_view name, std::int64_t value) { fixed(BSON_TYPE_INT64, name, value); }
  void number(std::string_view name, double value) { fixed(BSON_TYPE_DOUBLE, name, value); }
  /// Milliseconds since 1970.
  void date(std::string_view name, std::int64_t ms) { fixed(BSON_TYPE_DATE_TIME, name, ms); }
  /// A point of the oplog: the `count`-th operation of the second.
  void timestamp(std::string_view name, std::uint32_t seconds, std::uint32_t count) {
    fixed(BSON_TYPE_TIMESTAMP, name, std::uint64_t{seconds} << 32 | count);
  }
  void decimal128(std::string_view name, std::uint64_t low, std::uint64_t high) {
    fixed(BSON_TYPE_DECIMAL128, name, low);
    raw(high);
  }
  void text(std::string_view name, std::string_view value) {
    fixed(BSON_TYPE_UTF8, name, static_cast<std::int32_t>(value.size() + 1));
    out_->append(value);
    out_->push_back('\0');
  }
  void binary(std::string_view name, bson_subtype_t subtype, std::string_view bytes) {
    fixed(BSON_TYPE_BINARY, name, static_cast<std::int32_t>(bytes.size()));
    out_->push_back(static_cast<char>(subtype));
    out_->append(bytes);
  }
  /// A whole document as it stands elsewhere.
  void document(std::string_view name, std::string_view bytes) {
    element(BSON_TYPE_DOCUMENT, name);
    out_->append(bytes);
  }
  /// An element as it stands in another document: type, name and value.
  void element_bytes(std::string_view bytes) { out_->append(bytes); }

  std::string& out() { return *out_; }

 private:
  void element(bson_type_t type, std::string_view name) {
    out_->push_back(static_cast<char>(type));
    out_->append(name);
    out_->push_back('\0');
  }
  std::size_t begin_nested(bson_type_t type, std::string_view name) {
    element(type, name);
    return begin();
  }
  template <class T>
  void raw(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out_->append(bytes, sizeof(T));
  }
  template <class T>
  void fixed(bson_type_t type, std::string_view name, T value) {
    element(type, name);
    raw(value);
  }

  std::string* out_;
};

/// Name of an array's element: "0", "1", … Valid until the next call.
class IndexName {
 public:
  std::string_view of(std::size_t index) {
    const char* text = nullptr;
    const std::size_t size =
        bson_uint32_to_string(static_cast<std::uint32_t>(index), &text, buffer_, sizeof(buffer_));
    return {text, size};
  }

 private:
  char buffer_[16];
};

}  // namespace leat::connector::mongodb
