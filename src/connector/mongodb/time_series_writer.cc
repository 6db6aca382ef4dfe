#include "connector/mongodb/time_series_writer.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_set>

namespace leat::connector::mongodb {
namespace {

constexpr std::size_t asked_at_once = 1000;

/// The times between which the documents lie, in milliseconds.
struct Span {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t last = std::numeric_limits<std::int64_t>::min();
};

Span span_of(const Operations& operations, std::span<const Operation> some,
             const std::string& time) {
  Span span;
  for (const Operation& operation : some) {
    const BsonView document(operations.document(operation));
    bson_iter_t at;
    if (!bson_iter_init_find(&at, document.get(), time.c_str()) ||
        !BSON_ITER_HOLDS_DATE_TIME(&at)) {
      continue;
    }
    span.first = std::min(span.first, bson_iter_date_time(&at));
    span.last = std::max(span.last, bson_iter_date_time(&at));
  }
  return span;
}

std::string_view text_id(const bson_t& document) {
  bson_iter_t at;
  if (!bson_iter_init_find(&at, &document, "_id") || !BSON_ITER_HOLDS_UTF8(&at)) return {};
  std::uint32_t size = 0;
  const char* text = bson_iter_utf8(&at, &size);
  return {text, size};
}

/// The query of documents with these `_id`s in these times: the times say where to look.
std::string filter_of(const Operations& operations, std::span<const Operation> some,
                      const std::string& time) {
  const Span span = span_of(operations, some, time);
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  const std::size_t times = writer.begin_document(time);
  writer.date("$gte", span.first);
  writer.date("$lte", span.last);
  writer.end(times);
  const std::size_t condition = writer.begin_document("_id");
  const std::size_t list = writer.begin_array("$in");
  IndexName index_name;
  for (std::size_t i = 0; i < some.size(); ++i) {
    const BsonView document(operations.document(some[i]));
    writer.text(index_name.of(i), text_id(document));
  }
  writer.end(list);
  writer.end(condition);
  writer.end(start);
  return bytes;
}

}  // namespace

TimeSeriesWriter::TimeSeriesWriter(Client& client, const SinkPlan& plan, std::int64_t opened_us)
    : client_(client), plan_(plan), opened_us_(opened_us), writer_(client, plan) {}

Status TimeSeriesWriter::write(const SinkBatch& batch, Operations& operations,
                               std::vector<RefusedRow>& refused) {
  const bool may_be_there = std::ranges::any_of(batch.parts, [&](const SinkRows& part) {
    return std::ranges::any_of(part.versions_us, [&](auto us) { return us <= opened_us_; });
  });
  if (may_be_there) LEAT_TRY(leave_out_present(operations));
  return writer_.write(operations, refused);
}

Status TimeSeriesWriter::leave_out_present(Operations& operations) {
  const Collection collection = client_.collection(plan_.collection);
  std::unordered_set<std::string> present;
  for (std::span<const Operation> rest = operations.list; !rest.empty();) {
    const auto some = rest.first(std::min(asked_at_once, rest.size()));
    rest = rest.subspan(some.size());
    const std::string filter_bytes = filter_of(operations, some, plan_.time_series->time);
    const BsonView filter(filter_bytes);
    const Bson options;
    bson_t projection;
    bson_append_document_begin(options.get(), "projection", -1, &projection);
    bson_append_int32(&projection, "_id", -1, 1);
    bson_append_document_end(options.get(), &projection);
    const Cursor cursor(
        mongoc_collection_find_with_opts(collection.get(), filter.get(), options.get(), nullptr));
    const bson_t* found = nullptr;
    while (mongoc_cursor_next(cursor.get(), &found)) present.emplace(text_id(*found));
    bson_error_t error;
    const bson_t* reply = nullptr;
    if (mongoc_cursor_error_document(cursor.get(), &error, &reply)) {
      return client_.failed("read from " + plan_.collection.shown(), error, reply);
    }
  }
  if (present.empty()) return {};
  std::erase_if(operations.list, [&](const Operation& operation) {
    const BsonView document(operations.document(operation));
    return present.contains(std::string(text_id(document)));
  });
  return {};
}

}  // namespace leat::connector::mongodb
