#include "runtime/stream_stage.h"

#include <algorithm>
#include <numeric>

#include "base/by_halves.h"
#include "model/chunk_copy.h"
#include "runtime/stream_pass.h"

namespace leat::runtime {
namespace {

/// What a TIMESTAMPTZ can hold of a record's time.
constexpr TimestampMs came_ms_max = 9'223'372'022'400'000;

const std::int64_t* numbers_of(const Chunk& chunk, std::size_t column) {
  return static_cast<const std::int64_t*>(duckdb_vector_get_data(chunk.vector(column)));
}

}  // namespace

Result<std::unique_ptr<StreamStage>> StreamStage::make(Setup setup) {
  std::unique_ptr<StreamStage> stage(new StreamStage(setup));
  const pipeline::StreamNode& node = *setup.node;
  for (std::size_t worker = 0; worker < setup.sessions.size(); ++worker) {
    const std::shared_ptr<sql::Session>& session = setup.sessions[worker];
    Tools tools;
    if (!setup.decoders.empty()) tools.decoder = std::move(setup.decoders[worker]);
    const auto prepare = [&](const std::string& query, bool beside) {
      sql::Program::Input input{.schema = setup.input, .with_row = true};
      for (const sql::Lookup& lookup : node.query.lookups) {
        input.lookups.push_back({lookup.relation, beside ? lookup.beside_schema() : lookup.schema});
      }
      return sql::Program::prepare(session, query, std::move(input));
    };
    const std::string& select = stage->passed_ ? node.query.rest : node.query.sql;
    if (!node.query.identity && !select.empty()) {
      tools.select = LEAT_TRY(prepare(select, false));
    }
    if (!node.query.beside.empty()) {
      tools.beside = LEAT_TRY(prepare(node.query.beside, true));
    }
    for (const pipeline::Expectation& expectation : node.expectations) {
      sql::Program::Input input{.schema = sql::with_came(node.schema, expectation.sql),
                                .with_row = true};
      tools.expectations.push_back(
          LEAT_TRY(sql::Program::prepare(session, expectation.sql, std::move(input))));
    }
    stage->tools_.push_back(std::move(tools));
  }
  if (!node.query.lookups.empty()) {
    stage->lookups_ =
        LEAT_TRY(StreamLookups::make(node.query, setup.input, *setup.lookups, setup.sessions));
  }
  return stage;
}

void StreamStage::begin_epoch() {
  if (lookups_) lookups_->begin_epoch();
  for (Tools& tools : tools_) {
    if (tools.decoder) tools.decoder->begin_slice();
  }
}

/// Feeds a slice's records into the stream's SELECT as they are decoded: no rows in between. They
/// are kept where the SELECT's columns are not all that is wanted of them.
class StreamStage::DecodeInput final : public sql::ChunkInput {
 public:
  /// `kept`: the input's schema where the rows are to be kept in `pass`, else null.
  DecodeInput(format::Decoder& decoder, const SliceWork& work, Pass& pass, std::size_t row_column,
              const Schema* kept)
      : decoder_(decoder),
        slice_(work.slice),
        origin_{work.input->topic(), work.input->number()},
        pass_(pass),
        row_column_(row_column),
        kept_(kept) {}

  Status fill(duckdb_data_chunk out) override {
    const std::size_t before = pass_.record_of.size();
    const std::size_t rows = kept_ == nullptr ? decode(out) : decode_and_keep(out);
    if (rows > 0) pass_.record_of.insert(pass_.record_of.end(), records_.begin(), records_.end());
    auto* numbers = static_cast<std::int64_t*>(
        duckdb_vector_get_data(duckdb_data_chunk_get_vector(out, row_column_)));
    for (std::size_t row = 0; row < rows; ++row) {
      numbers[row] = static_cast<std::int64_t>(before + row);
    }
    duckdb_data_chunk_set_size(out, rows);
    return {};
  }

 private:
  std::size_t decode(duckdb_data_chunk out) {
    std::size_t rows = 0;
    while (next_ < slice_.records.size() && rows == 0) {
      next_ = decoder_.decode(slice_, origin_, next_, out, records_, pass_.refused);
      rows = records_.size();
    }
    return rows;
  }

