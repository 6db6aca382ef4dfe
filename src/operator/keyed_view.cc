#include "operator/keyed_view.h"

#include "base/check.h"
#include "model/column_types.h"
#include "operator/first_rows_view.h"
#include "operator/framed_view.h"
#include "operator/session_view.h"
#include "state/hash.h"

namespace leat::op {
namespace {

// So few are taken back one by one; a row is looked for from the newest on.
constexpr std::size_t losers_max = 4;

}  // namespace

KeyedViewOperator::KeyedViewOperator(const std::string& name, const KeyedView& view,
                                     const std::vector<Schema>& inputs, const Resources& resources,
                                     state::Family& family)
    : view_(view),
      query_(view_.query),
      resources_(resources),
      family_(family),
      windowed_(query_.window_key && view.end_windows()),
      closes_(windowed_ && view.emit == Emit::on_close),
      definition_(name, definition_of(view)),
      clock_(resources.timeline),
      inputs_(query_.inputs, query_.key_count, inputs, resources),
      runner_(query_, inputs_, resources.database),
      outputs_(resources.table_options(family, rows_prefix, KeyedOutput::layout()),
               resources.shards,
               [shards = resources.shards, pinned = windowed_ && view.retain_us.has_value()](
                   std::string_view key, const std::byte*) {
                 return state::KeyedTable::Place{
                     state::KeyedTable::shard_of(state::hash_bytes(key), shards), pinned};
               }),
      shards_(resources.shards) {
  // The rows of windows that end are read once, or forgotten as a whole: they lie in pages.
  if (query_.ranking && !windowed_) {
    ranked_ = std::make_unique<state::KeyedTable>(
        OrderedRows::options_of(resources.table_options(family, details_prefix_of(0))),
        resources.shards, OrderedRows::place_of(resources.shards));
    order_ = std::make_unique<RankOrder>(query_.inputs[0].schema, query_.ranking->order);
  }
  for (std::size_t i = 0; !ranked_ && i < inputs_.count(); ++i) {
    pages_.push_back(std::make_unique<RowPagesTable>(
        resources.table_options(family, details_prefix_of(i)), resources.shards,
        RowPagesTable::Layout{.pinned = windowed_}));
  }
  for (unsigned i = 0; i < resources.shards; ++i) {
    shards_[i].eviction = std::make_unique<EvictionPolicy>(resources);
    shards_[i].writer = std::make_unique<KeyedOutputWriter>(outputs_.shard(i), row_count_);
    shards_[i].open.resize(inputs_.count());
    shards_[i].settling.resize(inputs_.count());
    shards_[i].tables.push_back(&outputs_.shard(i));
    for (const auto& pages : pages_) shards_[i].tables.push_back(&pages->shard(i).table());
    if (!ranked_) continue;
    shards_[i].ranked = std::make_unique<RankedRows>(ranked_->shard(i), *query_.ranking);
    shards_[i].tables.push_back(&ranked_->shard(i));
  }
}

Status KeyedViewOperator::prepare() {
  LEAT_TRY(inputs_.prepare());
  return runner_.prepare();
}

Status KeyedViewOperator::merge(unsigned index, const EpochContext& context,
                                std::vector<ChangeChunk>& output) {
  Shard& shard = shards_[index];
  for (state::KeyedShard* table : shard.tables) table->begin(context.epoch);
  shard.eviction->apply(shard.tables);
  shard.touched.clear();
  shard.touched_at.clear();
  shard.lowest.clear();
  if (windowed_) shard.closed = clock_.before(context.epoch);
  LEAT_TRY(ensure_only_key(index, shard));
  for (const KeyedWork* work : inputs_.in_order()) {
    LEAT_TRY(ranked_ ? take_ranked(*work, index, shard) : take_rows(*work, index, shard));
  }
  const EventTimeUs time = windowed_ ? time_of(context, shard) : no_watermark;
  if (closes_) LEAT_TRY(close_windows(time, index, shard));
  LEAT_TRY(ranked_ ? run_ranked(index, shard) : run_touched(index, shard));
  if (context.changes_wanted) {
    LEAT_TRY(write_output_changes(outputs_.shard(index), runner_.output_codec(), query_.output,
                                  false, output));
  }
  if (windowed_) LEAT_TRY(settle_windows(context, time, index, shard));
  state::publish_counts(shard.tables);
  inputs_.merged();
  return {};
}

/// Over no rows, too, a query without keys may have an answer.
Status KeyedViewOperator::ensure_only_key(unsigned index, Shard& shard) {
  const state::KeyedShard::Key key{{}, state::hash_bytes({})};
  if (query_.key_count > 0 || shard.has_only_key ||
      state::KeyedTable::shard_of(key.hash, resources_.shards) != index) {
    return {};
  }
  state::KeyedShard& outputs = outputs_.shard(index);
  const auto lock = outputs.lock();
  LEAT_TRY(outputs.find_or_create({&key, 1}, shard.entries));
  touch(shard, shard.entries[0]);
  shard.has_only_key = true;
  return {};
}

Status KeyedViewOperator::take_rows(const KeyedWork& work, unsigned index, Shard& shard) {
  const std::span<const std::uint32_t> rows = work.scatter.rows_of(index);
  if (rows.empty()) return {};
  shard.keys.clear();
  shard.key_bytes.clear();
  for (const std::uint32_t row : rows) {
    shard.key_bytes.push_back(work.keys[row]);
    // What is not given out yet is run when its window closes; but where rows that are not in the
    // result are forgotten they must be found out.
    if (!query_.survivors && is_open(shard, work.keys[row])) continue;
    shard.keys.push_back({work.keys[row], work.hashes[row]});
  }
  {
    state::KeyedShard& outputs = outputs_.shard(index);
    const auto lock = outputs.lock();
    LEAT_TRY(outputs.find_or_create(shard.keys, shard.entries));
  }
  for (state::Entry* entry : shard.entries) touch(shard, entry);
  RowPages& pages = pages_[work.input]->shard(index);
  const auto lock = pages.table().lock();
  LEAT_TRY(pages.find_or_create(shard.key_bytes, shard.groups));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    (void)LEAT_TRY(pages.add(shard.groups[i], work.rows[rows[i]], work.weight(rows[i])));
    if (!windowed_ || shard.groups[i]->has(state::Entry::pinned)) continue;
    pages.pin(shard.groups[i]);
    index_group(work.input, index, shard.groups[i]);
  }
  return {};
}

