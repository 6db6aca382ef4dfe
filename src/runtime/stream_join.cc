// The part of a stream's work that joins its rows with tables: decode, look up, select.

#include <algorithm>
#include <numeric>

#include "model/chunk_copy.h"
#include "runtime/stream_pass.h"

namespace leat::runtime {

/// All of the slice is decoded before anything is looked up, so that its keys are asked at once.
Status StreamStage::decode_and_join(SliceWork& work, Pass& pass) const {
  format::Decoder& decoder = *tools_[work.worker].decoder;
  const format::Origin origin = origin_of(*work.input);
  std::vector<Chunk> chunks;
  for (std::size_t next = 0; next < work.slice.records.size();) {
    Chunk chunk(input_);
    std::vector<std::uint32_t> records;
    next = decoder.decode(work.slice, origin, next, chunk.handle(), records, pass.refused);
    if (records.empty()) continue;
    pass.record_of.insert(pass.record_of.end(), records.begin(), records.end());
    chunks.push_back(std::move(chunk));
  }
  pass.fates.assign(pass.record_of.size(), Fate::filtered);
  const std::vector<JoinedRows> joined = LEAT_TRY(lookups_->look_up(work.worker, chunks));
  std::uint32_t first = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    LEAT_TRY(join_and_select(work, pass, chunks[i], joined[i], first));
    first += static_cast<std::uint32_t>(chunks[i].size());
  }
  return {};
}

/// Runs the SELECT over one chunk, whose rows are the input rows `first_input_row`… of the pass.
Status StreamStage::join_and_select(SliceWork& work, Pass& pass, const Chunk& chunk,
                                    const JoinedRows& joined, std::uint32_t first_input_row) const {
  std::vector<bool> goes_on(chunk.size(), true);
  for (const JoinedRows::Refused& row : joined.refused) {
    goes_on[row.row] = false;
    refuse(work, pass, first_input_row + row.row,
           {.stage = Stage::select, .stream = node_.name, .reason = row.reason});
  }
  std::vector<std::uint32_t> rows;  // of the chunk
  for (std::uint32_t row = 0; row < chunk.size(); ++row) {
    if (goes_on[row]) rows.push_back(row);
  }
  Chunk left;
  if (!joined.refused.empty()) left = copy_of(chunk, rows);
  const Selected selected{joined.refused.empty() ? chunk : left, joined.relations};

  // Culprits are marked by their row among those that are left.
  Pass of_chunk;
  of_chunk.fates.assign(rows.size(), Fate::filtered);
  for (const std::uint32_t row : rows) {
    of_chunk.record_of.push_back(pass.record_of[first_input_row + row]);
  }
  std::vector<Chunk> outputs;
  if (rows.empty()) return {};
  LEAT_TRY(select_by_halves(work, of_chunk, selected, 0, rows.size(), outputs));
  LEAT_TRY(collect(of_chunk, std::move(outputs), {}, of_chunk.record_of, 0));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    pass.fates[first_input_row + rows[i]] = of_chunk.fates[i];
  }
  for (Rows& selected_rows : of_chunk.rows) {
    for (std::uint32_t& input_row : selected_rows.input_row) {
      input_row = first_input_row + rows[input_row];
    }
    pass.rows.push_back(std::move(selected_rows));
  }
  return {};
}

}  // namespace leat::runtime
