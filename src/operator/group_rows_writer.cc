#include "operator/group_rows_writer.h"

#include <numeric>

#include "base/check.h"
#include "model/chunk_copy.h"
#include "model/column_types.h"

namespace leat::op {
GroupRowsWriter::GroupRowsWriter(const sql::AggregateQuery& query, const KeyCodec& keys,
                                 const std::vector<std::unique_ptr<Accumulator>>& accumulators,
                                 sql::Database& database)
    : query_(query),
      keys_(keys),
      accumulators_(accumulators),
      output_codec_(types_of(query.output)),
      key_columns_(query.key_count),
      post_(database, query.post, sql::Program::Input{query.groups, true, false}) {
  std::iota(key_columns_.begin(), key_columns_.end(), std::size_t{0});
}

Status GroupRowsWriter::prepare() {
  (void)LEAT_TRY(post_.borrow());
  return {};
}

Chunk GroupRowsWriter::without_row_column(const Chunk& result) const {
  Chunk rows(query_.output);
  for (std::size_t i = 0; i < query_.output.size(); ++i) {
    duckdb_vector_reference_vector(rows.vector(i), result.vector(i));
  }
  rows.set_size(result.size());
  return rows;
}

Result<std::vector<Chunk>> GroupRowsWriter::compute(std::span<const std::string_view> keys,
                                                    std::span<const std::byte* const> records) {
  Chunk chunk(query_.groups);
  if (query_.key_count > 0) LEAT_TRY(keys_.decode(keys, key_columns_, chunk, 0));
  for (std::size_t i = 0; i < accumulators_.size(); ++i) {
    LEAT_TRY(accumulators_[i]->finalise(records, chunk, query_.key_count + i));
  }
  chunk.set_size(keys.size());
  const ProgramPool::Lease post = LEAT_TRY(post_.borrow());
  const std::vector<std::int64_t> no_weights;
  const auto input = sql::input_of(chunk, no_weights, true, false);
  std::vector<Chunk> results;
  LEAT_TRY(post->run(*input, [&](Chunk result) -> Status {
    results.push_back(std::move(result));
    return {};
  }));
  return results;
}

/// Where some group fails, the groups are halved until it stands alone.
Status GroupRowsWriter::run(const Groups& groups, std::size_t first, std::size_t count,
                            const Sink& sink) {
  LEAT_CHECK(count <= chunk_rows_max);
  if (count == 0) return {};
  const auto results = compute(std::span(groups.keys).subspan(first, count),
                               std::span(groups.records).subspan(first, count));
  if (results) {
    for (const Chunk& result : *results) {
      LEAT_TRY(sink(result, without_row_column(result), first));
    }
    return {};
  }
  if (results.error().domain != Domain::user) return std::unexpected(results.error());
  if (count == 1) {
    note_refusal(results.error());
    return {};
  }
  LEAT_TRY(run(groups, first, count / 2, sink));
  return run(groups, first + count / 2, count - count / 2, sink);
}

void GroupRowsWriter::note_refusal(const Error& error) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(refusal_mutex_);
  last_refusal_ = error.message;
}

std::string GroupRowsWriter::last_refusal() const {
  const std::lock_guard lock(refusal_mutex_);
  return last_refusal_;
}

Status GroupRowsWriter::write(const Groups& groups, const std::function<Status(Chunk)>& sink) {
  return run(groups, [&](const Chunk&, Chunk rows, std::size_t) { return sink(std::move(rows)); });
}

Result<GroupRowsWriter::Written> GroupRowsWriter::write_apart(
    const Groups& groups, std::size_t group_count, std::span<const std::size_t> index_of) {
  Written written;
  written.row_of.resize(group_count);
  const auto sink = [&](const Chunk& result, Chunk rows, std::size_t first) -> Status {
    const auto* group_rows = static_cast<const std::int64_t*>(
        duckdb_vector_get_data(result.vector(query_.output.size())));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const auto group = first + static_cast<std::size_t>(group_rows[row]);
      written.row_of[index_of[group]] = Row{written.chunks.size(), static_cast<std::uint32_t>(row)};
    }
    output_codec_.encode(rows, written.encoded.emplace_back());
    written.chunks.push_back(std::move(rows));
    return {};
  };
  LEAT_TRY(run(groups, sink));
  return written;
}

Status GroupRowsWriter::write_changes(std::span<const Turned> groups,
                                      std::vector<ChangeChunk>& output) {
  LEAT_CHECK(groups.size() <= chunk_rows_max / 2);
  Groups old_groups, new_groups;
  std::vector<std::size_t> old_index, new_index;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].before != nullptr) {
      old_groups.add(groups[i].key, groups[i].before);
      old_index.push_back(i);
    }
    if (groups[i].after != nullptr) {
      new_groups.add(groups[i].key, groups[i].after);
      new_index.push_back(i);
    }
  }
  const Written before = LEAT_TRY(write_apart(old_groups, groups.size(), old_index));
  const Written after = LEAT_TRY(write_apart(new_groups, groups.size(), new_index));
  std::vector<std::vector<std::uint32_t>> gone(before.chunks.size()), come(after.chunks.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto& was = before.row_of[i];
    const auto& is = after.row_of[i];
    if (was && is && before.bytes_of(*was) == after.bytes_of(*is)) continue;
    if (was) gone[was->chunk].push_back(was->row);
    if (is) come[is->chunk].push_back(is->row);
  }
  ChangeChunk changes;
  changes.rows = Chunk(query_.output);
  const auto append = [&](const Written& from, const auto& rows, std::int64_t weight) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      append_rows(from.chunks[i], rows[i], changes.rows);
      changes.weights.insert(changes.weights.end(), rows[i].size(), weight);
    }
  };
  append(before, gone, -1);
  append(after, come, 1);
  if (changes.rows.size() > 0) output.push_back(std::move(changes));
  return {};
}

}  // namespace leat::op
