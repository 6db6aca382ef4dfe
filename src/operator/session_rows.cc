// How rows come into sessions and leave them.

#include <algorithm>

#include "base/check.h"
#include "operator/session_view.h"

namespace leat::op {
namespace {

// Big-endian with the sign bit flipped: in order of time.
constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

EventTimeUs time_in_front_of(std::string_view stored_row) {
  EventTimeUs time;
  std::memcpy(&time, stored_row.data(), sizeof time);
  return time;
}

}  // namespace

void SessionViewOperator::SessionKeys::clear() {
  bytes_.clear();
  ends_.clear();
}

void SessionViewOperator::SessionKeys::add(std::string_view key, EventTimeUs id) {
  bytes_.append(key);
  const std::uint64_t big_endian = __builtin_bswap64(static_cast<std::uint64_t>(id) ^ sign_bit);
  bytes_.append(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
  ends_.push_back(bytes_.size());
}

std::span<const std::string_view> SessionViewOperator::SessionKeys::all() {
  keys_.clear();
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    keys_.push_back(std::string_view(bytes_).substr(begin, end - begin));
    begin = end;
  }
  return keys_;
}

EventTimeUs SessionViewOperator::SessionKeys::id_of(std::string_view session_key) {
  const std::string_view tail = session_key.substr(session_key.size() - id_bytes);
  return static_cast<EventTimeUs>(__builtin_bswap64(state::load_u64(tail.data())) ^ sign_bit);
}

void SessionViewOperator::touch(Shard& shard, OpenSessions::Key& key) const {
  if (!key.touched) shard.touched.push_back(&key);
  key.touched = true;
}

/// Where rows may be taken back, a row's time stands before it: a session may have to be split.
std::string_view SessionViewOperator::stored_row(const KeyedWork& work, std::uint32_t row,
                                                 Shard& shard) const {
  if (!weighted()) return work.rows[row];
  shard.row.assign(reinterpret_cast<const char*>(&work.times[row]), sizeof work.times[row]);
  shard.row.append(work.rows[row]);
  return shard.row;
}

/// First all times find their sessions; only then it is known which group each row goes to.
Status SessionViewOperator::add_rows(const KeyedWork& work, unsigned index, Shard& shard) {
  std::vector<std::uint32_t> rows;
  std::vector<OpenSessions::Key*> keys;
  std::vector<OpenSessions::Merged> merged;
  for (const std::uint32_t row : work.scatter.rows_of(index)) {
    if (work.weight(row) < 0) continue;
    OpenSessions::Key& key = shard.open.key(work.keys[row]);
    touch(shard, key);
    shard.open.add(key, work.times[row], merged);
    rows.push_back(row);
    keys.push_back(&key);
  }
  LEAT_TRY(join_sessions(merged, index, shard));
  shard.keys.clear();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    shard.keys.add(keys[i]->bytes, OpenSessions::at(*keys[i], work.times[rows[i]])->id);
  }
  const auto lock = pages(index).table().lock();
  LEAT_TRY(pages(index).find_or_create(shard.keys.all(), shard.groups));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    LEAT_TRY(
        pages(index).add(shard.groups[i], stored_row(work, rows[i], shard), work.weight(rows[i])));
  }
  return {};
}

/// Sessions that rows have brought together: the later one's rows go to the earlier one.
Status SessionViewOperator::join_sessions(std::span<const OpenSessions::Merged> merged,
                                          unsigned index, Shard& shard) {
  std::vector<KeptRow> rows;
  for (const OpenSessions::Merged& one : merged) {
    rows.clear();
    LEAT_TRY(take_group(one.key->bytes, one.from.id, index, shard, rows));
    LEAT_TRY(put_group(one.key->bytes, one.into, rows, index, shard));
    end_entry(one.from.entry, index, shard);
  }
  return {};
}

Status SessionViewOperator::take_rows_back(const KeyedWork& work, unsigned index, Shard& shard) {
  std::vector<std::uint32_t> rows;
  shard.keys.clear();
  for (const std::uint32_t row : work.scatter.rows_of(index)) {
    if (work.weight(row) > 0) continue;
    OpenSessions::Key* key = shard.open.find(work.keys[row]);
    OpenSession* session = key == nullptr ? nullptr : OpenSessions::at(*key, work.times[row]);
    // Its session has closed, or the row was late and never got in.
    if (session == nullptr) continue;
    session->changed = session->shrunk = true;
    touch(shard, *key);
    rows.push_back(row);
    shard.keys.add(key->bytes, session->id);
  }
  const auto lock = pages(index).table().lock();
  LEAT_TRY(pages(index).find_or_create(shard.keys.all(), shard.groups));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    LEAT_TRY(
        pages(index).add(shard.groups[i], stored_row(work, rows[i], shard), work.weight(rows[i])));
  }
  return {};
}

