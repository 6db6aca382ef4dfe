#include "pipeline/diagnostic.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "pipeline/codes.h"

namespace leat::pipeline {
namespace {

// A shorter text is no secret, and taking "1" out of every message would make it unreadable.
constexpr std::size_t hidden_length_min = 4;
// More faults than anybody reads at once; a hostile file can't make them grow without bound.
constexpr std::size_t diagnostics_max = 1000;

auto place_of(const Diagnostic& diagnostic) {
  return std::tie(diagnostic.at.file, diagnostic.at.line, diagnostic.at.column, diagnostic.severity,
                  diagnostic.code, diagnostic.message);
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::note:
      return "note";
  }
  return "error";
}

std::string to_text(const Diagnostic& diagnostic) {
  std::string place = printable(diagnostic.at.file, 4096);
  if (diagnostic.at.line > 0) {
    place += fmt::format(":{}:{}", diagnostic.at.line, diagnostic.at.column);
  }
  if (!place.empty()) place += ": ";
  return fmt::format("{}{}[{}]: {}", place, to_string(diagnostic.severity), diagnostic.code,
                     diagnostic.message);
}

std::string to_json(std::span<const Diagnostic> diagnostics) {
  auto array = nlohmann::ordered_json::array();
  for (const auto& diagnostic : diagnostics) {
    array.push_back({{"severity", to_string(diagnostic.severity)},
                     {"code", diagnostic.code},
                     {"message", diagnostic.message},
                     {"file", diagnostic.at.file},
                     {"line", diagnostic.at.line},
                     {"column", diagnostic.at.column}});
  }
  // Names of files need not be UTF-8.
  return array.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string summary(std::span<const Diagnostic> diagnostics) {
  const auto count = [&](Severity severity) {
    return static_cast<std::size_t>(
        std::ranges::count(diagnostics, severity, &Diagnostic::severity));
  };
  const auto errors = count(Severity::error);
  const auto warnings = count(Severity::warning);
  std::string text;
  if (errors > 0) text = counted(errors, "error");
  if (warnings > 0) text += (text.empty() ? "" : ", ") + counted(warnings, "warning");
  return text;
}

void Diagnostics::hide(std::string text, std::string shown) {
  if (text.size() < hidden_length_min || text == shown) return;
  if (std::ranges::find(hidden_, text, &std::pair<std::string, std::string>::first) !=
      hidden_.end()) {
    return;
  }
  // The longest first: a text that holds another one is taken out whole.
  const auto place = std::ranges::lower_bound(hidden_, text.size(), std::greater<>(),
                                              [](const auto& entry) { return entry.first.size(); });
  hidden_.insert(place, {std::move(text), std::move(shown)});
}

void Diagnostics::error(Location at, std::string_view code, std::string message) {
  add(Severity::error, std::move(at), code, std::move(message));
}

void Diagnostics::warning(Location at, std::string_view code, std::string message) {
  add(Severity::warning, std::move(at), code, std::move(message));
}

void Diagnostics::note(Location at, std::string_view code, std::string message) {
  add(Severity::note, std::move(at), code, std::move(message));
}

void Diagnostics::add(Severity severity, Location at, std::string_view code, std::string message) {
  LEAT_CHECK(is_documented(code));
  if (severity == Severity::error) ++errors_;
  if (found_.size() >= diagnostics_max) return;
  found_.push_back({severity, std::string(code), std::move(message), std::move(at)});
}

std::string Diagnostics::redacted(std::string message) const {
  for (const auto& [text, shown] : hidden_) {
    for (auto at = message.find(text); at != std::string::npos;
         at = message.find(text, at + shown.size())) {
      message.replace(at, text.size(), shown);
    }
  }
  return message;
}

std::vector<Diagnostic> Diagnostics::take() {
  for (auto& diagnostic : found_) diagnostic.message = redacted(std::move(diagnostic.message));
  std::ranges::sort(found_, [](const Diagnostic& left, const Diagnostic& right) {
    return place_of(left) < place_of(right);
  });
  const auto repeated = std::ranges::unique(found_, [](const auto& left, const auto& right) {
    return place_of(left) == place_of(right);
  });
  found_.erase(repeated.begin(), repeated.end());
  errors_ = 0;
  return std::exchange(found_, {});
}

std::string printable(std::string_view text, std::size_t length_max) {
  std::string out;
  bool blank = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f) {
      blank = !out.empty();
      continue;
    }
    if (out.size() >= length_max && (byte & 0xC0) != 0x80) return out + "…";
    if (blank) out += ' ';
    blank = false;
    out += c;
  }
  return out;
}

}  // namespace leat::pipeline
