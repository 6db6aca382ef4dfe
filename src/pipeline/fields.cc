#include "pipeline/fields.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.h"
#include "model/nearest_name.h"
#include "pipeline/scalar.h"

namespace leat::pipeline {
namespace {

bool is_duration(Form form) { return form == Form::duration || form == Form::duration_or_section; }

std::string_view expected_shape(Form form) {
  switch (form) {
    case Form::section:
    case Form::named:
    case Form::types:
      return "a mapping";
    case Form::sequence:
      return "a list";
    case Form::names:
      return "a name or a list of names";
    case Form::name_or_section:
    case Form::type_or_section:
    case Form::format:
      return "a name or a mapping";
    case Form::duration_or_section:
      return "a duration, as 7d, or a mapping";
    case Form::choice_or_section:
      return "a word or a mapping";
    case Form::integer:
      return "a whole number";
    case Form::boolean:
      return "true or false";
    case Form::number:
      return "a number";
    case Form::time:
      return "a time, as 2026-01-31T12:00:00Z";
    case Form::time_or_duration:
      return "a time, as 2026-01-31T12:00:00Z, or a duration, as 10s";
    case Form::records:
      return "a list of records, or their text";
    case Form::rows:
      return "a list of rows, as [{name: value}]";
    case Form::duration:
      return "a duration, as 10s";
    case Form::bytes:
      return "a size, as 10MB";
    case Form::sql:
      return "a SELECT";
    case Form::expression:
      return "a SQL expression";
    case Form::type:
      return "a SQL type";
    case Form::name:
    case Form::reference:
      return "a name";
    default:
      return "a text";
  }
}

}  // namespace

void report_shape(Diagnostics& diagnostics, const Node& value, std::string_view what,
                  std::string_view expected) {
  diagnostics.error(value.at, "wrong-shape",
                    fmt::format("{} is {}; write {}", what, to_string(value.kind), expected));
}

Fields::Fields(const Node& mapping, const Section& section, Diagnostics& diagnostics,
               std::vector<std::string_view> others)
    : node_(mapping), section_(section), diagnostics_(diagnostics), others_(std::move(others)) {
  if (node_.is_mapping()) {
    check_keys();
  } else if (!node_.faulty) {
    report_shape(diagnostics_, node_, fmt::format("this part ({})", section_.title), "a mapping");
  }
}

void Fields::check_keys() {
  std::vector<std::string_view> known = others_;
  for (const auto& key : section_.keys) known.push_back(key.name);
  for (const auto& [key, value] : node_.entries) {
    const Key* declared = section_.find(key.text);
    if (declared == nullptr) {
      if (std::ranges::find(others_, key.text) != others_.end()) continue;
      std::vector<std::string_view> listed = known;
      std::ranges::sort(listed);
      auto hint = did_you_mean(key.text, known);
      // `{stat: SELECT a, b FROM c}`: YAML ends a text without quotes at the comma.
      const bool torn = value.is_nothing() && key.text.contains(' ');
      if (torn) hint = "; if it is the rest of the text before it, put that text in quotes";
      if (hint.empty()) hint = fmt::format("; known here: {}", fmt::join(listed, ", "));
      const auto code = section_.connector ? "unknown-connector" : "unknown-key";
      diagnostics_.error(key.at, code,
                         fmt::format("there is no key \"{}\" here{}", printable(key.text), hint));
    } else if (!value.faulty && !has_shape(*declared, value)) {
      const bool empty_section =
          value.is_nothing() && (declared->form == Form::named || declared->form == Form::sequence);
      if (!empty_section) {
        report_shape(diagnostics_, value, fmt::format("\"{}\"", key.text),
                     expected_shape(declared->form));
      }
    }
  }
  for (const auto& key : section_.keys) {
    if (!key.required || node_.find(key.name) != nullptr) continue;
    diagnostics_.error(
        node_.at, "missing-key",
        fmt::format("\"{0}\" is missing here; write {0}: {1}", key.name, expected_shape(key.form)));
  }
}

bool Fields::has_shape(const Key& key, const Node& value) const {
  switch (key.form) {
    case Form::section:
    case Form::named:
    case Form::types:
      return value.is_mapping();
    case Form::sequence:
    case Form::rows:
      return value.is_list();
    case Form::records:
      return value.is_scalar() || value.is_list();
    case Form::any:
      return true;
    case Form::names:
      return value.is_scalar() ||
             (value.is_list() && std::ranges::all_of(value.items, &Node::is_scalar));
    case Form::name_or_section:
    case Form::type_or_section:
    case Form::duration_or_section:
    case Form::choice_or_section:
    case Form::format:
      return value.is_scalar() || value.is_mapping();
    default:
      return value.is_scalar();
  }
}

const Key& Fields::declared(std::string_view key) const {
  const Key* found = section_.find(key);
  LEAT_CHECK(found != nullptr);
  return *found;
}

const Location& Fields::at(std::string_view key) const {
  const auto* entry = node_.find(key);
  return entry == nullptr ? node_.at : entry->key.at;
}

bool Fields::has(std::string_view key) const {
  declared(key);
  return node_.find(key) != nullptr;
}

const Node* Fields::find(std::string_view key) const {
  const Key& what = declared(key);
  const auto* entry = node_.find(key);
  if (entry == nullptr || entry->value.faulty || !has_shape(what, entry->value)) return nullptr;
  return &entry->value;
}

std::optional<std::string> Fields::text(std::string_view key) const {
  const Key& what = declared(key);
  const Node* value = find(key);
  if (value != nullptr && value->is_scalar()) {
    if (what.form != Form::choice && what.form != Form::choice_or_section) return value->text;
    if (std::ranges::find(what.choices, value->text) != what.choices.end()) return value->text;
    auto hint = did_you_mean(value->text, what.choices);
    if (hint.empty()) hint = fmt::format("; write one of {}", fmt::join(what.choices, ", "));
    diagnostics_.error(value->at, "invalid-value",
                       fmt::format("\"{}\" can't be {}{}", key, value->shown(), hint));
  }
  if (what.default_text.empty()) return std::nullopt;
  return std::string(what.default_text);
}

std::optional<std::int64_t> Fields::number(std::string_view key) const {
  const Key& what = declared(key);
  const auto read = [&](std::string_view text) {
    return is_duration(what.form)     ? read_duration_ms(text)
           : what.form == Form::bytes ? read_bytes(text)
                                      : read_integer(text);
  };
  const Node* value = find(key);
  if (value == nullptr) {
    if (what.default_text.empty()) return std::nullopt;
    return *read(what.default_text);
  }
  if (!value->is_scalar()) return std::nullopt;
  const auto number = read(value->text);
  if (!number) {
    diagnostics_.error(value->at, "invalid-value",
                       fmt::format("\"{}\": \"{}\" {}", key, value->shown(), number.error()));
    return std::nullopt;
  }
  const auto shown = [&](double bound) {
    const auto exact = static_cast<std::int64_t>(bound);
    return is_duration(what.form)     ? duration_text(exact)
           : what.form == Form::bytes ? bytes_text(exact)
                                      : std::to_string(exact);
  };
  const auto exact = static_cast<double>(*number);
  if (what.min && exact < *what.min) {
    diagnostics_.error(value->at, "out-of-range",
                       fmt::format("\"{}\" is {}, which is too small; write {} or more", key,
                                   value->shown(), shown(*what.min)));
    return std::nullopt;
  }
  if (what.max && exact > *what.max) {
    diagnostics_.error(value->at, "out-of-range",
                       fmt::format("\"{}\" is {}, which is too large; write {} or less", key,
                                   value->shown(), shown(*what.max)));
    return std::nullopt;
  }
  return *number;
}

bool Fields::flag(std::string_view key) const {
  const Key& what = declared(key);
  const Node* value = find(key);
  if (value == nullptr) return what.default_text == "true";
  const auto read = read_boolean(value->text);
  if (!read) {
    diagnostics_.error(value->at, "invalid-value",
                       fmt::format("\"{}\": \"{}\" {}", key, value->shown(), read.error()));
  }
  return read.value_or(false);
}

std::vector<const Node*> Fields::names(std::string_view key) const {
  std::vector<const Node*> out;
  const Node* value = find(key);
  if (value == nullptr) return out;
  if (value->is_scalar()) {
    out.push_back(value);
    return out;
  }
  for (const auto& item : value->items) {
    if (!item.faulty) out.push_back(&item);
  }
  return out;
}

std::vector<const Node::Entry*> Fields::others() const {
  std::vector<const Node::Entry*> out;
  for (const auto& entry : node_.entries) {
    if (section_.find(entry.key.text) == nullptr &&
        std::ranges::find(others_, entry.key.text) != others_.end()) {
      out.push_back(&entry);
    }
  }
  return out;
}

}  // namespace leat::pipeline
