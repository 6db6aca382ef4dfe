#include "pipeline/settings.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.h"
#include "model/nearest_name.h"
#include "pipeline/fields.h"
#include "pipeline/names.h"
#include "pipeline/scalar.h"

namespace leat::pipeline {
namespace {

using connector::Kind;
using connector::Setting;
using connector::Settings;

constexpr std::string_view mask = "***";

/// Reads one scalar as the setting's kind says; the fault never quotes the text.
Read<Settings::Value> read_scalar(const Setting& setting, const std::string& text) {
  const auto as_value = [](auto read) -> Read<Settings::Value> {
    if (!read) return std::unexpected(read.error());
    return Settings::Value(std::move(*read));
  };
  switch (setting.kind) {
    case Kind::integer:
      return as_value(read_integer(text));
    case Kind::number:
      return as_value(read_number(text));
    case Kind::boolean:
      return as_value(read_boolean(text));
    case Kind::duration:
      return as_value(read_duration_ms(text));
    case Kind::bytes:
      return as_value(read_bytes(text));
    case Kind::json_pointer:
      return as_value(read_json_pointer(text));
    case Kind::url: {
      const std::vector<std::string> web = {"http", "https"};
      return as_value(read_url(text, setting.choices.empty() ? web : setting.choices));
    }
    case Kind::path:
      if (text.empty() || text.contains('\0')) {
        return std::unexpected("is no path; write the path of a file");
      }
      return Settings::Value(text);
    case Kind::enumeration: {
      if (std::ranges::find(setting.choices, text) != setting.choices.end()) {
        return Settings::Value(text);
      }
      const std::vector<std::string_view> choices(setting.choices.begin(), setting.choices.end());
      const auto hint = setting.secret ? "" : did_you_mean(text, choices);
      return std::unexpected(
          fmt::format("is not known; write one of {}{}", fmt::join(setting.choices, ", "), hint));
    }
    default:
      return Settings::Value(text);
  }
}

/// The setting's bound as a person writes it.
std::string bound_text(const Setting& setting, double bound) {
  const auto exact = static_cast<std::int64_t>(bound);
  if (setting.kind == Kind::duration) return duration_text(exact);
  if (setting.kind == Kind::bytes) return bytes_text(exact);
  return fmt::format("{}", bound);
}

Read<void> check_range(const Setting& setting, const Settings::Value& value) {
  double number = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    number = static_cast<double>(*whole);
  } else if (const auto* real = std::get_if<double>(&value)) {
    number = *real;
  } else {
    return {};
  }
  if (setting.min && number < *setting.min) {
    return std::unexpected(
        fmt::format("is too small; write {} or more", bound_text(setting, *setting.min)));
  }
  if (setting.max && number > *setting.max) {
    return std::unexpected(
        fmt::format("is too large; write {} or less", bound_text(setting, *setting.max)));
  }
  return {};
}

class SettingsReader {
 public:
  explicit SettingsReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  Settings read(const Node& mapping, const std::vector<Setting>& declared, std::string prefix) {
    Settings out;
    for (const auto& [key, value] : mapping.entries) {
      const auto setting = std::ranges::find(declared, key.text, &Setting::name);
      if (setting == declared.end()) {
        report_unknown(key, declared);
      } else if (!value.faulty) {
        take(*setting, value, prefix, out);
      }
    }
    for (const auto& setting : declared) {
      if (mapping.find(setting.name) == nullptr) leave_out(setting, mapping, out);
    }
    return out;
  }

  std::vector<std::pair<std::string, std::string>> shown;

 private:
  void report_unknown(const Node& key, const std::vector<Setting>& declared) {
    std::vector<std::string_view> names;
    for (const auto& setting : declared) names.push_back(setting.name);
    auto hint = did_you_mean(key.text, names);
    if (hint.empty() && names.empty()) hint = "; it has none";
    if (hint.empty()) hint = fmt::format("; known here: {}", fmt::join(names, ", "));
    diagnostics_.error(key.at, "unknown-key",
                       fmt::format("there is no setting \"{}\" here{}", printable(key.text), hint));
  }

  void take(const Setting& setting, const Node& value, const std::string& prefix, Settings& out) {
    const std::string name = prefix + setting.name;
    switch (setting.kind) {
      case Kind::group:
        if (!value.is_mapping()) return shape(value, name, "a mapping");
        out.set(setting.name, read(value, setting.fields, name + "."));
        return;
      case Kind::text_list:
        return take_list(setting, value, name, out);
      case Kind::text_map:
      case Kind::ordered_map:
        return take_map(setting, value, name, out);
      default:
        if (!value.is_scalar()) return shape(value, name, "a text or number");
        if (auto read = scalar(setting, value, name)) out.set(setting.name, std::move(*read));
    }
  }

  void shape(const Node& value, const std::string& name, std::string_view expected) {
    report_shape(diagnostics_, value, fmt::format("\"{}\"", name), expected);
  }

  std::optional<Settings::Value> scalar(const Setting& setting, const Node& value,
                                        const std::string& name) {
    show(name, value, setting.secret, setting.secret);
    auto read = read_scalar(setting, value.text);
    if (!read) {
      const auto code = setting.kind == Kind::url ? "invalid-url" : "invalid-value";
      report(code, setting, value, name, read.error());
      return std::nullopt;
    }
    if (const auto range = check_range(setting, *read); !range) {
      report("out-of-range", setting, value, name, range.error());
      return std::nullopt;
    }
    return std::move(*read);
  }

