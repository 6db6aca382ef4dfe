#include "connector/mongodb/change_feed.h"

#include <algorithm>
#include <chrono>

#include <spdlog/spdlog.h>

#include "connector/mongodb/bson_writer.h"

namespace leat::connector::mongodb {
namespace {

constexpr std::int64_t await_ms = 1000;  ///< the server waits so long for a change to come
constexpr std::int32_t batch_documents_max = 4096;
constexpr std::size_t append_bytes_max = 1 << 20;
constexpr std::size_t append_records_max = 8192;
/// Without changes the position is noted this often: it moves on all the same.
constexpr std::chrono::seconds note_every{10};

std::string_view element(const bson_t& document, const char* name) {
  bson_iter_t at;
  return bson_iter_init_find(&at, &document, name) ? element_bytes(document, at)
                                                   : std::string_view();
}

std::string_view document_at(const bson_t& document, const char* name) {
  bson_iter_t at;
  return bson_iter_init_find(&at, &document, name) ? nested_bytes(at) : std::string_view();
}

std::size_t bytes_of_record(const ChangeRecord& record) {
  return record.key.size() + record.value.size();
}

}  // namespace

ChangeFeed::ChangeFeed(Client& client, const SourcePlan& plan, RecordWriter& writer,
                       SourceStatus& status, std::stop_token stop)
    : client_(client), plan_(plan), writer_(writer), status_(status), stop_(std::move(stop)) {}

Result<SourcePosition> ChangeFeed::beginning(bool snapshot) {
  const auto turn = client_.begin(stop_);
  Reply reply;
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  writer.int32("hello", 1);
  writer.end(start);
  LEAT_TRY(client_.run("admin", BsonView(bytes), reply, "ask the server for its time"));
  SourcePosition position;
  bson_iter_t at;
  if (bson_iter_init_find(&at, &reply.document, "operationTime") &&
      BSON_ITER_HOLDS_TIMESTAMP(&at)) {
    bson_iter_timestamp(&at, &position.start_seconds, &position.start_count);
    ++position.start_count;  // what is done by then is no change any more
  }
  if (position.start_seconds == 0) {
    return user_error("mongodb-refused",
                      "mongodb {}: changes can be followed on a replica set or a sharded cluster "
                      "only, and this server stands alone; start it with --replSet and run "
                      "rs.initiate()",
                      client_.endpoint().shown);
  }
  position.in_snapshot = snapshot;
  return position;
}

Status ChangeFeed::try_to_watch() {
  const SourcePosition now = LEAT_TRY(beginning(false));
  BatchCursor cursor(client_, plan_.collection.database, "follow " + plan_.collection.shown());
  const std::string command = watch_command(now);
  LEAT_TRY(cursor.open(BsonView(command), stop_));
  return {};
}

Status ChangeFeed::follow(SourcePosition& position) {
  if (position.in_snapshot) {
    LEAT_TRY(read_snapshot(position));
    SourcePosition done = position;
    done.in_snapshot = false;
    done.collection.clear();
    done.after.clear();
    LEAT_TRY(writer_.append({}, done.to_text()));
    position = std::move(done);
  }
  return read_changes(position);
}

// ---- The documents that are there

Status ChangeFeed::read_snapshot(SourcePosition& position) {
  status_.set_state("snapshot");
  for (const std::string& name : LEAT_TRY(collections())) {
    if (name < position.collection) continue;
    if (name != position.collection) position.after.clear();
    position.collection = name;
    LEAT_TRY(read_collection(name, position));
  }
  return {};
}

/// By name; the one that the plan names, or all of the database.
Result<std::vector<std::string>> ChangeFeed::collections() {
  if (!plan_.collection.collection.empty()) return std::vector{plan_.collection.collection};
  const auto turn = client_.begin(stop_);
  const Database database(
      mongoc_client_get_database(client_.handle(), plan_.collection.database.c_str()));
  const Bson options;
  bson_t filter;
  bson_append_document_begin(options.get(), "filter", -1, &filter);
  bson_append_utf8(&filter, "type", -1, "collection", -1);
  bson_append_document_end(options.get(), &filter);
  const Cursor cursor(mongoc_database_find_collections_with_opts(database.get(), options.get()));
  std::vector<std::string> names;
  const bson_t* found = nullptr;
  while (mongoc_cursor_next(cursor.get(), &found)) {
    bson_iter_t at;
    if (!bson_iter_init_find(&at, found, "name") || !BSON_ITER_HOLDS_UTF8(&at)) continue;
    const std::string name = bson_iter_utf8(&at, nullptr);
    if (!name.starts_with("system.")) names.push_back(name);
  }
  bson_error_t error;
  const bson_t* reply = nullptr;
  if (mongoc_cursor_error_document(cursor.get(), &error, &reply)) {
    return client_.failed("list the collections of " + plan_.collection.database, error, reply);
  }
  std::ranges::sort(names);
  return names;
}

std::string ChangeFeed::find_command(const std::string& name,
                                     const SourcePosition& position) const {
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  writer.text("find", name);
  const std::size_t hint = writer.begin_document("hint");
  writer.int32("_id", 1);
  writer.end(hint);
  if (!position.after.empty()) {
    // Not by $gt, which knows values of one type only.
    const std::size_t from = writer.begin_document("min");
    writer.element_bytes(position.after);
    writer.end(from);
  }
  const std::size_t concern = writer.begin_document("readConcern");
  writer.text("level", "majority");
  // All that the changes do not have, as they begin behind it.
  writer.timestamp("afterClusterTime", position.start_seconds, position.start_count - 1);
  writer.end(concern);
  writer.int32("batchSize", batch_documents_max);
  writer.end(start);
  return bytes;
}

Status ChangeFeed::read_collection(const std::string& name, SourcePosition& position) {
  BatchCursor cursor(client_, plan_.collection.database,
                     fmt::format("read {}.{}", plan_.collection.database, name));
  const std::string command = find_command(name, position);
  CursorBatch batch = LEAT_TRY(cursor.open(BsonView(command), stop_));
  const std::string read_already = position.after;
  for (;;) {
    std::vector<ChangeRecord> records;
    std::size_t bytes = 0;
    SourcePosition reached = position;
    for (const std::string_view document : batch.documents) {
      const BsonView view(document);
      const std::string_view id = element(view, "_id");
      if (id == read_already) continue;
      records.push_back(record_of_document(view, plan_, name));
      bytes += bytes_of_record(records.back());
      reached.after = id;
      if (bytes < append_bytes_max && records.size() < append_records_max) continue;
      LEAT_TRY(append(records, reached));
      position = reached;
      bytes = 0;
    }
    if (!records.empty()) {
      LEAT_TRY(append(records, reached));
      position = std::move(reached);
    }
    if (batch.last) return {};
    batch = LEAT_TRY(cursor.next(0, stop_));
  }
}

// ---- The changes

std::string ChangeFeed::watch_command(const SourcePosition& position) const {
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  if (plan_.collection.collection.empty()) {
    writer.int32("aggregate", 1);
  } else {
    writer.text("aggregate", plan_.collection.collection);
  }
  const std::size_t stages = writer.begin_array("pipeline");
  const std::size_t first = writer.begin_document("0");
  const std::size_t watch = writer.begin_document("$changeStream");
  writer.text("fullDocument", plan_.full_document);
  if (!plan_.before.empty()) writer.text("fullDocumentBeforeChange", plan_.before);
  if (position.token.empty()) {
    writer.timestamp("startAtOperationTime", position.start_seconds, position.start_count);
  } else {
    writer.document("startAfter", position.token);
  }
  writer.end(watch);
  writer.end(first);
  if (!plan_.pipeline.empty()) {
    const BsonView given(plan_.pipeline);
    bson_iter_t at;
    bson_iter_init(&at, given.get());
    IndexName index_name;
    for (std::size_t index = 1; bson_iter_next(&at); ++index) {
      writer.document(index_name.of(index), nested_bytes(at));
    }
  }
  writer.end(stages);
  const std::size_t cursor = writer.begin_document("cursor");
  writer.int32("batchSize", batch_documents_max);
  writer.end(cursor);
  writer.end(start);
  return bytes;
}

Status ChangeFeed::read_changes(SourcePosition& position) {
  BatchCursor cursor(client_, plan_.collection.database, "follow " + plan_.collection.shown());
  const std::string command = watch_command(position);
  CursorBatch batch = LEAT_TRY(cursor.open(BsonView(command), stop_));
  status_.set_state("reading");
  status_.set_error("");
  auto noted = std::chrono::steady_clock::now();
  for (;;) {
    const bool quiet = batch.documents.empty();
    if (!quiet) LEAT_TRY(append_events(batch, position));
    if (!batch.resume_token.empty()) position.token = batch.resume_token;
    const auto now = std::chrono::steady_clock::now();
    if (quiet && now - noted > note_every) {
      LEAT_TRY(writer_.append({}, position.to_text()));
      noted = now;
    }
    if (batch.last) {
      return transient_error("mongodb-unavailable",
                             "mongodb {}: {} was dropped or renamed; going on with a "
                             "collection of that name",
                             client_.endpoint().shown, plan_.collection.shown());
    }
    batch = LEAT_TRY(cursor.next(await_ms, stop_));
  }
}

Status ChangeFeed::append_events(const CursorBatch& batch, SourcePosition& position) {
  std::vector<ChangeRecord> records;
  std::size_t bytes = 0;
  SourcePosition reached;
  for (std::size_t i = 0; i < batch.documents.size(); ++i) {
    const BsonView event(batch.documents[i]);
    ChangeRecord record = record_of_event(event, plan_);
    bytes += bytes_of_record(record);
    if (!record.nothing) records.push_back(std::move(record));
    // Each event's `_id` is the token to go on behind it; the batch has its own behind the last.
    const bool last = i + 1 == batch.documents.size();
    const std::string_view token =
        last && !batch.resume_token.empty() ? batch.resume_token : document_at(event, "_id");
    if (!token.empty()) reached.token = token;
    if (!last && bytes < append_bytes_max && records.size() < append_records_max) continue;
    if (reached.token.empty()) {
      return user_error(
          "mongodb-refused",
          "mongodb {}: the events of {} have no `_id`: a stage of `pipeline` takes it "
          "away, but it is where reading goes on; leave it in",
          client_.endpoint().shown, plan_.collection.shown());
    }
    LEAT_TRY(append(records, reached));
    position = reached;
    bytes = 0;
  }
  return {};
}

Status ChangeFeed::append(std::vector<ChangeRecord>& records, const SourcePosition& position) {
  std::vector<RecordWriter::Entry> entries;
  entries.reserve(records.size());
  std::size_t bytes = 0;
  for (const ChangeRecord& record : records) {
    entries.push_back({.value = record.value,
                       .key = record.key,
                       .has_key = record.has_key,
                       .tombstone = record.tombstone});
    bytes += bytes_of_record(record);
  }
  const std::string text = position.to_text();
  const Status appended = writer_.append(entries, text);
  if (!appended) {
    if (appended.error().retryable || appended.error().domain != Domain::user) return appended;
    LEAT_TRY(append_one_by_one(entries, text));
  }
  status_.records += records.size();
  status_.bytes += bytes;
  records.clear();
  return {};
}

/// A record that the topic will never take must not keep the others out.
Status ChangeFeed::append_one_by_one(std::span<const RecordWriter::Entry> entries,
                                     const std::string& position) {
  for (const RecordWriter::Entry& entry : entries) {
    const Status appended = writer_.append(std::span(&entry, 1));
    if (appended) continue;
    if (appended.error().retryable || appended.error().domain != Domain::user) return appended;
    ++status_.failures;
    status_.set_error(appended.error().message);
    spdlog::error("mongodb source: the document with _id {} is left out: {}", entry.key,
                  appended.error().message);
  }
  return writer_.append({}, position);
}

}  // namespace leat::connector::mongodb
