#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "operator/definition_record.h"
#include "operator/detail_table.h"
#include "operator/eviction.h"
#include "operator/keyed_inputs.h"
#include "operator/keyed_output.h"
#include "operator/keyed_runner.h"
#include "operator/open_sessions.h"
#include "operator/row_pages.h"
#include "operator/view.h"
#include "operator/window_clock.h"

namespace leat::op {

/// A query run anew for each session whose rows have changed (Emit::on_update), or once for each
/// session that closes (Emit::on_close). A session is fed whole and as a key of its own. When the
/// watermark reaches its end its rows are forgotten, and what the query gave stays as it is. With
/// Late::update that is `allowed_lateness_us` later: until then rows change sessions that were
/// given out, and one that is no longer over is taken back.
///
/// A row is late when its time lies behind the watermark of an earlier epoch (by more than
/// `allowed_lateness_us`), or when it has none that a session could close after. A row that is
/// taken back leaves its session if that is open; else it is final, and nothing changes.
class SessionViewOperator final : public ViewOperator {
 public:
  SessionViewOperator(const std::string& name, const KeyedView& view,
                      const std::vector<Schema>& inputs, const Resources& resources,
                      state::Family& family);

  /// The rest of construction, which can fail.
  Status prepare();

  const Schema& output() const override { return query_.output; }

  Status absorb(unsigned worker, const EpochContext&, std::size_t input, const ChangeChunk& changes,
                std::vector<LateRow>& late) override;
  Status merge(unsigned index, const EpochContext& context,
               std::vector<ChangeChunk>& output) override;
  Status persist(unsigned index, state::CommitBatch& batch) override;
  Status restore() override;
  Status scan(const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override;

  std::uint64_t row_count() const override { return row_count_.rows(); }
  std::uint64_t memory_bytes() const override;
  std::uint64_t refused() const override { return runner_.refused(); }
  std::string last_refusal() const override { return runner_.last_refusal(); }

 private:
  /// Of a session, under its key and id.
  struct Record {
    KeyedOutput output;
    EventTimeUs start;
    EventTimeUs last;
    std::uint64_t closed;

    static Record& of(std::byte* record) { return *reinterpret_cast<Record*>(record); }
    static const Record& of(const std::byte* record) {
      return *reinterpret_cast<const Record*>(record);
    }
  };
  /// A key's bytes and behind them a session's id.
  class SessionKeys {
   public:
    static constexpr std::size_t id_bytes = sizeof(EventTimeUs);
    static EventTimeUs id_of(std::string_view session_key);

    void clear();
    void add(std::string_view key, EventTimeUs id);
    std::span<const std::string_view> all();

   private:
    std::string bytes_;
    std::vector<std::size_t> ends_;
    std::vector<std::string_view> keys_;
  };
  struct Shard {
    explicit Shard(const OpenSessions::Times& times) : open(times) {}
    OpenSessions open;
    WindowIndex retained;  // closed sessions' entries that are to be forgotten some day
    std::vector<OpenSessions::Key*> touched;
    std::unique_ptr<EvictionPolicy> eviction;
    std::unique_ptr<KeyedOutputWriter> writer;
    std::vector<state::KeyedShard*> tables;  // the outputs' first
    std::atomic<std::uint64_t> open_bytes{0};
    // Scratch space.
    SessionKeys keys;
    std::vector<RowPages::Group> groups;
    std::vector<state::Entry*> entries;
    std::string row;
  };
  /// A row out of a group that is about to be taken apart.
  struct KeptRow {
    EventTimeUs time;
    std::int64_t weight;
    std::string bytes;
  };
  using Sessions = std::vector<OpenSession*>;

  bool closes() const { return view_.emit == Emit::on_close; }
  std::int64_t keep_us() const {
    return view_.late == Late::update ? view_.allowed_lateness_us : 0;
  }
  bool weighted() const { return query_.inputs[0].weighted; }
  RowPages& pages(unsigned index) { return pages_->shard(index); }

  void find_late(const InputRows& rows, KeyedWork& work, std::vector<LateRow>& late) const;
  void touch(Shard& shard, OpenSessions::Key& key) const;
  std::string_view stored_row(const KeyedWork& work, std::uint32_t row, Shard& shard) const;
  Status add_rows(const KeyedWork& work, unsigned index, Shard& shard);
  Status join_sessions(std::span<const OpenSessions::Merged> merged, unsigned index, Shard& shard);
  Status take_rows_back(const KeyedWork& work, unsigned index, Shard& shard);
  Status split_sessions(unsigned index, Shard& shard);
  Status split(OpenSessions::Key& key, const OpenSession& session, unsigned index, Shard& shard,
               std::vector<OpenSession>& parts);
  Status take_group(std::string_view key, EventTimeUs id, unsigned index, Shard& shard,
                    std::vector<KeptRow>& rows);
  Status put_group(std::string_view key, EventTimeUs id, std::span<const KeptRow> rows,
                   unsigned index, Shard& shard);
  void end_entry(state::Entry* entry, unsigned index, Shard& shard);
  Status write_bounds(unsigned index, Shard& shard);
  Status run(const Sessions& sessions, unsigned index, Shard& shard);
  Status run_batch(KeyedFeed& feed, std::vector<state::Entry*>& entries, unsigned index,
                   Shard& shard);
  Status find_groups(std::span<OpenSession* const> sessions, unsigned index, Shard& shard);
  Status close_sessions(const EpochContext& context, const Sessions& changed, unsigned index,
                        Shard& shard);
  Status reopen(const Sessions& changed, EventTimeUs time, unsigned index, Shard& shard);
  Status close(const Sessions& sessions, unsigned index, Shard& shard);
  void forget_sessions(unsigned index, Shard& shard, EventTimeUs time);

  const KeyedView view_;
  const sql::KeyedQuery& query_;
  const sql::KeyedQuery::Session session_;
  const Resources resources_;
  state::Family& family_;
  DefinitionRecord definition_;
  KeyedInputs inputs_;
  KeyedRunner runner_;
  WindowClock clock_;
  std::unique_ptr<state::KeyedTable> outputs_;
  std::unique_ptr<RowPagesTable> pages_;  // of each session
  std::deque<Shard> shards_;
  StoredRowCount row_count_;
};

}  // namespace leat::op
