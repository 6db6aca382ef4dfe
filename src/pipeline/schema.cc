#include "pipeline/schema.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "pipeline/grammar.h"

namespace leat::pipeline {
namespace {

using Json = nlohmann::ordered_json;
using connector::Kind;
using connector::Setting;

/// Any value may be a text with a reference in it, whatever it becomes.
Json or_reference(Json schema) {
  const Json reference = {{"type", "string"}, {"pattern", "\\$\\{"}};
  return {{"anyOf", Json::array({std::move(schema), reference})}};
}

/// A scalar that is read as text, however YAML types it.
Json scalar_schema() { return {{"type", {"string", "number", "boolean"}}}; }

/// A number, or the same in quotes.
Json number_schema(const char* type) {
  const Json quoted = {{"type", "string"}, {"pattern", "^[-+]?[0-9.eE+-]+$"}};
  return or_reference({{"anyOf", Json::array({{{"type", type}}, quoted})}});
}

Json boolean_schema() { return or_reference({{"enum", {true, false, "true", "false"}}}); }

Json pattern_schema(const char* pattern) {
  return or_reference({{"type", {"string", "number"}}, {"pattern", pattern}});
}

Json duration_schema() { return pattern_schema("^[0-9.]+(ms|s|m|h|d)$|^0$"); }
Json bytes_schema() { return pattern_schema("^[0-9.]+([kKMGT]i?B|B)?$"); }
Json pointer_schema() { return pattern_schema("^(/.*)?$"); }

template <class Choices>
Json choice_schema(const Choices& choices) {
  auto values = Json::array();
  for (const auto& choice : choices) values.push_back(std::string(choice));
  return or_reference({{"enum", std::move(values)}});
}

Json any_of(Json first, Json second) {
  return {{"anyOf", Json::array({std::move(first), std::move(second)})}};
}

Json reference_to(std::string_view section) {
  return {{"$ref", "#/$defs/" + std::string(section)}};
}

class SchemaWriter {
 public:
  explicit SchemaWriter(const Registry& registry) : registry_(registry) {}

  Json write() {
    Json definitions = Json::object();
    for (const auto& part : grammar()) definitions[std::string(part.name)] = section_schema(part);
    Json formats = Json::object();
    for (const auto& spec : registry_.formats) {
      formats[spec.name] = described(settings_schema(spec.settings), spec.summary);
    }
    definitions["format"] = mapping(formats);
    definitions["format"]["maxProperties"] = 1;
    Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                   {"title", "Leat pipeline"},
                   {"$ref", "#/$defs/file"}};
    schema["$defs"] = std::move(definitions);
    return schema;
  }

 private:
  static Json described(Json schema, std::string_view doc) {
    if (!doc.empty()) schema["description"] = std::string(doc);
    return schema;
  }

  static Json mapping(Json properties) {
    return {
        {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  }

  Json section_schema(const Section& part) const {
    Json properties = Json::object();
    Json required = Json::array();
    for (const auto& key : part.keys) {
      properties[std::string(key.name)] = described(key_schema(key), key.doc);
      if (key.required) required.push_back(std::string(key.name));
    }
    if (part.connector) {
      for (const auto& spec : specs_of(*part.connector)) {
        properties[spec.name] = described(settings_schema(spec.settings), spec.summary);
      }
    }
    Json schema = mapping(std::move(properties));
    // Keys can also be brought in by `<<`.
    schema["properties"]["<<"] = true;
    if (!required.empty()) schema["anyOf"] = {{{"required", required}}, {{"required", {"<<"}}}};
    return described(std::move(schema), part.doc);
  }

  const std::vector<connector::Spec>& specs_of(connector::Role role) const {
    if (role == connector::Role::sink) return registry_.sinks;
    if (role == connector::Role::log) return registry_.logs;
    return role == connector::Role::table ? registry_.tables : registry_.sources;
  }

  Json key_schema(const Key& key) const {
    const auto inner = [&] { return reference_to(key.section); };
    switch (key.form) {
      case Form::integer:
        return number_schema("integer");
      case Form::number:
        return number_schema("number");
      case Form::boolean:
        return boolean_schema();
      case Form::duration:
        return duration_schema();
      case Form::records:
        return any_of(scalar_schema(), {{"type", "array"}});
      case Form::rows:
        return {{"type", "array"}, {"items", {{"type", "object"}}}};
      case Form::bytes:
        return bytes_schema();
      case Form::pointer:
        return pointer_schema();
      case Form::choice:
        return choice_schema(key.choices);
      case Form::any:
        return Json::object();
      case Form::names:
        return any_of(scalar_schema(), {{"type", "array"}, {"items", scalar_schema()}});
      case Form::section:
        return inner();
      case Form::types:
        return {{"type", "object"}, {"additionalProperties", scalar_schema()}};
      case Form::named:
        return named_schema(key);
      case Form::sequence:
        return {{"type", {"array", "null"}}, {"items", inner()}};
      case Form::name_or_section:
      case Form::type_or_section:
        return any_of(scalar_schema(), inner());
      case Form::duration_or_section:
        return any_of(duration_schema(), inner());
      case Form::choice_or_section:
        return any_of(choice_schema(key.choices), inner());
      case Form::format: {
        std::vector<std::string> names;
        for (const auto& spec : registry_.formats) names.push_back(spec.name);
        return any_of(choice_schema(names), reference_to("format"));
      }
      default:
        return scalar_schema();
    }
  }

  static Json named_schema(const Key& key) {
    Json entry = reference_to(key.section);
    if (key.section == "column") entry = any_of(scalar_schema(), std::move(entry));
    if (key.section == "topic") entry = any_of({{"type", "null"}}, std::move(entry));
    return {{"type", {"object", "null"}}, {"additionalProperties", std::move(entry)}};
  }

  static Json settings_schema(const std::vector<Setting>& settings) {
    Json properties = Json::object();
    Json required = Json::array();
    for (const auto& setting : settings) {
      properties[setting.name] = described(setting_schema(setting), setting.doc);
      if (setting.required) required.push_back(setting.name);
    }
    Json schema = mapping(std::move(properties));
    schema["properties"]["<<"] = true;
    if (required.empty()) {
      schema["type"] = {"object", "null"};
    } else {
      schema["anyOf"] = {{{"required", required}}, {{"required", {"<<"}}}};
    }
    return schema;
  }

  static Json setting_schema(const Setting& setting) {
    switch (setting.kind) {
      case Kind::integer:
        return number_schema("integer");
      case Kind::number:
        return number_schema("number");
      case Kind::boolean:
        return boolean_schema();
      case Kind::duration:
        return duration_schema();
      case Kind::bytes:
        return bytes_schema();
      case Kind::json_pointer:
        return pointer_schema();
      case Kind::enumeration:
        return choice_schema(setting.choices);
      case Kind::text_list:
        return any_of(scalar_schema(), {{"type", "array"}, {"items", scalar_schema()}});
      case Kind::text_map:
      case Kind::ordered_map:
        return {{"type", "object"}, {"additionalProperties", scalar_schema()}};
      case Kind::group:
        return settings_schema(setting.fields);
      default:
        return scalar_schema();
    }
  }

  const Registry& registry_;
};

}  // namespace

std::string json_schema(const Registry& registry) { return SchemaWriter(registry).write().dump(2); }

}  // namespace leat::pipeline