  std::size_t decode_and_keep(duckdb_data_chunk out) {
    Chunk chunk(*kept_);
    const std::size_t rows = decode(chunk.handle());
    if (rows == 0) return 0;
    for (std::size_t column = 0; column < row_column_; ++column) {
      duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(out, column),
                                     chunk.vector(column));
    }
    pass_.decoded.push_back(std::move(chunk));
    return rows;
  }

  format::Decoder& decoder_;
  const Slice& slice_;
  const format::Origin origin_;
  Pass& pass_;
  const std::size_t row_column_;
  const Schema* const kept_;
  std::size_t next_ = 0;
  std::vector<std::uint32_t> records_;  // of the chunk
};

/// The rows of one chunk.
class StreamStage::SelectingOfChunk final : public Selecting {
 public:
  SelectingOfChunk(sql::Program& select, const Chunk& chunk) : select_(select), chunk_(chunk) {}

  Status run(std::size_t begin, std::size_t count,
             const std::function<Status(Chunk)>& sink) const override {
    return select_.run(*sql::input_of(chunk_, {}, true, false, begin, count), sink);
  }
  std::uint32_t input_row(std::size_t row) const override {
    return static_cast<std::uint32_t>(row);
  }

 private:
  sql::Program& select_;
  const Chunk& chunk_;
};

Status StreamStage::take_slice(SliceWork& work) const {
  Pass pass;
  pass.expected.resize(node_.expectations.size());
  pass.record_of.reserve(work.slice.records.size());
  LEAT_TRY(lookups_    ? decode_and_join(work, pass)
           : selects() ? decode_and_select(work, pass)
                       : decode_as_is(work, pass));
  work.streams[index_].tally.accepted += pass.refused.size();
  for (format::Refused& refused : pass.refused) {
    ++work.streams[index_].tally.dead_letters;
    work.dead_letters.push_back({.record = refused.record,
                                 .stage = Stage::decode,
                                 .stream = node_.name,
                                 .view = {},
                                 .column = std::move(refused.column),
                                 .reason = std::move(refused.reason)});
  }
  for (Rows& rows : std::exchange(pass.rows, {})) LEAT_TRY(hand_on(work, pass, std::move(rows)));
  tally(work, pass);
  return {};
}

Status StreamStage::decode_as_is(SliceWork& work, Pass& pass) const {
  format::Decoder& decoder = *tools_[work.worker].decoder;
  const format::Origin origin = origin_of(*work.input);
  for (std::size_t next = 0; next < work.slice.records.size();) {
    Rows rows;
    rows.changes.rows = Chunk(input_);
    const auto first = static_cast<std::uint32_t>(pass.record_of.size());
    std::vector<std::uint32_t>& records = rows.changes.record_of;
    next =
        decoder.decode(work.slice, origin, next, rows.changes.rows.handle(), records, pass.refused);
    if (records.empty()) continue;
    if (passed_) rows.changes.rows = passed_->pick(rows.changes.rows);
    pass.record_of.insert(pass.record_of.end(), records.begin(), records.end());
    rows.input_row.resize(records.size());
    std::iota(rows.input_row.begin(), rows.input_row.end(), first);
    pass.rows.push_back(std::move(rows));
  }
  pass.fates.assign(pass.record_of.size(), Fate::filtered);
  return {};
}

Status StreamStage::decode_and_select(SliceWork& work, Pass& pass) const {
  const Tools& tools = tools_[work.worker];
  std::vector<Chunk> outputs;
  DecodeInput input(*tools.decoder, work, pass, input_.size(), passed_ ? &input_ : nullptr);
  Status status = tools.select->run(input, [&](Chunk chunk) -> Status {
    outputs.push_back(std::move(chunk));
    return {};
  });
  if (!status && status.error().code == "row-failed") return decode_and_select_apart(work, pass);
  LEAT_TRY(std::move(status));
  pass.fates.assign(pass.record_of.size(), Fate::filtered);
  return collect(pass, std::move(outputs), pass.decoded, pass.record_of, 0);
}

