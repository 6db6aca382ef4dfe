#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connector/table_input.h"
#include "model/row_codec.h"
#include "runtime/lookup_cache.h"

namespace leat::runtime {

/// What streams look rows up in by key: a table in another system, or a view. Thread-safe.
class LookupSource {
 public:
  using Answer = std::shared_ptr<const LookedUp>;

  explicit LookupSource(connector::TableInput input);
  virtual ~LookupSource() = default;

  /// What it has for each of these keys, which are distinct and as `key_codec` has them. Errors:
  /// `stopping`, `table-failed`, those of the store.
  virtual Result<std::vector<Answer>> look_up(std::span<const std::string_view> keys) = 0;

  /// Answers stay right for as long as this is the same; nothing: nobody knows how long. Between
  /// epochs.
  virtual std::optional<std::uint64_t> version() const { return std::nullopt; }

  const connector::TableInput& input() const { return input_; }
  const KeyCodec& key_codec() const { return key_codec_; }
  const RowCodec& row_codec() const { return row_codec_; }

 private:
  const connector::TableInput input_;
  const KeyCodec key_codec_;
  const RowCodec row_codec_;
};

/// By name: of a table its own, of a view's rows by some columns that of their index.
using LookupSources = std::map<std::string, LookupSource*>;

}  // namespace leat::runtime
