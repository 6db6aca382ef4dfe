#include "pipeline/node_json.h"

#include <nlohmann/json.hpp>

namespace leat::pipeline {
namespace {

bool is_bare_word(const Node& node) {
  if (node.quoted) return false;
  if (node.text == "true" || node.text == "false") return true;
  return nlohmann::json::parse(node.text, nullptr, false).is_number();
}

void append(const Node& node, std::string& out) {
  switch (node.kind) {
    case Node::Kind::nothing:
      out += "null";
      return;
    case Node::Kind::scalar:
      out += is_bare_word(node) ? node.text : json_string_of(node.text);
      return;
    case Node::Kind::list:
      out += '[';
      for (const Node& item : node.items) {
        if (out.back() != '[') out += ',';
        append(item, out);
      }
      out += ']';
      return;
    case Node::Kind::mapping:
      out += '{';
      for (const auto& [key, value] : node.entries) {
        if (out.back() != '{') out += ',';
        out += json_string_of(key.text);
        out += ':';
        append(value, out);
      }
      out += '}';
      return;
  }
}

}  // namespace

std::string json_text_of(const Node& node) {
  std::string out;
  append(node, out);
  return out;
}

std::string json_string_of(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace leat::pipeline
