#include "engine_run.h"

#include "base/check.h"
#include "connector/file_sink/file_sink.h"
#include "model/chunk_copy.h"
#include "trial/test_table.h"
#include "trial/values.h"

namespace leat::proof {
namespace {

/// 2100-01-01, so that no row of a case is ahead of the clock.
constexpr TimestampMs begin_ms = 4'102'444'800'000;
constexpr std::size_t store_bytes = 4u << 20;

class CaseTable final : public connector::ReferenceTable {
 public:
  CaseTable(connector::TableInput input, std::function<std::uint64_t()> version,
            std::function<std::vector<std::string>()> rows)
      : input_(std::move(input)), version_(std::move(version)), rows_(std::move(rows)) {}

  Result<std::string> version() override { return fmt::format("{}", version_()); }
  Status read(const std::function<Status(Chunk)>& sink) override {
    trial::TableRows rows(input_);
    LEAT_TRY(rows.add(rows_()));
    return rows.read(sink);
  }

 private:
  const connector::TableInput input_;
  const std::function<std::uint64_t()> version_;
  const std::function<std::vector<std::string>()> rows_;
};

}  // namespace

EngineRun::EngineRun(Setup setup) : setup_(std::move(setup)), clock_(begin_ms) {}

Result<std::unique_ptr<EngineRun>> EngineRun::start(Setup setup) {
  auto run = std::make_unique<EngineRun>(std::move(setup));
  LEAT_TRY(run->open());
  return run;
}

Status EngineRun::open() {
  const bool is_real = setup_.disk == Setup::Disk::real;
  runtime::Options options{.data_directory = is_real ? setup_.directory : "/leat-case",
                           .context = {.files = files_, .clock = clock_}};
  options.store = {.in_memory = setup_.disk == Setup::Disk::none,
                   .files = setup_.disk == Setup::Disk::simulated ? &files_ : nullptr,
                   .block_cache_bytes = store_bytes,
                   .write_buffer_bytes = store_bytes};
  options.disk_failed = [this](const Error&) { files_.halt_at(0); };  // as if it had ended there
  options.database = setup_.database;
  options.workers = setup_.workers;
  options.rows_for_all_workers = 1;
  options.slice_bytes = setup_.slice_bytes;
  options.state_memory_max = setup_.state_memory_max;
  assembly_ = LEAT_TRY(runtime::Assembly::build(setup_.graph, connectors(), std::move(options)));
  loop_ = std::make_unique<runtime::EpochLoop>(*assembly_);
  return loop_->begin();
}

runtime::Connectors EngineRun::connectors() {
  runtime::Connectors made;
  made.reference_tables["file"] =
      [this](const connector::TableInput& input, const connector::Settings&,
             const connector::Context&) -> Result<std::unique_ptr<connector::ReferenceTable>> {
    const TableContent& content = tables_[input.table];
    return std::make_unique<CaseTable>(
        input, [&content] { return content.version; }, [&content] { return content.rows; });
  };
  made.sinks["file"].with_the_epoch = [](const pipeline::SinkNode& node, const Schema& schema,
                                         const connector::Context& context) {
    return connector::make_file_sink(node.settings, schema, node.changes, context);
  };
  return made;
}

Status EngineRun::set_table(const std::string& table, const std::vector<std::string>& rows) {
  TableContent& content = tables_[table];
  ++content.version;
  content.rows = rows;
  for (const runtime::ReferenceSlot& slot : assembly_->reference_tables) {
    if (slot.node->name == table) LEAT_TRY(slot.loader->look());
  }
  return {};
}

Status EngineRun::append(const std::string& topic, std::span<const std::string> records) {
  if (records.empty()) return {};
  log::Topic* found = assembly_->topics->find(topic);
  LEAT_CHECK(found != nullptr);
  std::vector<log::NewRecord> batch;
  const std::size_t place = records_in(topic);
  for (const std::string& value : records) {
    log::NewRecord& record = batch.emplace_back();
    record.value = value;
    record.timestamp = clock_.now_ms() + static_cast<TimestampMs>(place + batch.size() - 1) * 1000;
  }
  log::PartitionLog& partition = found->partition(Partition(0));
  const log::AppendResult appended = LEAT_TRY(partition.append(batch, std::nullopt));
  return partition.sync(appended.last);
}

Result<runtime::Appended> EngineRun::push(const std::string& topic,
                                          std::span<const std::string> records,
                                          const runtime::PushIdentity& identity) {
  std::vector<runtime::PushRecord> pushed;
  for (const std::string& value : records) {
    pushed.push_back({.value = value, .key = {}, .has_key = false});
  }
  return runtime::Pusher(*assembly_->topics).push(topic, pushed, identity);
}

Status EngineRun::kill(std::uint64_t seed) {
  LEAT_CHECK(setup_.disk != Setup::Disk::none);
  lose_power(seed);
  return open();
}

/// The disk stands first: whatever the engine's parts still do as they end changes nothing.
void EngineRun::lose_power(std::uint64_t seed) {
  files_.heal();
  files_.halt_at(0);
  close();
  files_.heal();
  files_.lose_power(seed);
}

void EngineRun::close() {
  loop_.reset();
  assembly_.reset();
}

std::size_t EngineRun::records_in(const std::string& topic) const {
  const log::PartitionLog& log = assembly_->topics->find(topic)->partition(Partition(0));
  return static_cast<std::size_t>(log.next_offset() - log.first_offset());
}

Result<EngineRun::Rows> EngineRun::rows_of(const std::string& view) {
  const auto found = assembly_->find_view(view);
  LEAT_CHECK(found.has_value());
  Rows rows{.schema = assembly_->views[*found].node->schema, .chunks = {}};
  LEAT_TRY(assembly_->views[*found].view->scan(*loop_->snapshot(), [&](const Chunk& chunk) {
    if (chunk.size() > 0) rows.chunks.push_back(copy_of(chunk));
    return true;
  }));
  return rows;
}

Result<std::vector<std::string>> EngineRun::letters() {
  return trial::values_of(*assembly_->dead_letters);
}

Result<std::vector<std::string>> EngineRun::records_of(const std::string& topic) const {
  return trial::values_of(assembly_->topics->find(topic)->partition(Partition(0)));
}

}  // namespace leat::proof
