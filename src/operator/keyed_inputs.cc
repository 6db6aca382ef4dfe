#include "operator/keyed_inputs.h"

#include "model/column_types.h"
#include "state/hash.h"

namespace leat::op {

void KeyedWork::mark_null_keys(const InputRows& rows_read, std::size_t key_count) {
  for (std::size_t key = 0; key < key_count; ++key) {
    const std::uint64_t* validity = duckdb_vector_get_validity(rows_read.rows().vector(key));
    if (validity == nullptr) continue;
    times.resize(rows_read.size());
    for (std::size_t row = 0; row < rows_read.size(); ++row) {
      if (!is_valid(validity, row)) times[row] = no_watermark;
    }
  }
}

KeyedInputs::KeyedInputs(const std::vector<sql::ViewInput>& inputs, std::size_t key_count,
                         const std::vector<Schema>& schemas, const Resources& resources,
                         std::size_t passed)
    : shards_(resources.shards),
      programs_(resources.database, inputs, schemas),
      pending_(resources.workers, resources.shards) {
  for (const sql::ViewInput& input : inputs) {
    std::vector<std::size_t> rows;
    for (std::size_t i = key_count + passed; i < input.schema.size(); ++i) rows.push_back(i);
    add_side(input, key_count, std::move(rows));
  }
}

KeyedInputs::KeyedInputs(const sql::ViewInput& input, std::size_t key_count, const Schema& schema,
                         std::vector<std::size_t> row_columns, const Resources& resources)
    : shards_(resources.shards),
      programs_(resources.database, {input}, {schema}),
      pending_(resources.workers, resources.shards) {
  add_side(input, key_count, std::move(row_columns));
}

void KeyedInputs::add_side(const sql::ViewInput& input, std::size_t key_count,
                           std::vector<std::size_t> row_columns) {
  std::vector<std::size_t> keys;
  for (std::size_t i = 0; i < key_count; ++i) keys.push_back(i);
  sides_.push_back({KeyCodec(types_of(input.schema, keys)), keys,
                    RowCodec(types_of(input.schema, row_columns)), std::move(row_columns)});
}

Status KeyedInputs::absorb(unsigned worker, std::size_t input, const ChangeChunk& changes,
                           const Skip& skip) {
  if (changes.rows.size() == 0) return {};
  std::vector<InputRows> results;
  LEAT_TRY(programs_[input].run(changes, results));
  const Side& side = sides_[input];
  for (const InputRows& result : results) {
    std::unique_ptr<KeyedWork> work = pending_.fresh(worker);
    work->input = input;
    work->order = changes.order;
    work->weights = result.weights();
    side.keys.encode(result.rows(), side.key_columns, work->keys);
    side.rows.encode(result.rows(), side.row_columns, work->rows);
    work->hashes.resize(result.size());
    for (std::size_t row = 0; row < work->hashes.size(); ++row) {
      work->hashes[row] = state::hash_bytes(work->keys[row]);
    }
    work->skip.assign(result.size(), 0);
    for (std::size_t row = 0; row < work->weights.size(); ++row) {
      work->skip[row] = work->weights[row] == 0;
    }
    if (skip) skip(result, *work);
    work->scatter.assign(work->hashes, work->skip, shards_);
    pending_.add(worker, std::move(work));
  }
  return {};
}

}  // namespace leat::op