Status KeyedViewOperator::find_groups(unsigned index, Shard& shard,
                                      std::span<state::Entry* const> entries,
                                      std::vector<std::vector<RowPages::Group>>& groups) {
  shard.key_bytes.clear();
  for (const state::Entry* entry : entries) {
    shard.key_bytes.push_back(outputs_.shard(index).key_of(entry));
  }
  groups.resize(pages_.size());
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    RowPages& pages = pages_[i]->shard(index);
    const auto lock = pages.table().lock();
    LEAT_TRY(pages.find(shard.key_bytes, groups[i]));
  }
  return {};
}

Status KeyedViewOperator::run_touched(unsigned index, Shard& shard) {
  Batch batch(pages_.size());
  std::vector<std::vector<RowPages::Group>> groups;
  const std::span<state::Entry* const> touched = shard.touched;
  for (std::size_t begin = 0; begin < touched.size(); begin += chunk_rows_max) {
    const auto some = touched.subspan(begin, std::min(chunk_rows_max, touched.size() - begin));
    LEAT_TRY(find_groups(index, shard, some, groups));
    for (std::size_t i = 0; i < some.size(); ++i) {
      batch.feed.begin_unit();
      batch.entries.push_back(some[i]);
      batch.survivors.push_back(groups[0][i]);
      for (std::size_t input = 0; input < pages_.size(); ++input) {
        RowPages& pages = pages_[input]->shard(index);
        const auto lock = pages.table().lock();
        LEAT_TRY(pages.for_each(groups[input][i], [&](const RowPages::Row& row) {
          batch.feed.add(input, row.bytes, row.weight);
          return true;
        }));
      }
      if (batch.feed.full()) LEAT_TRY(run(index, shard, batch));
    }
  }
  return run(index, shard, batch);
}

