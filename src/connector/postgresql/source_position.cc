#include "connector/postgresql/source_position.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

namespace leat::connector::postgresql {
namespace {

using nlohmann::json;

bool read_number(std::string_view& text, std::uint64_t& number) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

auto malformed(std::string_view text) {
  return external_error("position-malformed", "the stored position can't be read: {}", text);
}

json key_json(const std::optional<std::vector<std::string>>& key) {
  return key ? json(*key) : json(nullptr);
}

std::optional<std::vector<std::string>> key_from(const json& stored) {
  if (stored.is_null()) return std::nullopt;
  return stored.get<std::vector<std::string>>();
}

}  // namespace

Result<Visibility> Visibility::parse(std::string_view text) {
  Visibility made;
  made.text_ = text;
  std::string_view rest = text;
  bool fine = read_number(rest, made.first_running_) && rest.starts_with(':');
  if (fine) rest.remove_prefix(1);
  fine = fine && read_number(rest, made.next_) && rest.starts_with(':');
  if (fine) rest.remove_prefix(1);
  while (fine && !rest.empty()) {
    std::uint64_t running = 0;
    fine = read_number(rest, running);
    made.running_.push_back(running);
    if (!fine || rest.empty()) break;
    fine = rest.starts_with(',') && rest.size() > 1;
    rest.remove_prefix(1);
  }
  if (!fine) return malformed(text);
  return made;
}

bool Visibility::sees(std::uint32_t transaction) const {
  // The upper half is the one that brings it closest to this snapshot.
  constexpr std::uint64_t half = std::uint64_t{1} << 31, whole = std::uint64_t{1} << 32;
  std::uint64_t full = (next_ & ~(whole - 1)) | transaction;
  if (full > next_ + half && full >= whole) full -= whole;
  if (full + half < next_) full += whole;
  if (full >= next_) return false;
  return full < first_running_ || std::ranges::find(running_, full) == running_.end();
}

std::string SourcePosition::text() const {
  json stored = {{"lsn", lsn_text(lsn)}};
  if (partial_changes > 0) {
    stored["partial"] = {{"lsn", lsn_text(partial_lsn)}, {"changes", partial_changes}};
  }
  json& all = stored["tables"] = json::object();
  for (const auto& [name, table] : tables) {
    json& entry = all[name] = json::object();
    if (table.is_whole) entry["whole"] = true;
    if (!table.is_whole) entry["last"] = key_json(table.last);
    for (const SnapshotRun& run : table.runs) {
      entry["runs"].push_back({{"sees", run.visibility.text()},
                               {"until", lsn_text(run.until)},
                               {"after", key_json(run.after)}});
    }
  }
  return stored.dump();
}

Result<SourcePosition> SourcePosition::parse(const std::string& text) try {
  const json stored = json::parse(text);
  const auto lsn_of = [](const json& value) {
    return parse_lsn(value.get<std::string>()).value_or(0);
  };
  SourcePosition position;
  position.lsn = lsn_of(stored.at("lsn"));
  if (stored.contains("partial")) {
    position.partial_lsn = lsn_of(stored["partial"].at("lsn"));
    position.partial_changes = stored["partial"].at("changes").get<std::uint64_t>();
  }
  for (const auto& [name, entry] : stored.at("tables").items()) {
    TablePosition& table = position.tables[name];
    table.is_whole = entry.value("whole", false);
    if (entry.contains("last")) table.last = key_from(entry["last"]);
    if (!entry.contains("runs")) continue;
    for (const json& run : entry["runs"]) {
      table.runs.push_back({LEAT_TRY(Visibility::parse(run.at("sees").get<std::string>())),
                            lsn_of(run.at("until")), key_from(run.at("after"))});
    }
  }
  return position;
} catch (const json::exception& fault) {
  return malformed(fault.what());
}

}  // namespace leat::connector::postgresql
