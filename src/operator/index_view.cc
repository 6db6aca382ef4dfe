#include "operator/index_view.h"

#include <algorithm>
#include <array>

#include "state/hash.h"

namespace leat::op {
namespace {

/// The key's columns, then all columns of the row, then the added ones.
sql::ViewInput input_of(const Schema& rows, const std::vector<std::size_t>& key) {
  sql::ViewInput input{.weighted = true};
  std::vector<Column> columns;
  std::string list;
  const auto add = [&](const Column& column) {
    std::string name = "\"";
    for (const char c : column.name) name += c == '"' ? "\"\"" : std::string(1, c);
    list += fmt::format("{}\" AS c{}, ", name, columns.size());
    columns.push_back({fmt::format("c{}", columns.size()), column.type});
  };
  for (const std::size_t column : key) add(rows[column]);
  for (const Column& column : rows) add(column);
  input.sql = fmt::format("SELECT {}{}, {} FROM {}()", list, sql::row_column, sql::weight_column,
                          sql::input_function);
  input.schema = Schema(std::move(columns));
  return input;
}

std::string definition_text(const sql::ViewInput& input, std::size_t key_count) {
  std::string text = fmt::format("index 1 keys {}\ninput {}\ncolumns", key_count, input.sql);
  for (const Column& column : input.schema) text += " " + column.type.to_sql();
  return text;
}

}  // namespace

IndexView::IndexView(const std::string& name, const Schema& rows,
                     const std::vector<std::size_t>& key, const sql::ViewInput& input,
                     const Resources& resources, state::Family& family)
    : rows_(rows),
      key_count_(key.size()),
      resources_(resources),
      family_(family),
      definition_(name, definition_text(input, key.size())),
      inputs_({input}, key.size(), {rows}, resources),
      pages_(resources.table_options(family, details_prefix_of(0)), resources.shards, {}) {
  for (unsigned i = 0; i < resources.shards; ++i) {
    evictions_.emplace_back(resources);
  }
}

Result<std::unique_ptr<IndexView>> IndexView::make(const std::string& name, const Schema& rows,
                                                   const std::vector<std::size_t>& key,
                                                   const Resources& resources) {
  state::Family* family = LEAT_TRY(resources.store.family(family_of_view(name)));
  std::unique_ptr<IndexView> index(
      new IndexView(name, rows, key, input_of(rows, key), resources, *family));
  LEAT_TRY(index->inputs_.prepare());
  return index;
}

Result<bool> IndexView::find(std::string_view key, std::size_t rows_max,
                             std::vector<std::string>& rows) {
  const unsigned shard = state::KeyedTable::shard_of(state::hash_bytes(key), resources_.shards);
  RowPages& pages = pages_.shard(shard);
  const auto lock = pages.table().lock();
  std::vector<RowPages::Group> groups;
  LEAT_TRY(pages.find(std::array{key}, groups));
  if (pages.empty(groups.front())) return true;
  std::size_t found = 0;
  LEAT_TRY(pages.for_each(groups.front(), [&](const RowPages::Row& row) {
    for (std::int64_t left = row.weight; left > 0 && found <= rows_max; --left) {
      if (++found <= rows_max) rows.emplace_back(row.bytes);
    }
    return found <= rows_max;
  }));
  return found <= rows_max;
}

Status IndexView::absorb(unsigned worker, const EpochContext&, std::size_t input,
                         const ChangeChunk& changes, std::vector<LateRow>&) {
  return inputs_.absorb(worker, input, changes, [&](const InputRows& rows, KeyedWork& work) {
    for (std::size_t key = 0; key < key_count_; ++key) {
      const std::uint64_t* validity = duckdb_vector_get_validity(rows.rows().vector(key));
      if (validity == nullptr) continue;
      for (std::size_t row = 0; row < rows.size(); ++row) {
        if (!is_valid(validity, row)) work.skip[row] = 1;
      }
    }
  });
}

Status IndexView::merge(unsigned index, const EpochContext& context, std::vector<ChangeChunk>&) {
  RowPages& pages = pages_.shard(index);
  pages.begin(context.epoch);
  state::KeyedShard* const tables[] = {&pages.table()};
  evictions_[index].apply(tables);
  std::vector<std::string_view> keys;
  std::vector<RowPages::Group> groups;
  for (const KeyedWork* work : inputs_.in_order()) {
    const std::span<const std::uint32_t> rows = work->scatter.rows_of(index);
    if (!rows.empty()) ++version_;
    keys.clear();
    for (const std::uint32_t row : rows) keys.push_back(work->keys[row]);
    const auto lock = pages.table().lock();
    LEAT_TRY(pages.find_or_create(keys, groups));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      LEAT_TRY(pages.add(groups[i], work->rows[rows[i]], work->weight(rows[i])));
    }
  }
  const auto lock = pages.table().lock();
  pages.table().publish_counts();
  inputs_.merged();
  return {};
}

Status IndexView::persist(unsigned index, state::CommitBatch& batch) {
  pages_.shard(index).table().persist(batch);
  if (index == 0) definition_.persist(family_, batch);
  return {};
}

Status IndexView::restore() {
  LEAT_TRY(definition_.check(resources_.store, family_));
  is_new_ = !LEAT_TRY(resources_.store.get(family_, definition_key)).has_value();
  return pages_.restore(resources_.bytes_max_a_shard());
}

}  // namespace leat::op
