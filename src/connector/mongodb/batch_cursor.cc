#include "connector/mongodb/batch_cursor.h"

#include "connector/mongodb/bson_writer.h"

namespace leat::connector::mongodb {
namespace {

constexpr std::int64_t farewell_ms = 300;

}  // namespace

BatchCursor::~BatchCursor() {
  if (id_ == 0) return;
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  writer.text("killCursors", collection_);
  const std::size_t list = writer.begin_array("cursors");
  writer.int64("0", id_);
  writer.end(list);
  writer.end(start);
  const BsonView command(bytes);
  const auto turn = client_.begin({}, farewell_ms);
  // Where this fails, the server closes it after a while.
  mongoc_client_command_simple(client_.handle(), database_.c_str(), command.get(), nullptr, nullptr,
                               nullptr);
}

Result<CursorBatch> BatchCursor::open(const bson_t& command, std::stop_token stop) {
  bson_error_t error;
  {
    const auto turn = client_.begin(stop);
    session_.reset(mongoc_client_start_session(client_.handle(), nullptr, &error));
    if (session_ == nullptr) return client_.failed("start a session", error);
  }
  return ask(command, "firstBatch", std::move(stop));
}

Result<CursorBatch> BatchCursor::next(std::int64_t await_ms, std::stop_token stop) {
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  writer.int64("getMore", id_);
  writer.text("collection", collection_);
  if (await_ms > 0) writer.int64("maxTimeMS", await_ms);
  writer.end(start);
  return ask(BsonView(bytes), "nextBatch", std::move(stop));
}

Result<CursorBatch> BatchCursor::ask(const bson_t& command, const char* batch_name,
                                     std::stop_token stop) {
  const auto turn = client_.begin(std::move(stop));
  const Bson options;
  bson_error_t error;
  mongoc_client_session_append(session_.get(), options.get(), &error);
  if (!mongoc_client_command_with_opts(client_.handle(), database_.c_str(), &command, nullptr,
                                       options.get(), reply_.fresh(), &error)) {
    return client_.failed(action_, error, &reply_.document);
  }
  CursorBatch batch;
  bson_iter_t at, cursor, each;
  if (!bson_iter_init_find(&at, &reply_.document, "cursor") || !bson_iter_recurse(&at, &cursor)) {
    return internal_error("mongodb-answer", "mongodb {}: can't {}: the answer has no cursor",
                          client_.endpoint().shown, action_);
  }
  while (bson_iter_next(&cursor)) {
    const std::string_view name = bson_iter_key(&cursor);
    if (name == "id") {
      id_ = bson_iter_as_int64(&cursor);
      batch.last = id_ == 0;
    } else if (name == "ns" && BSON_ITER_HOLDS_UTF8(&cursor)) {
      collection_ = bson_iter_utf8(&cursor, nullptr);
      collection_.erase(0, database_.size() + 1);
    } else if (name == "postBatchResumeToken") {
      batch.resume_token = nested_bytes(cursor);
    } else if (name == batch_name && bson_iter_recurse(&cursor, &each)) {
      while (bson_iter_next(&each)) {
        if (BSON_ITER_HOLDS_DOCUMENT(&each)) batch.documents.push_back(nested_bytes(each));
      }
    }
  }
  return batch;
}

}  // namespace leat::connector::mongodb
