// The part of a stream's work that joins its rows with tables: decode, look up, select.

#include <algorithm>

#include "runtime/stream_pass.h"

namespace leat::runtime {

/// Those rows of several chunks that go on, beside what they are joined with.
class StreamStage::SelectingOfJoined final : public Selecting {
 public:
  SelectingOfJoined(const Tools& tools, std::span<const Chunk> inputs, const JoinedRows& joined)
      : program_(joined.beside ? *tools.beside : *tools.select), inputs_(inputs), joined_(joined) {}

  std::size_t size() const {
    std::size_t rows = 0;
    for (const auto& of_chunk : joined_.rows) rows += of_chunk.size();
    return rows;
  }

  Status run(std::size_t begin, std::size_t count,
             const std::function<Status(Chunk)>& sink) const override {
    std::vector<sql::ChosenRows> rows;
    std::vector<std::vector<sql::ChosenRows>> beside(joined_.relations.size());
    std::int64_t first_number = 0;
    for (std::size_t chunk = 0; chunk < inputs_.size(); ++chunk) {
      const std::span<const std::uint32_t> all = joined_.rows[chunk];
      const std::size_t before = std::min(begin, all.size());
      const std::size_t taken = std::min(count, all.size() - before);
      rows.push_back({&inputs_[chunk], all.subspan(before, taken), first_number});
      for (std::size_t i = 0; joined_.beside && i < beside.size(); ++i) {
        beside[i].push_back(
            {&joined_.relations[i][chunk], sql::row_numbers(before + taken).subspan(before)});
      }
      first_number += static_cast<std::int64_t>(inputs_[chunk].size());
      begin -= before;
      count -= taken;
    }
    std::vector<std::unique_ptr<sql::ChunkInput>> relations;
    std::vector<sql::ChunkInput*> lookups;
    for (std::size_t i = 0; i < beside.size(); ++i) {
      relations.push_back(joined_.beside ? sql::input_of(std::move(beside[i]), false)
                                         : sql::input_of(joined_.relations[i]));
      lookups.push_back(relations.back().get());
    }
    return program_.run(*sql::input_of(std::move(rows), true), lookups, sink);
  }

  std::uint32_t input_row(std::size_t row) const override {
    std::size_t first = 0;
    std::size_t chunk = 0;
    for (; row >= joined_.rows[chunk].size(); ++chunk) {
      row -= joined_.rows[chunk].size();
      first += inputs_[chunk].size();
    }
    return static_cast<std::uint32_t>(first + joined_.rows[chunk][row]);
  }

 private:
  sql::Program& program_;
  const std::span<const Chunk> inputs_;
  const JoinedRows& joined_;
};

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
  return join_and_select(work, pass, chunks);
}

/// Runs the SELECT over chunks that are the input of the pass, where it has something to compute.
Status StreamStage::join_and_select(SliceWork& work, Pass& pass,
                                    std::span<const Chunk> inputs) const {
  JoinedRows joined = LEAT_TRY(lookups_->look_up(work.worker, inputs));
  for (const JoinedRows::Refused& row : joined.refused) {
    refuse(work, pass, row.row,
           {.stage = Stage::select, .stream = node_.name, .reason = row.reason});
  }
  if (joined.laid) {
    for (auto& [output, rows] : *joined.laid) {
      Rows& out = pass.rows.emplace_back();
      for (const std::uint32_t row : rows) out.changes.record_of.push_back(pass.record_of[row]);
      out.changes.rows = std::move(output);
      out.input_row = std::move(rows);
    }
    return {};
  }
  const SelectingOfJoined selecting(tools_[work.worker], inputs, joined);
  if (selecting.size() == 0) return {};
  std::vector<Chunk> outputs;
  LEAT_TRY(select_by_halves(work, pass, selecting, selecting.size(), outputs));
  return collect(pass, std::move(outputs), {}, pass.record_of, 0);
}

}  // namespace leat::runtime
