#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace leat::app {

/// What a server is doing, from two answers of `GET /v1/status` and the time between them: what
/// has only ever grown is given per second. Pure data.
class Activity {
 public:
  using Json = nlohmann::ordered_json;

  /// `seconds` between the two answers, above 0.
  Activity(const Json& before, const Json& after, double seconds);

  /// {"cpu_percent", …, "sources": [{"name", …}], "topics", "streams", "views", "sinks"}
  const Json& json() const { return json_; }
  /// The same as a person reads it: a line about the process and a table for each kind of thing
  /// that there is. `server`: its address.
  std::string text(const std::string& server) const;

 private:
  Json json_;
};

}  // namespace leat::app
