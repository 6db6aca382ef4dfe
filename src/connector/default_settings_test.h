#pragma once

#include <charconv>
#include <cstdlib>

#include <gtest/gtest.h>

#include "connector/spec.h"

namespace leat::connector {

/// A number with a unit from a Spec's default, such as "30s" or "32MiB", in ms or bytes.
inline std::int64_t scaled_default(const Setting& setting) {
  static const std::map<std::string, std::int64_t, std::less<>> units = {
      {"", 1},         {"ms", 1},        {"s", 1000},      {"m", 60'000},
      {"h", 3600'000}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  char* end = nullptr;
  const std::int64_t number = std::strtoll(setting.default_value.c_str(), &end, 10);
  const auto unit = units.find(end);
  EXPECT_NE(unit, units.end()) << setting.name << ": " << setting.default_value;
  return unit == units.end() ? number : number * unit->second;
}

/// The settings that a pipeline file without any would give, checked to be of the Spec's own kinds.
inline Settings default_settings(const std::vector<Setting>& settings) {
  Settings values;
  for (const Setting& setting : settings) {
    EXPECT_FALSE(setting.doc.empty()) << setting.name;
    if (setting.kind == Kind::group) {
      // A group with a required setting, or one in which nothing has a default, is there only where
      // it is written.
      bool optional = true, any_default = false;
      for (const Setting& field : setting.fields) {
        optional = optional && !field.required;
        any_default = any_default || !field.default_value.empty();
      }
      if (optional && any_default) values.set(setting.name, default_settings(setting.fields));
      continue;
    }
    if (setting.default_value.empty()) continue;
    switch (setting.kind) {
      case Kind::integer:
      case Kind::duration:
      case Kind::bytes:
        values.set(setting.name, scaled_default(setting));
        break;
      case Kind::number:
        values.set(setting.name, std::stod(setting.default_value));
        break;
      case Kind::boolean:
        values.set(setting.name, setting.default_value == "true");
        break;
      case Kind::enumeration:
        EXPECT_NE(std::ranges::find(setting.choices, setting.default_value), setting.choices.end())
            << setting.name;
        [[fallthrough]];
      default:
        values.set(setting.name, setting.default_value);
    }
  }
  return values;
}

inline Settings default_settings(const Spec& spec) {
  EXPECT_FALSE(spec.summary.empty());
  EXPECT_FALSE(spec.doc.empty());
  EXPECT_TRUE(spec.example.starts_with(spec.name + ":"));
  return default_settings(spec.settings);
}

}  // namespace leat::connector
