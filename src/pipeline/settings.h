#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connector/spec.h"
#include "pipeline/document.h"

namespace leat::pipeline {

struct CheckedSettings {
  connector::Settings settings;
  /// Each setting that the file gives, as it may be printed: references unreplaced, secrets masked.
  std::vector<std::pair<std::string, std::string>> shown;
};

/// Checks what the file says of a connector or format (`value`: a mapping, or nothing) against its
/// Spec, and fills in the defaults. Every fault is reported; nothing is returned when there was
/// one.
std::optional<CheckedSettings> check_settings(const Node& value, const connector::Spec& spec,
                                              Diagnostics& diagnostics);

/// The settings where the file says nothing but the connector's or format's name.
std::optional<CheckedSettings> default_settings(const Location& at, const connector::Spec& spec,
                                                Diagnostics& diagnostics);

/// Whether a name sounds as if its value were a secret: "Authorization", "api_key", "password".
bool sounds_secret(std::string_view name);

}  // namespace leat::pipeline
