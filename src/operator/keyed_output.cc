#include "operator/keyed_output.h"

#include <limits>

#include "operator/change_sum.h"
#include "operator/row_list.h"
#include "state/hash.h"

namespace leat::op {

Status KeyedOutputWriter::replace(state::Entry* entry, std::vector<std::string_view>& rows) {
  RowList::write(rows, list_);
  if (list_.size() > std::numeric_limits<std::uint32_t>::max()) {
    return user_error("too-many-rows",
                      "the {} rows that one key of the view has take more than 4 GiB", rows.size());
  }
  const bool live = entry->has(state::Entry::live);
  if (live && KeyedOutput::rows_of(entry->record()) == list_) return {};
  KeyedOutput& output = KeyedOutput::of(table_.touch(entry));
  count_.add(static_cast<std::int64_t>(rows.size()) - static_cast<std::int64_t>(output.row_count));
  output.row_count = rows.size();
  table_.set_blob(entry, 0, list_);
  return {};
}

void KeyedOutputWriter::end(state::Entry* entry) {
  // Also what was never alive: who looked for it made an entry of it, which would stay.
  const KeyedOutput& output = KeyedOutput::of(table_.touch(entry));
  count_.add(-static_cast<std::int64_t>(output.row_count));
  table_.remove(entry);
}

Status write_output_changes(const state::KeyedShard& outputs, const RowCodec& codec,
                            const Schema& schema, bool added_up, std::vector<ChangeChunk>& out) {
  ChangeWriter writer(codec, schema, out);
  ChangeSum sum;
  for (const state::Entry* entry : outputs.touched()) {
    const std::byte* now = entry->has(state::Entry::live) ? entry->record() : nullptr;
    LEAT_TRY(RowList::difference(KeyedOutput::rows_of(outputs.before(entry)),
                                 KeyedOutput::rows_of(now),
                                 [&](std::string_view row, std::int64_t weight) -> Status {
                                   if (!added_up) return writer.add(row, weight);
                                   sum.add(row, state::hash_bytes(row), weight);
                                   return {};
                                 }));
  }
  LEAT_TRY(sum.write(writer));
  return writer.flush();
}

Status scan_outputs(const state::KeyedTable& table, std::size_t record_size, const Schema& schema,
                    const RowCodec& codec, const state::Snapshot& snapshot,
                    const std::function<bool(const Chunk&)>& row_sink) {
  std::vector<std::string_view> rows;
  Status decoded;
  bool wanted = true;
  const auto flush = [&] {
    if (rows.empty() || !wanted) return;
    Chunk chunk(schema);
    decoded = codec.decode(rows, chunk, 0);
    chunk.set_size(rows.size());
    wanted = decoded.has_value() && row_sink(chunk);
    rows.clear();
  };
  LEAT_TRY(table.scan(snapshot, [&](const state::KeyedTable::Piece& piece) {
    for (std::size_t i = 0; i < piece.keys.size() && wanted; ++i) {
      RowList list(KeyedOutput::rows_of(piece.records.data() + i * record_size));
      for (std::string_view row; wanted && list.next(row);) {
        rows.push_back(row);
        if (rows.size() == chunk_rows_max) flush();
      }
    }
    flush();  // what the rows point to stays for the call only
    return wanted;
  }));
  return decoded;
}

}  // namespace leat::op