  void report(std::string_view code, const Setting& setting, const Node& value,
              const std::string& name, std::string_view reason) {
    const auto said = setting.secret || has_password(value.raw) ? std::string("its value")
                                                                : "\"" + value.shown() + "\"";
    diagnostics_.error(value.at, code, fmt::format("\"{}\": {} {}", name, said, reason));
  }

  static bool has_password(std::string_view text) {
    const auto scheme = text.find("://");
    return scheme != std::string_view::npos && text.find('@', scheme) != std::string_view::npos;
  }

  /// Keeps a value for printing; `secret` ones are masked. Those that sound like more than a
  /// precaution (a header `Accept` is none) are warned of if they stand in the file.
  void show(const std::string& name, const Node& value, bool secret, bool warn) {
    const bool password = has_password(value.raw);
    if (secret || password) diagnostics_.hide(value.text, std::string(mask));
    const bool literal = value.insertions.empty();
    const bool hidden = literal && (secret || password);
    if (literal && !value.text.empty() && ((warn && sounds_secret(name)) || password)) {
      diagnostics_.warning(value.at, "secret-in-file",
                           fmt::format("the secret \"{}\" stands in the file itself; write it as "
                                       "${{NAME}} or ${{file:PATH}}",
                                       name));
    }
    const bool partly = !literal && (secret || password) && value.raw.find("${") != 0;
    shown.emplace_back(name, hidden || partly ? std::string(mask) : value.shown());
  }

  void take_list(const Setting& setting, const Node& value, const std::string& name,
                 Settings& out) {
    std::vector<std::string> texts;
    if (value.is_scalar()) {
      show(name, value, setting.secret, setting.secret);
      texts.push_back(value.text);
    } else if (value.is_list() && std::ranges::all_of(value.items, &Node::is_scalar)) {
      for (const auto& item : value.items) {
        show(name, item, setting.secret, setting.secret);
        texts.push_back(item.text);
      }
    } else {
      return shape(value, name, "a list of texts");
    }
    out.set(setting.name, std::move(texts));
  }

  void take_map(const Setting& setting, const Node& value, const std::string& name, Settings& out) {
    if (!value.is_mapping()) return shape(value, name, "a mapping of texts");
    connector::TextPairs texts;
    for (const auto& [key, item] : value.entries) {
      if (!item.is_scalar()) {
        shape(item, name + "." + printable(key.text), "a text");
        continue;
      }
      show(name + "." + key.text, item, setting.secret, setting.secret);
      texts.emplace_back(key.text, item.text);
    }
    if (setting.kind == Kind::ordered_map) {
      out.set(setting.name, std::move(texts));
    } else {
      out.set(setting.name, std::map<std::string, std::string>(texts.begin(), texts.end()));
    }
  }

  void leave_out(const Setting& setting, const Node& mapping, Settings& out) {
    if (setting.required) {
      diagnostics_.error(
          mapping.at, "missing-key",
          fmt::format("the setting \"{0}\" is missing here; write {0}: …{1}", setting.name,
                      setting.doc.empty() ? "" : " (" + setting.doc + ")"));
      return;
    }
    if (setting.kind == Kind::group) {
      const auto& fields = setting.fields;
      const bool complete = std::ranges::none_of(fields, &Setting::required);
      const auto has_default = [](const Setting& field) { return !field.default_value.empty(); };
      if (complete && std::ranges::any_of(fields, has_default)) {
        out.set(setting.name, read(Node{}, fields, ""));
      }
      return;
    }
    if (setting.default_value.empty()) return;
    if (setting.kind == Kind::text_list) {
      out.set(setting.name, std::vector<std::string>{setting.default_value});
      return;
    }
    auto value = read_scalar(setting, setting.default_value);
    LEAT_CHECK(value.has_value());
    out.set(setting.name, std::move(*value));
  }

  Diagnostics& diagnostics_;
};

}  // namespace

std::optional<CheckedSettings> check_settings(const Node& value, const connector::Spec& spec,
                                              Diagnostics& diagnostics) {
  if (value.faulty) return std::nullopt;
  if (!value.is_mapping() && !value.is_nothing()) {
    report_shape(diagnostics, value, fmt::format("\"{}\"", spec.name), "a mapping of its settings");
    return std::nullopt;
  }
  const auto before = diagnostics.errors();
  SettingsReader reader(diagnostics);
  CheckedSettings out;
  out.settings = reader.read(value, spec.settings, "");
  out.shown = std::move(reader.shown);
  if (diagnostics.errors() != before) return std::nullopt;
  return out;
}

std::optional<CheckedSettings> default_settings(const Location& at, const connector::Spec& spec,
                                                Diagnostics& diagnostics) {
  Node nothing;
  nothing.at = at;
  return check_settings(nothing, spec, diagnostics);
}

bool sounds_secret(std::string_view name) {
  constexpr std::array<std::string_view, 9> words = {
      "secret", "passw", "token", "key", "credential", "auth", "cookie", "private", "signature"};
  const auto lower = folded(name);
  return std::ranges::any_of(words, [&](auto word) { return lower.contains(word); });
}

}  // namespace leat::pipeline