/// Sessions that rows were taken from begin later, end earlier, fall apart or are no more.
Status SessionViewOperator::split_sessions(unsigned index, Shard& shard) {
  for (OpenSessions::Key* key : shard.touched) {
    if (std::ranges::none_of(key->sessions, &OpenSession::shrunk)) continue;
    std::vector<OpenSession> sessions;
    for (const OpenSession& session : key->sessions) {
      if (session.shrunk) {
        LEAT_TRY(split(*key, session, index, shard, sessions));
      } else {
        sessions.push_back(session);
      }
    }
    key->sessions = std::move(sessions);
    shard.open.schedule(*key);
  }
  return {};
}

Status SessionViewOperator::split(OpenSessions::Key& key, const OpenSession& session,
                                  unsigned index, Shard& shard, std::vector<OpenSession>& parts) {
  std::vector<KeptRow> rows;
  LEAT_TRY(take_group(key.bytes, session.id, index, shard, rows));
  std::ranges::stable_sort(rows, {}, &KeptRow::time);
  bool kept_entry = false;
  for (std::size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    for (end = begin + 1; end < rows.size(); ++end) {
      if (rows[end].time >= OpenSessions::end_of(rows[end - 1].time, session_.gap_us)) break;
    }
    OpenSession part{.id = rows[begin].time, .start = rows[begin].time, .last = rows[end - 1].time};
    // At most one part has the session's id between its rows.
    if (part.start <= session.id && session.id <= part.last) {
      part.id = session.id;
      part.entry = session.entry;
      kept_entry = true;
    }
    LEAT_TRY(
        put_group(key.bytes, part.id, std::span(rows).subspan(begin, end - begin), index, shard));
    parts.push_back(part);
  }
  if (!kept_entry) end_entry(session.entry, index, shard);
  return {};
}

/// Takes all rows out of a session's group. What has no positive weight was taken back without
/// having got in, and is forgotten.
Status SessionViewOperator::take_group(std::string_view key, EventTimeUs id, unsigned index,
                                       Shard& shard, std::vector<KeptRow>& rows) {
  shard.keys.clear();
  shard.keys.add(key, id);
  const auto lock = pages(index).table().lock();
  LEAT_TRY(pages(index).find(shard.keys.all(), shard.groups));
  LEAT_TRY(pages(index).for_each(shard.groups[0], [&](const RowPages::Row& row) {
    if (row.weight > 0) {
      rows.push_back(
          {weighted() ? time_in_front_of(row.bytes) : 0, row.weight, std::string(row.bytes)});
    }
    return true;
  }));
  return pages(index).drop(shard.groups[0]);
}

Status SessionViewOperator::put_group(std::string_view key, EventTimeUs id,
                                      std::span<const KeptRow> rows, unsigned index, Shard& shard) {
  if (rows.empty()) return {};
  shard.keys.clear();
  shard.keys.add(key, id);
  const auto lock = pages(index).table().lock();
  LEAT_TRY(pages(index).find_or_create(shard.keys.all(), shard.groups));
  const RowPages::Group group = shard.groups[0];
  for (const KeptRow& row : rows) LEAT_TRY(pages(index).add(group, row.bytes, row.weight));
  return {};
}

void SessionViewOperator::end_entry(state::Entry* entry, unsigned index, Shard& shard) {
  if (entry == nullptr) return;
  state::KeyedShard& outputs = outputs_->shard(index);
  const auto lock = outputs.lock();
  shard.writer->end(entry);
  outputs.unpin(entry);
}

/// Gives new sessions an entry, and all that have changed their bounds.
Status SessionViewOperator::write_bounds(unsigned index, Shard& shard) {
  Sessions fresh;
  shard.keys.clear();
  for (OpenSessions::Key* key : shard.touched) {
    for (OpenSession& session : key->sessions) {
      if (session.entry != nullptr) continue;
      fresh.push_back(&session);
      shard.keys.add(key->bytes, session.id);
    }
  }
  state::KeyedShard& outputs = outputs_->shard(index);
  const auto lock = outputs.lock();
  std::vector<state::KeyedShard::Key> keys;
  for (const std::string_view key : shard.keys.all()) {
    keys.push_back({key, state::hash_bytes(key)});
  }
  LEAT_TRY(outputs.find_or_create(keys, shard.entries));
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    fresh[i]->entry = shard.entries[i];
    outputs.touch(fresh[i]->entry);
    outputs.pin(fresh[i]->entry);
  }
  for (OpenSessions::Key* key : shard.touched) {
    for (const OpenSession& session : key->sessions) {
      const Record& record = Record::of(session.entry->record());
      if (!session.changed || (record.start == session.start && record.last == session.last)) {
        continue;
      }
      Record& now = Record::of(outputs.touch(session.entry));
      now.start = session.start;
      now.last = session.last;
    }
  }
  return {};
}

}  // namespace leat::op
