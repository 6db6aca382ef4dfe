#include "runtime/commit_record.h"

#include <charconv>

#include <nlohmann/json.hpp>

namespace leat::runtime {
namespace {

using nlohmann::json;

json to_json(const CommitRecord::OfStream& stream) {
  json expectations = json::array();
  for (const auto& expected : stream.tally.expectations) {
    expectations.push_back({expected.passed, expected.refused});
  }
  return {{"accepted", stream.tally.accepted},
          {"out", stream.tally.out},
          {"filtered", stream.tally.filtered},
          {"late", stream.tally.late},
          {"dead_letters", stream.tally.dead_letters},
          {"expectations", std::move(expectations)},
          {"watermark", stream.watermark.current},
          {"newest", stream.watermark.newest},
          {"future", stream.tally.future}};
}

CommitRecord::OfStream stream_from(const json& value) {
  CommitRecord::OfStream stream;
  stream.tally.accepted = value.at("accepted");
  stream.tally.out = value.at("out");
  stream.tally.filtered = value.at("filtered");
  stream.tally.late = value.at("late");
  stream.tally.dead_letters = value.at("dead_letters");
  stream.tally.future = value.value("future", std::uint64_t{0});
  for (const json& expected : value.at("expectations")) {
    stream.tally.expectations.push_back({expected.at(0), expected.at(1)});
  }
  stream.watermark.current = value.at("watermark");
  value.at("newest").get_to(stream.watermark.newest);
  return stream;
}

void read_row(std::string_view key, std::string_view value, CommitRecord& record) {
  const auto number = [&] { return json::parse(value).get<std::int64_t>(); };
  const auto name_after = [&](std::string_view prefix) {
    return std::string(key.substr(prefix.size()));
  };
  if (key == "epoch") {
    record.epoch = Epoch(static_cast<std::uint64_t>(number()));
  } else if (key.starts_with("definition/")) {
    json::parse(value).get_to(record.definitions[name_after("definition/")]);
  } else if (key.starts_with("family/")) {
    record.families[name_after("family/")] = std::string(value);
  } else if (key == "dead_letters") {
    record.dead_letters = Offset(json::parse(value).at("0").get<std::int64_t>());
  } else if (key.starts_with("position/")) {
    record.positions[name_after("position/")] = Offset(number());
  } else if (key.starts_with("stream/")) {
    record.streams[name_after("stream/")] = stream_from(json::parse(value));
  } else if (key.starts_with("view/")) {
    const json view = json::parse(value);
    record.views[name_after("view/")] = {view.at("changes"), view.at("late")};
  } else if (key.starts_with("sink/")) {
    record.sinks[name_after("sink/")] = std::string(value);
  }
}

}  // namespace

Result<CommitRecord> CommitRecord::load(const state::Store& store, const state::Family& family) {
  CommitRecord record;
  std::string damaged;
  LEAT_TRY(store.for_each(family, "", "", [&](std::string_view key, std::string_view value) {
    try {
      read_row(key, value, record);
    } catch (const json::exception& error) {
      damaged = fmt::format("{}: {}", key, error.what());
    }
    return damaged.empty();
  }));
  if (!damaged.empty()) {
    return external_error("store-damaged",
                          "the last commit in the data directory can't be read ({}); restore the "
                          "directory from a backup",
                          damaged);
  }
  return record;
}

std::map<std::string, std::string> CommitWriter::encode(const CommitRecord& record) {
  std::map<std::string, std::string> rows;
  rows["epoch"] = fmt::format("{}", record.epoch);
  rows["dead_letters"] = fmt::format("{{\"0\":{}}}", record.dead_letters);
  for (const auto& [id, position] : record.positions) {
    rows["position/" + id] = fmt::format("{}", position);
  }
  for (const auto& [name, stream] : record.streams) rows["stream/" + name] = to_json(stream).dump();
  for (const auto& [name, view] : record.views) {
    rows["view/" + name] = json({{"changes", view.changes}, {"late", view.late}}).dump();
  }
  for (const auto& [name, prepared] : record.sinks) rows["sink/" + name] = prepared;
  return rows;
}

void CommitWriter::write(const CommitRecord& record, state::CommitBatch& batch) {
  std::map<std::string, std::string> rows = encode(record);
  for (const auto& [key, value] : rows) {
    const auto found = last_.find(key);
    if (found == last_.end() || found->second != value) batch.put(family_, key, value);
  }
  for (const auto& [key, value] : last_) {
    if (!rows.contains(key) && !key.starts_with("position/")) batch.remove(family_, key);
  }
  last_ = std::move(rows);
}

}  // namespace leat::runtime
