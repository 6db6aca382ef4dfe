#include "trial/test_pipeline.h"

#include "base/check.h"
#include "format/record_splitter.h"
#include "model/chunk_copy.h"
#include "trial/test_graph.h"
#include "trial/values.h"

namespace leat::trial {
namespace {

/// In memory; nothing on the machine has this name.
constexpr const char* data_directory = "/leat-test";
/// 2100-01-01: what the clock says where the test does not.
constexpr TimestampMs begin_ms = 4'102'444'800'000;
/// A test's state is small: what RocksDB sets aside for more would take longer than the test.
constexpr std::size_t store_bytes = 4u << 20;

/// Records of a text, as they lie in a file.
std::vector<std::string_view> records_in(std::string_view text, bool csv) {
  std::vector<format::RecordSpan> spans;
  format::RecordSplitter splitter({.csv = csv});
  splitter.split(text, true, spans);
  std::vector<std::string_view> records;
  for (const format::RecordSpan& span : spans) {
    records.push_back(text.substr(span.begin, span.length));
  }
  return records;
}

}  // namespace

TestPipeline::TestPipeline(const Setup& setup) : clock_(setup.test.now.value_or(begin_ms)) {}

Result<std::unique_ptr<TestPipeline>> TestPipeline::start(const Setup& setup) {
  std::unique_ptr<TestPipeline> pipeline(new TestPipeline(setup));
  runtime::Options options{.data_directory = data_directory,
                           .context = {.files = pipeline->files_, .clock = pipeline->clock_}};
  options.store = {
      .in_memory = true, .block_cache_bytes = store_bytes, .write_buffer_bytes = store_bytes};
  options.database = setup.database;
  options.workers = 1;
  TestGraph graph = graph_of_test(setup.whole, setup.test, setup.connectors);
  pipeline->csv_ = std::move(graph.csv);
  pipeline->headed_ = std::move(graph.headed);
  runtime::Connectors tables = pipeline->table_connectors(graph.graph);
  pipeline->assembly_ = LEAT_TRY(
      runtime::Assembly::build(std::move(graph.graph), std::move(tables), std::move(options)));
  for (const auto& [name, table] : pipeline->assembly_->tables) table->start();
  pipeline->loop_ = std::make_unique<runtime::EpochLoop>(*pipeline->assembly_);
  LEAT_TRY(pipeline->loop_->begin());
  LEAT_TRY(pipeline->loop_->settle());
  return pipeline;
}

/// Of tables alone: each looks up what the test has given so far.
runtime::Connectors TestPipeline::table_connectors(const pipeline::Graph& graph) {
  runtime::Connectors connectors;
  for (const pipeline::TableNode& table : graph.tables) {
    tables_[table.name] = std::make_shared<TableRows>(pipeline::table_input_of(table));
    if (table.kept) {
      connectors.reference_tables[table.connector] =
          [this](const connector::TableInput& input, const connector::Settings&,
                 const connector::Context&) -> Result<std::unique_ptr<connector::ReferenceTable>> {
        return make_test_reference_table(tables_.at(input.table));
      };
      continue;
    }
    connectors.tables[table.connector] =
        [this](const connector::TableInput& input, const connector::Settings&,
               const connector::Context&) -> Result<std::unique_ptr<connector::Table>> {
      return make_test_table(tables_.at(input.table));
    };
  }
  return connectors;
}

Status TestPipeline::give(const pipeline::TestGiven& given) {
  using Kind = pipeline::TestGiven::Kind;
  switch (given.kind) {
    case Kind::records:
    case Kind::rows:
      LEAT_TRY(append(given));
      break;
    case Kind::table_rows: {
      std::vector<std::string> rows;
      for (const auto& row : given.records) rows.push_back(*row);
      LEAT_TRY(tables_.at(given.name)->add(rows));
      for (const auto& table : assembly_->reference_tables) {
        if (table.node->name == given.name) LEAT_TRY(table.loader->look());
      }
      break;
    }
    case Kind::advance:
      clock_.advance(given.advance_ms);
      break;
    case Kind::end:
      return loop_->finish();
  }
  return loop_->settle();
}

Status TestPipeline::append(const pipeline::TestGiven& given) {
  const bool rows = given.kind == pipeline::TestGiven::Kind::rows;
  const std::string name = rows ? topic_of_rows(given.name) : given.name;
  log::Topic* topic = assembly_->topics->find(name);
  LEAT_CHECK(topic != nullptr);
  std::vector<log::NewRecord> records;
  const auto add = [&](std::string_view value, bool tombstone) {
    log::NewRecord& record = records.emplace_back();
    record.value = value;
    record.tombstone = tombstone;
    record.has_key = given.key.has_value();
    if (given.key) record.key = *given.key;
    record.timestamp = given.timestamp.value_or(clock_.now_ms());
  };
  for (const auto& record : given.records) {
    add(record ? std::string_view(*record) : std::string_view(), !record);
  }
  if (given.text) {
    const auto texts = records_in(*given.text, csv_.contains(name));
    for (std::size_t i = headed_.contains(name) ? 1 : 0; i < texts.size(); ++i) {
      add(texts[i], false);
    }
  }
  if (records.empty()) return {};
  log::PartitionLog& partition = topic->partition(Partition(given.partition));
  const log::AppendResult appended = LEAT_TRY(partition.append(records, std::nullopt));
  return partition.sync(appended.last);
}

Result<std::vector<Chunk>> TestPipeline::rows_of(const std::string& name) {
  std::vector<Chunk> rows;
  const auto keep = [&](const Chunk& chunk) {
    if (chunk.size() > 0) rows.push_back(copy_of(chunk));
    return true;
  };
  const auto snapshot = loop_->snapshot();
  if (const auto stream = assembly_->find_stream(name)) {
    assembly_->streams[*stream].recent->scan(snapshot->epoch(), keep);
  } else {
    const auto view = assembly_->find_view(name);
    LEAT_CHECK(view.has_value());
    LEAT_TRY(assembly_->views[*view].view->scan(*snapshot, keep));
  }
  return rows;
}

const Schema& TestPipeline::schema_of(const std::string& name) const {
  if (const auto stream = assembly_->find_stream(name)) {
    return assembly_->streams[*stream].node->schema;
  }
  return assembly_->views[*assembly_->find_view(name)].node->schema;
}

std::string TestPipeline::described(const std::string& name) const {
  return fmt::format("{} {}", assembly_->find_stream(name) ? "stream" : "view", name);
}

Result<std::vector<std::string>> TestPipeline::dead_letters() {
  return values_of(*assembly_->dead_letters);
}

}  // namespace leat::trial