Status KeyedViewOperator::run(unsigned index, Shard& shard, Batch& batch) {
  state::KeyedShard& outputs = outputs_.shard(index);
  const auto sink = [&](const KeyedRunner::Result& result) -> Status {
    if (query_.survivors && result.computed) {
      LEAT_TRY(forget_losers(index, shard, batch.survivors[result.unit],
                             batch.feed.rows(0, result.unit), result.survives));
    }
    const auto lock = outputs.lock();
    state::Entry* entry = batch.entries[result.unit];
    if (result.rows.empty() || is_open(shard, outputs.key_of(entry))) {
      shard.writer->end(entry);
      return {};
    }
    const Status replaced = shard.writer->replace(entry, result.rows);
    if (replaced) retain(shard, index, entry);
    if (replaced || replaced.error().domain != Domain::user) return replaced;
    runner_.note_refusal(replaced.error().message);
    shard.writer->end(entry);
    return {};
  };
  if (batch.feed.row_count() > 0 || query_.key_count == 0) {
    LEAT_TRY(runner_.run(batch.feed, sink));
  } else {
    const auto lock = outputs.lock();
    for (state::Entry* entry : batch.entries) shard.writer->end(entry);
  }
  batch.clear();
  return {};
}

/// Takes the rows that did not come out of the query from the group.
Status KeyedViewOperator::forget_losers(unsigned index, Shard& shard, RowPages::Group group,
                                        std::span<const std::string_view> rows,
                                        std::span<const std::uint8_t> survives) {
  const auto losers = static_cast<std::size_t>(std::ranges::count(survives, 0));
  if (losers == 0) return {};
  const bool one_by_one = losers <= losers_max;
  // Copies: the group's rows are about to move.
  shard.copies.clear();
  std::vector<std::size_t> ends;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if ((survives[i] != 0) == one_by_one) continue;
    shard.copies.append(rows[i]);
    ends.push_back(shard.copies.size());
  }
  RowPages& pages = pages_[0]->shard(index);
  const auto lock = pages.table().lock();
  if (!one_by_one) LEAT_TRY(pages.drop(group));
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    const auto row = std::string_view(shard.copies).substr(begin, end - begin);
    (void)LEAT_TRY(pages.add(group, row, one_by_one ? -1 : 1));
    begin = end;
  }
  return {};
}

Status KeyedViewOperator::persist(unsigned index, state::CommitBatch& batch) {
  for (state::KeyedShard* table : shards_[index].tables) table->persist(batch);
  if (index != 0) return {};
  definition_.persist(family_, batch);
  row_count_.persist(family_, batch);
  if (windowed_) clock_.persist(family_, batch);
  return {};
}

Status KeyedViewOperator::restore() {
  LEAT_TRY(definition_.check(resources_.store, family_));
  LEAT_TRY(row_count_.restore(resources_.store, family_));
  if (windowed_) LEAT_TRY(clock_.restore(resources_.store, family_));
  LEAT_TRY(
      outputs_.restore(resources_.bytes_max_a_shard(), [&](unsigned index, state::Entry* entry) {
        if (!entry->has(state::Entry::pinned)) return;
        shards_[index].retained.add(end_of(outputs_.shard(index).key_of(entry)), entry);
      }));
  if (ranked_) LEAT_TRY(ranked_->restore(resources_.bytes_max_a_shard()));
  for (Shard& shard : shards_) shard.closed = clock_.now();
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    LEAT_TRY(pages_[i]->restore(resources_.bytes_max_a_shard(),
                                [&](unsigned index, RowPages::Group group) {
                                  if (windowed_) index_group(i, index, group);
                                }));
  }
  return {};
}

Status KeyedViewOperator::scan(const state::Snapshot& snapshot,
                               const std::function<bool(const Chunk&)>& row_sink) const {
  return scan_outputs(outputs_, sizeof(KeyedOutput), query_.output, runner_.output_codec(),
                      snapshot, row_sink);
}

std::uint64_t KeyedViewOperator::memory_bytes() const {
  std::uint64_t bytes = outputs_.memory_bytes() + (ranked_ ? ranked_->memory_bytes() : 0);
  for (const auto& pages : pages_) bytes += pages->memory_bytes();
  return bytes;
}