/// Some row made the SELECT fail: decode first, then find the culprits by halves, so that all
/// others pass unharmed.
Status StreamStage::decode_and_select_apart(SliceWork& work, Pass& pass) const {
  pass.record_of.clear();
  pass.refused.clear();
  pass.decoded.clear();
  format::Decoder& decoder = *tools_[work.worker].decoder;
  const format::Origin origin = origin_of(*work.input);
  for (std::size_t next = 0; next < work.slice.records.size();) {
    Chunk chunk(input_);
    const auto first = static_cast<std::uint32_t>(pass.record_of.size());
    std::vector<std::uint32_t> records;
    next = decoder.decode(work.slice, origin, next, chunk.handle(), records, pass.refused);
    if (records.empty()) continue;
    pass.record_of.insert(pass.record_of.end(), records.begin(), records.end());
    pass.fates.resize(pass.record_of.size(), Fate::filtered);
    // The culprits are marked by their row in the chunk: shift them behind the chunks before.
    Pass of_chunk;
    of_chunk.record_of = records;
    of_chunk.fates.assign(records.size(), Fate::filtered);
    std::vector<Chunk> outputs;
    const SelectingOfChunk selecting(*tools_[work.worker].select, chunk);
    LEAT_TRY(select_by_halves(work, of_chunk, selecting, records.size(), outputs));
    std::copy(of_chunk.fates.begin(), of_chunk.fates.end(), pass.fates.begin() + first);
    LEAT_TRY(collect(pass, std::move(outputs), {&chunk, 1}, records, first));
  }
  return {};
}

/// Where a row makes the SELECT fail, it is found by halves and refused, and the others pass.
Status StreamStage::select_by_halves(SliceWork& work, Pass& pass, const Selecting& selecting,
                                     std::size_t count, std::vector<Chunk>& outputs) const {
  const auto select = [&](std::size_t begin, std::size_t part) {
    const std::size_t before = outputs.size();
    Status status = selecting.run(begin, part, [&](Chunk output) -> Status {
      outputs.push_back(std::move(output));
      return {};
    });
    if (!status) outputs.resize(before);
    return status;
  };
  return by_halves(0, count, select, [&](std::size_t row, Error reason) {
    refuse(work, pass, selecting.input_row(row),
           {.stage = Stage::select, .stream = node_.name, .reason = std::move(reason.message)});
    return Status();
  });
}

/// Ties result chunks back to the input rows they came from: the SELECT's last column says which.
Status StreamStage::collect(Pass& pass, std::vector<Chunk> outputs, std::span<const Chunk> inputs,
                            std::span<const std::uint32_t> record_of,
                            std::uint32_t first_input_row) const {
  if (passed_ && passed_->is_all()) {
    return collect_passed(pass, outputs, inputs, record_of, first_input_row);
  }
  for (Chunk& output : outputs) {
    const std::size_t count = output.size();
    if (count == 0) continue;
    const std::int64_t* numbers = numbers_of(output, output.column_count() - 1);
    Rows rows;
    rows.input_row.resize(count);
    rows.changes.record_of.resize(count);
    for (std::size_t row = 0; row < count; ++row) {
      rows.input_row[row] = static_cast<std::uint32_t>(numbers[row]);
      rows.changes.record_of[row] = record_of[rows.input_row[row]];
    }
    rows.changes.rows = passed_ ? passed_->join(output, inputs, rows.input_row) : std::move(output);
    for (std::uint32_t& input_row : rows.input_row) input_row += first_input_row;
    pass.rows.push_back(std::move(rows));
  }
  return {};
}

Chunk StreamStage::with_times(const SliceWork& work, const ChangeChunk& changes,
                              const Schema& schema) {
  Chunk timed(sql::with_came(schema));
  const std::size_t last = timed.column_count() - 1;
  for (std::size_t i = 0; i < last; ++i) {
    duckdb_vector_reference_vector(timed.vector(i), changes.rows.vector(i));
  }
  auto* times = static_cast<std::int64_t*>(duckdb_vector_get_data(timed.vector(last)));
  for (std::size_t row = 0; row < changes.rows.size(); ++row) {
    const TimestampMs came = work.slice.records[changes.record_of[row]].timestamp;
    times[row] = std::clamp(came, -came_ms_max, came_ms_max) * 1000;
  }
  timed.set_size(changes.rows.size());
  return timed;
}

