#include "trial/test_table.h"

#include <numeric>

#include <fmt/format.h>

#include "base/check.h"
#include "model/chunk_copy.h"
#include "pipeline/typed_rows.h"

namespace leat::trial {
namespace {

std::vector<Type> types_of(const connector::TableInput& input) {
  std::vector<Type> types;
  for (const std::size_t column : input.key) types.push_back(input.schema[column].type);
  return types;
}

class TestTable final : public connector::Table {
 public:
  explicit TestTable(std::shared_ptr<const TableRows> rows) : rows_(std::move(rows)) {}

  Status open(std::stop_token) override { return {}; }
  Status look_up(const Chunk& keys, connector::Answers& answers, std::stop_token) override {
    return rows_->look_up(keys, answers);
  }
  Result<std::string> probe(std::stop_token) override { return std::string("rows of a test"); }

 private:
  const std::shared_ptr<const TableRows> rows_;
};

class TestReferenceTable final : public connector::ReferenceTable {
 public:
  explicit TestReferenceTable(std::shared_ptr<const TableRows> rows) : rows_(std::move(rows)) {}

  Result<std::string> version() override { return fmt::format("{}", rows_->count()); }
  Status read(const std::function<Status(Chunk)>& sink) override { return rows_->read(sink); }

 private:
  const std::shared_ptr<const TableRows> rows_;
};

}  // namespace

TableRows::TableRows(connector::TableInput input)
    : input_(std::move(input)), codec_(types_of(input_)) {}

Status TableRows::add(const std::vector<std::string>& rows) {
  std::vector<pipeline::RowFault> faults;
  auto chunks = LEAT_TRY(pipeline::read_rows(input_.schema, rows, faults));
  LEAT_CHECK(faults.empty());  // the pipeline's check has read them, too
  const std::lock_guard lock(mutex_);
  for (Chunk& chunk : chunks) {
    EncodedRows keys;
    codec_.encode(chunk, input_.key, keys);
    for (std::uint32_t row = 0; row < chunk.size(); ++row) {
      by_key_[std::string(keys[row])].push_back({chunks_.size(), row});
    }
    chunks_.push_back(std::move(chunk));
  }
  return {};
}

Status TableRows::look_up(const Chunk& keys, connector::Answers& answers) const {
  std::vector<std::size_t> columns(input_.key.size());
  std::iota(columns.begin(), columns.end(), 0);
  EncodedRows encoded;
  codec_.encode(keys, columns, encoded);
  const std::lock_guard lock(mutex_);
  for (std::uint32_t key = 0; key < encoded.size(); ++key) {
    const auto found = by_key_.find(std::string(encoded[key]));
    if (found == by_key_.end()) continue;
    if (found->second.size() > input_.rows_per_key_max) {
      answers.refused(key,
                      fmt::format("the table {} has {} rows of this key, and rows_per_key is {}",
                                  input_.table, found->second.size(), input_.rows_per_key_max));
      continue;
    }
    for (const Place place : found->second) {
      const std::uint32_t rows[] = {place.row}, key_of[] = {key};
      LEAT_TRY(answers.found(copy_of(chunks_[place.chunk], rows), key_of));
    }
  }
  return {};
}

Status TableRows::read(const std::function<Status(Chunk)>& sink) const {
  const std::lock_guard lock(mutex_);
  for (const Chunk& chunk : chunks_) LEAT_TRY(sink(copy_of(chunk)));
  return {};
}

std::size_t TableRows::count() const {
  const std::lock_guard lock(mutex_);
  std::size_t rows = 0;
  for (const Chunk& chunk : chunks_) rows += chunk.size();
  return rows;
}

std::unique_ptr<connector::ReferenceTable> make_test_reference_table(
    std::shared_ptr<const TableRows> rows) {
  return std::make_unique<TestReferenceTable>(std::move(rows));
}

std::unique_ptr<connector::Table> make_test_table(std::shared_ptr<const TableRows> rows) {
  return std::make_unique<TestTable>(std::move(rows));
}

}  // namespace leat::trial
