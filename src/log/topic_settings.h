#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "log/topics.h"

namespace leat::log {

/// A topic's settings as the text of its `settings` file: docs/formats/log.md.
std::string write_settings(const TopicConfig& config);

/// `path` is for messages. Errors: `log-damaged`, `newer-version` (user).
Result<TopicConfig> parse_settings(std::string_view text, const std::string& path);

/// Error `bad-topic-settings` (user): a number that no topic can have.
Status check_settings(const std::string& topic, const TopicConfig& config);

}  // namespace leat::log
