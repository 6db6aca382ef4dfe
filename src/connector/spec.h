#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "connector/sink_input.h"

namespace leat::connector {

class Settings;

/// What a setting's value looks like in a pipeline file.
enum class Kind {
  text,
  integer,
  number,
  boolean,
  duration,  ///< "250ms", "1s", "5m", "1h", "7d"; held as milliseconds
  bytes,     ///< "64KiB", "10MB", 1048576; held as bytes
  url,
  path,
  json_pointer,  ///< RFC 6901; "" is the whole document
  enumeration,   ///< one of `choices`
  text_list,
  text_map,     ///< a mapping of text to text, as HTTP headers
  ordered_map,  ///< the same where the order counts; held as TextPairs
  group,        ///< a mapping with the settings in `fields`
};

using TextPairs = std::vector<std::pair<std::string, std::string>>;

/// One setting of a connector or format: its one description feeds parsing, `leat check`, the
/// reference and the JSON Schema.
struct Setting {
  std::string name;
  Kind kind = Kind::text;
  std::string doc = {};  ///< one or two sentences; units and what happens when it is left out
  bool required = false;
  bool secret = false;                    ///< value is never printed
  std::string default_value = {};         ///< as text, parsed like the user's; empty: none
  std::vector<std::string> choices = {};  ///< of an enumeration
  std::optional<double> min = {}, max = {};
  std::vector<Setting> fields = {};  ///< of a group
};

enum class Role { source, sink, table, log, format };

/// What a pipeline file may say of one connector.
struct Spec {
  std::string name;  ///< the key in the file: `http`, `file`, `random_user`
  Role role = Role::source;
  std::string summary;  ///< one line
  std::string doc;      ///< paragraphs in Markdown: behaviour, delivery, limits
  std::vector<Setting> settings;
  std::string example;   ///< YAML of this entry, valid: a test checks it
  std::string delivery;  ///< of a sink: what happens to rows after a crash
  /// Of a sink: it can't take a row back. A view whose rows change needs `changes: true` then; a
  /// stream, or a view that emits `on_close`, only ever adds rows and needs nothing.
  bool rows_only_added = false;
  /// Of a sink: it finds the row that is taken back without a key.
  bool needs_no_key = false;
  /// Of a table: it is read as a whole and kept, so that views can join it, too.
  bool kept = false;
  /// Of a sink: it takes a topic's records as they are, too.
  bool takes_topics = false;
  /// Of a sink: the settings that together name what is written to, without the server's address: a
  /// table, a topic. A view is written as a whole where they have changed.
  std::vector<std::string> target = {};
  /// Of a sink: what only the input's columns and the settings together show (a key column that
  /// does not exist, a type that can't be written). The message says cause and remedy; the place is
  /// added. Connects to nothing. May be empty.
  std::function<Status(const SinkInput&, const Settings&)> check_input = {};
};

/// Values as checked against a Spec: every setting with a value or default is there, of the kind
/// that the Spec says.
class Settings {
 public:
  using Value = std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>,
                             std::map<std::string, std::string>, TextPairs, Settings>;

  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  void set(std::string name, Value value) {
    values_.insert_or_assign(std::move(name), std::move(value));
  }

  /// The value of a setting that the Spec gives this kind; the default-constructed one where it has
  /// no value.
  template <class T>
  const T& get(std::string_view name) const {
    static const T none{};
    const auto found = values_.find(name);
    return found == values_.end() ? none : std::get<T>(found->second);
  }
  const std::string& text(std::string_view name) const { return get<std::string>(name); }
  std::int64_t integer(std::string_view name) const { return get<std::int64_t>(name); }
  double number(std::string_view name) const { return get<double>(name); }
  bool flag(std::string_view name) const { return get<bool>(name); }
  std::int64_t duration_ms(std::string_view name) const { return get<std::int64_t>(name); }
  const std::map<std::string, std::string>& map(std::string_view name) const {
    return get<std::map<std::string, std::string>>(name);
  }
  const TextPairs& pairs(std::string_view name) const { return get<TextPairs>(name); }
  const std::vector<std::string>& list(std::string_view name) const {
    return get<std::vector<std::string>>(name);
  }
  const Settings& group(std::string_view name) const { return get<Settings>(name); }

 private:
  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace leat::connector
