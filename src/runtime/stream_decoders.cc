#include "runtime/stream_decoders.h"

#include <map>

#include "sql/came.h"

namespace leat::runtime {
namespace {

format::WantedColumns wanted_by(const pipeline::StreamNode& node) {
  format::WantedColumns wanted{.columns = node.columns, .reads = node.query.reads};
  if (node.query.identity) wanted.reads.clear();
  if (sql::reads_came(node.query.sql)) {
    const Type type = Type::of(DUCKDB_TYPE_TIMESTAMP_TZ);
    wanted.columns.push_back({.name = sql::came_column, .type = type, .field = "$timestamp"});
    wanted.reads.push_back(true);
  }
  return wanted;
}

Result<std::unique_ptr<format::Decoder>> make_csv_decoder(const TopicReader& reader) {
  const pipeline::StreamNode& node = *reader.node;
  const auto character = [&](const char* name, char otherwise) {
    const std::string& text = node.format_settings.text(name);
    return text.empty() ? otherwise : text.front();
  };
  format::CsvOptions options{.delimiter = character("delimiter", ','),
                             .quote = character("quote", '"'),
                             .header = reader.csv_header,
                             .null_text = node.format_settings.text("null")};
  format::WantedColumns wanted = wanted_by(node);
  return format::make_csv_decoder(std::move(wanted.columns), std::move(options),
                                  std::move(wanted.reads));
}

}  // namespace

Result<std::vector<std::unique_ptr<format::Decoder>>> make_stream_decoders(
    std::span<const TopicReader> readers) {
  std::vector<std::unique_ptr<format::Decoder>> decoders(readers.size());
  std::map<std::string, std::vector<std::size_t>> of_topic;  // those of JSON
  for (std::size_t i = 0; i < readers.size(); ++i) {
    if (readers[i].of_source) {
      decoders[i] = LEAT_TRY(readers[i].of_source(wanted_by(*readers[i].node)));
    }
    if (decoders[i] != nullptr) continue;
    if (readers[i].node->format == "csv") {
      decoders[i] = LEAT_TRY(make_csv_decoder(readers[i]));
    } else {
      of_topic[readers[i].node->input].push_back(i);
    }
  }
  for (const auto& [topic, indexes] : of_topic) {
    std::vector<format::WantedColumns> wanted;
    for (const std::size_t i : indexes) wanted.push_back(wanted_by(*readers[i].node));
    auto made = LEAT_TRY(format::make_json_decoders(std::move(wanted)));
    for (std::size_t n = 0; n < indexes.size(); ++n) decoders[indexes[n]] = std::move(made[n]);
  }
  return decoders;
}

}  // namespace leat::runtime
