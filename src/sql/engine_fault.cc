#include "sql/engine_fault.h"

#include <nlohmann/json.hpp>

namespace leat::sql {
namespace {

/// DuckDB appends lists of candidates and a copy of the line to its messages, each after a newline.
std::string first_paragraph(std::string text) {
  for (const char* tail : {"\n\tCandidate", "\nCandidate", "\n\nCandidate", "\nLINE ", "\nDid you",
                           "\nEither add", "\n\nStack Trace"}) {
    if (const auto at = text.find(tail); at != std::string::npos) text.resize(at);
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '!')) {
    text.pop_back();
  }
  for (char& c : text) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return text;
}

/// The lines that begin with a tab: one candidate each.
std::vector<std::string> indented_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (auto at = text.find("\n\t"); at != std::string::npos; at = text.find("\n\t", at + 1)) {
    const auto end = text.find('\n', at + 1);
    lines.push_back(text.substr(at + 2, end == std::string::npos ? end : end - at - 2));
  }
  std::erase_if(lines, [](const std::string& line) { return line.starts_with("Candidate"); });
  return lines;
}

std::string field(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

bool EngineFault::is_of_a_row() const {
  return type == "Conversion" || type == "Out of Range" || type == "Invalid Input" ||
         type == "Mismatch Type" || type == "Divide by Zero" || type == "Constraint" ||
         type == "Decimal" || type == "Invalid Type" || type == "Invalid";
}

EngineFault engine_fault(const char* text) {
  EngineFault fault;
  const std::string whole = text == nullptr ? "unknown failure" : text;
  const auto brace = whole.find('{');
  const auto json = brace == std::string::npos
                        ? nlohmann::json()
                        : nlohmann::json::parse(whole.begin() + static_cast<std::ptrdiff_t>(brace),
                                                whole.end(), nullptr, false);
  if (!json.is_object() || !json.contains("exception_message")) {
    fault.type = whole.substr(0, whole.find(" Error:"));
    const auto colon = whole.find(" Error: ");
    fault.message = first_paragraph(colon == std::string::npos ? whole : whole.substr(colon + 8));
    return fault;
  }
  fault.type = field(json, "exception_type");
  fault.subtype = field(json, "error_subtype");
  fault.name = field(json, "name");
  fault.entry_type = field(json, "type");
  fault.message = first_paragraph(field(json, "exception_message"));
  fault.call = field(json, "call");
  fault.candidates = indented_lines(field(json, "exception_message"));
  const std::string position = field(json, "position");
  if (!position.empty() && position.find_first_not_of("0123456789") == std::string::npos &&
      position.size() < 10) {
    fault.position = std::stoul(position);
  }
  return fault;
}

}  // namespace leat::sql