/// Where nothing is computed, rows of several result chunks make one full chunk: what comes next
/// has a cost a chunk.
Status StreamStage::collect_passed(Pass& pass, std::span<const Chunk> outputs,
                                   std::span<const Chunk> inputs,
                                   std::span<const std::uint32_t> record_of,
                                   std::uint32_t first_input_row) const {
  std::vector<std::uint32_t> selected;
  for (const Chunk& output : outputs) {
    const std::int64_t* numbers = numbers_of(output, output.column_count() - 1);
    selected.insert(selected.end(), numbers, numbers + output.size());
  }
  for (std::size_t begin = 0; begin < selected.size(); begin += chunk_rows_max) {
    const std::span numbers =
        std::span(selected).subspan(begin, std::min(chunk_rows_max, selected.size() - begin));
    Rows rows;
    rows.changes.rows = passed_->join({}, inputs, numbers);
    for (const std::uint32_t number : numbers) {
      rows.input_row.push_back(number + first_input_row);
      rows.changes.record_of.push_back(record_of[number]);
    }
    pass.rows.push_back(std::move(rows));
  }
  return {};
}

Status StreamStage::take_rows(SliceWork& work, const ChangeChunk& parent) const {
  Chunk timed;
  if (timed_) timed = with_times(work, parent, input_);
  const Chunk& input = timed_ ? timed : parent.rows;
  Pass pass;
  pass.expected.resize(node_.expectations.size());
  pass.record_of = parent.record_of;
  pass.fates.assign(parent.rows.size(), Fate::filtered);
  if (!selects()) {
    Rows rows;
    rows.input_row.resize(parent.rows.size());
    std::iota(rows.input_row.begin(), rows.input_row.end(), 0);
    rows.changes.rows = passed_ ? passed_->pick(input) : copy_of(input);
    rows.changes.record_of = parent.record_of;
    pass.rows.push_back(std::move(rows));
  } else if (lookups_) {
    LEAT_TRY(join_and_select(work, pass, {&input, 1}));
  } else {
    std::vector<Chunk> outputs;
    const SelectingOfChunk selecting(*tools_[work.worker].select, input);
    LEAT_TRY(select_by_halves(work, pass, selecting, input.size(), outputs));
    LEAT_TRY(collect(pass, std::move(outputs), {&input, 1}, pass.record_of, 0));
  }
  for (Rows& rows : std::exchange(pass.rows, {})) LEAT_TRY(hand_on(work, pass, std::move(rows)));
  tally(work, pass);
  return {};
}

void StreamStage::refuse(SliceWork& work, Pass& pass, std::uint32_t input_row,
                         DeadLetter letter) const {
  const Fate fate = letter.stage == Stage::late ? Fate::late : Fate::dead;
  letter.record = pass.record_of[input_row];
  pass.mark(input_row, fate);
  work.dead_letters.push_back(std::move(letter));
}

void StreamStage::tally(SliceWork& work, const Pass& pass) const {
  StreamTally& tally = work.streams[index_].tally;
  tally.accepted += pass.fates.size();
  std::array<std::uint64_t, 4> counts{};
  for (const Fate fate : pass.fates) ++counts[static_cast<std::size_t>(fate)];
  tally.filtered += counts[static_cast<std::size_t>(Fate::filtered)];
  tally.out += counts[static_cast<std::size_t>(Fate::out)];
  tally.late += counts[static_cast<std::size_t>(Fate::late)];
  tally.dead_letters += counts[static_cast<std::size_t>(Fate::dead)];
  tally.expectations.resize(pass.expected.size());
  for (std::size_t i = 0; i < pass.expected.size(); ++i) {
    tally.expectations[i].passed += pass.expected[i].passed;
    tally.expectations[i].refused += pass.expected[i].refused;
  }
}

}  // namespace leat::runtime