namespace {

Status check_columns(const std::string& name, const sql::KeyedQuery& query) {
  std::vector<const Schema*> schemas = {&query.output};
  for (const sql::ViewInput& input : query.inputs) schemas.push_back(&input.schema);
  for (const Schema* schema : schemas) {
    for (const Column& column : *schema) {
      if (VectorShape::supports(column.type)) continue;
      return user_error("unsupported-type",
                        "view `{}` cannot keep column `{}` of type {}; cast it to VARCHAR", name,
                        column.name, column.type.to_sql());
    }
  }
  return {};
}

std::string text_of(const std::vector<sql::KeyedQuery::Order>& order) {
  std::string text;
  for (const auto& by : order) {
    text += fmt::format(" {} {} {}", by.column, by.descending, by.nulls_first);
  }
  return text;
}

}  // namespace

std::string definition_of(const KeyedView& view) {
  const sql::KeyedQuery& query = view.query;
  std::string text =
      fmt::format("keyed 1\nkeys {} survivors {}\ncolumns", query.key_count, query.survivors);
  for (const Column& column : query.output) {
    text += fmt::format(" {} {}", column.name, column.type.to_sql());
  }
  for (const sql::ViewInput& input : query.inputs) {
    text += fmt::format("\ninput {} weighted {} of", input.input, input.weighted);
    for (const Column& column : input.schema) text += " " + column.type.to_sql();
    text += " by " + input.sql;
  }
  if (query.session) {
    text += fmt::format("\nsessions of {} by {} closes {}", query.session->gap_us,
                        query.session->time_column, view.emit == Emit::on_close);
    if (view.late == Late::update) {
      text += fmt::format("\nlate rows update for {}", view.allowed_lateness_us);
    }
  }
  if (query.window_key && view.end_windows()) {
    text += fmt::format("\nwindows end {} after the key, given out {}", query.window_key->width_us,
                        static_cast<int>(view.emit));
  }
  if (query.ranking && !(query.window_key && view.end_windows())) {
    text += fmt::format("\nthe first {} by", query.ranking->count) + text_of(query.ranking->order);
    if (!query.shown.empty()) text += ", which alone are kept";
  }
  if (query.frames) {
    const sql::KeyedQuery::Frames& frames = *query.frames;
    text += fmt::format("\nnear are {} rows before and {} behind, {} us before and {} behind{}, by",
                        frames.rows_before, frames.rows_after, frames.us_before, frames.us_after,
                        frames.peers ? ", peers" : "");
    text += text_of(frames.order) + ", carried";
    for (const Column& column : frames.carried) text += " " + column.type.to_sql();
    if (frames.filters) text += ", filtered";
    if (frames.closes) text += fmt::format(", which close {} us after", *frames.settles_us);
    if (view.ttl) text += fmt::format(" and begin anew after {}", view.ttl->length_us);
  }
  return text + "\n" + query.sql;
}

Result<std::unique_ptr<ViewOperator>> make_keyed_view(const std::string& name,
                                                      const KeyedView& view,
                                                      const std::vector<Schema>& inputs,
                                                      const Resources& resources) {
  LEAT_CHECK(!view.query.inputs.empty());
  const bool leaves = view.query.frames && view.query.frames->closes;
  if (!view.query.session && !view.query.window_key && !leaves && view.end_windows()) {
    return user_error("not-incremental",
                      "view `{}` has no windows that could close: leave out `emit: on_close` and "
                      "`retain`",
                      name);
  }
  LEAT_TRY(check_columns(name, view.query));
  state::Family* family = LEAT_TRY(resources.store.family(family_of_view(name)));
  if (view.query.session) {
    auto made = std::make_unique<SessionViewOperator>(name, view, inputs, resources, *family);
    LEAT_TRY(made->prepare());
    return made;
  }
  if (view.query.frames) return make_framed_view(name, view, inputs, resources, *family);
  if (!view.query.shown.empty()) {
    auto made = std::make_unique<FirstRowsViewOperator>(name, view, inputs[0], resources, *family);
    LEAT_TRY(made->prepare());
    return made;
  }
  auto made = std::make_unique<KeyedViewOperator>(name, view, inputs, resources, *family);
  LEAT_TRY(made->prepare());
  return made;
}

}  // namespace leat::op
