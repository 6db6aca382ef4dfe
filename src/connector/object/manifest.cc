#include "connector/object/manifest.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "connector/object/object_store.h"

namespace leat::connector::object {
namespace {

using Json = nlohmann::json;

/// Those of merges have the second, so that a Leat that knows no merges reads none of them.
constexpr int version = 1, merge_version = 2;
constexpr std::string_view ending = ".json";

constexpr std::string_view decimal = "0123456789", hexadecimal = "0123456789abcdef";

/// Takes digits off the front; false: there are too few.
bool take_digits(std::string_view& text, std::string_view digits, std::size_t count_min) {
  const std::size_t count = std::min(text.find_first_not_of(digits), text.size());
  if (count < count_min) return false;
  text.remove_prefix(count);
  return true;
}

bool take(std::string_view& text, std::string_view wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(wanted.size());
  return true;
}

}  // namespace

bool is_file_of(std::string_view sink, std::string_view key) {
  constexpr std::size_t number_digits = 8, tag_digits = 8;
  if (key.starts_with("_leat/") || key.contains("/.") || key.starts_with('.')) return false;
  std::string_view name = name_of(key);
  return take(name, sink) && take(name, ".") && take_digits(name, decimal, number_digits) &&
         take(name, ".") && take_digits(name, hexadecimal, tag_digits) && take(name, "-") &&
         take_digits(name, decimal, 1) && name == ".parquet";
}

std::string Manifest::text() const {
  Json all = Json::array();
  for (const File& file : files) {
    all.push_back(
        {{"key", file.key}, {"staged", file.token}, {"rows", file.rows}, {"bytes", file.bytes}});
  }
  Json document = {{"version", removes.empty() ? version : merge_version},
                   {"instance", instance},
                   {"begin", begin},
                   {"position", position},
                   {"files", all}};
  if (!removes.empty()) document["removes"] = removes;
  return document.dump(2) + "\n";
}

Result<Manifest> Manifest::parse(std::string_view text) {
  Manifest manifest;
  try {
    const Json document = Json::parse(text);
    const int written = document.at("version").get<int>();
    if (written != version && written != merge_version) {
      return external_error("manifest-damaged",
                            "it is of version {}, this Leat knows {}; use a newer Leat", written,
                            merge_version);
    }
    manifest.instance = document.at("instance").get<std::string>();
    manifest.begin = document.at("begin").get<std::string>();
    manifest.position = document.at("position").get<std::string>();
    for (const Json& file : document.at("files")) {
      manifest.files.push_back(
          {file.at("key").get<std::string>(), file.at("staged").get<std::string>(),
           file.at("rows").get<std::uint64_t>(), file.at("bytes").get<std::uint64_t>()});
    }
    if (written == merge_version) {
      manifest.removes = document.at("removes").get<std::vector<std::string>>();
    }
  } catch (const Json::exception& exception) {
    return external_error("manifest-damaged", "it can't be read: {}", exception.what());
  }
  return manifest;
}

std::string work_prefix(std::string_view sink) { return fmt::format("_leat/{}", sink); }

std::string manifest_key(std::string_view sink, std::uint64_t number) {
  return fmt::format("{}/{:020}{}", work_prefix(sink), number, ending);
}

std::uint64_t manifest_number(std::string_view key) {
  const std::string_view name = name_of(key);
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
  const std::string_view rest = name.substr(static_cast<std::size_t>(end - name.data()));
  return failed == std::errc() && rest == ending ? number : 0;
}

}  // namespace leat::connector::object
