#include "connector/mongodb/bulk.h"

#include <algorithm>

#include "connector/mongodb/document_json.h"
#include "format/utf8.h"

namespace leat::connector::mongodb {
namespace {

/// Below what the server takes in a message (48,000,000), with room for what is around it.
constexpr std::size_t run_bytes_max = 16 * 1024 * 1024;
constexpr std::size_t details_bytes_max = 500;  ///< of a validator's explanation

std::string_view text_of(const bson_iter_t& at) {
  std::uint32_t size = 0;
  const char* text = bson_iter_utf8(&at, &size);
  return text == nullptr ? std::string_view() : std::string_view(text, size);
}

bool has_elements(const bson_t& document, const char* array) {
  bson_iter_t at, each;
  return bson_iter_init_find(&at, &document, array) && BSON_ITER_HOLDS_ARRAY(&at) &&
         bson_iter_recurse(&at, &each) && bson_iter_next(&each);
}

/// What a validator says of the document, shortened.
std::string details_of(const bson_iter_t& information) {
  const BsonView whole(nested_bytes(information));
  bson_iter_t at;
  const bool has_details =
      bson_iter_init_find(&at, whole.get(), "details") && BSON_ITER_HOLDS_DOCUMENT(&at);
  std::string details;
  append_extended_json(BsonView(nested_bytes(has_details ? at : information)), details);
  return format::excerpt(details, details_bytes_max);
}

BulkAnswer::Fault read_fault(const bson_iter_t& error) {
  BulkAnswer::Fault fault;
  bson_iter_t at;
  if (!BSON_ITER_HOLDS_DOCUMENT(&error) || !bson_iter_recurse(&error, &at)) return fault;
  std::string details;
  while (bson_iter_next(&at)) {
    const std::string_view name = bson_iter_key(&at);
    if (name == "index") {
      fault.operation = static_cast<std::size_t>(bson_iter_as_int64(&at));
    } else if (name == "code") {
      fault.code = static_cast<std::uint32_t>(bson_iter_as_int64(&at));
    } else if (name == "errmsg" && BSON_ITER_HOLDS_UTF8(&at)) {
      fault.words = text_of(at);
    } else if (name == "errInfo" && BSON_ITER_HOLDS_DOCUMENT(&at)) {
      details = details_of(at);
    } else if (name == "keyPattern" && BSON_ITER_HOLDS_DOCUMENT(&at)) {
      bson_iter_t key;
      fault.of_id = bson_iter_recurse(&at, &key) && bson_iter_next(&key) &&
                    std::string_view(bson_iter_key(&key)) == "_id" && !bson_iter_next(&key);
    }
  }
  // Servers before 4.2 tell the index in words only.
  if (fault.words.find("index: _id_ ") != std::string::npos) fault.of_id = true;
  if (!details.empty()) fault.words += ": " + details;
  return fault;
}

}  // namespace

std::span<const Operation> next_run(std::span<const Operation> rest, std::size_t count_max) {
  std::size_t count = 0, bytes = 0;
  while (count < std::min(rest.size(), count_max) && rest[count].kind == rest[0].kind &&
         (count == 0 || bytes + rest[count].size <= run_bytes_max)) {
    bytes += rest[count++].size;
  }
  return rest.first(count);
}

BulkSender::BulkSender(Client& client, const CollectionName& collection,
                       mongoc_client_session_t* session)
    : client_(client),
      in_transaction_(session != nullptr),
      collection_(client.collection(collection)),
      action_("write to " + collection.shown()) {
  bson_append_bool(options_.get(), "ordered", -1, in_transaction_);
  if (in_transaction_) {
    bson_error_t error;
    mongoc_client_session_append(session, options_.get(), &error);
  } else {
    const WriteConcern concern(mongoc_write_concern_new());
    mongoc_write_concern_set_wmajority(concern.get(), -1);
    mongoc_write_concern_set_wtimeout_int64(concern.get(), client.endpoint().timeout_ms);
    mongoc_write_concern_append(concern.get(), options_.get());
  }
  // What was written here is well-formed, and the server has its own word on names.
  bson_append_bool(insert_options_.get(), "validate", -1, false);
  bson_append_bool(replace_options_.get(), "validate", -1, false);
  bson_append_bool(replace_options_.get(), "upsert", -1, true);
}

Status BulkSender::add(const Operations& operations, const Operation& operation,
                       mongoc_bulk_operation_t* bulk) {
  bson_error_t error;
  const BsonView document(operations.document(operation));
  bool added = false;
  if (operation.kind == Operation::Kind::insert) {
    added =
        mongoc_bulk_operation_insert_with_opts(bulk, document.get(), insert_options_.get(), &error);
  } else {
    id_document_.clear();
    BsonWriter writer(id_document_);
    const std::size_t start = writer.begin();
    writer.element_bytes(operations.id(operation));
    writer.end(start);
    const BsonView selector(id_document_);
    added = operation.kind == Operation::Kind::remove
                ? mongoc_bulk_operation_remove_one_with_opts(bulk, selector.get(), nullptr, &error)
                : mongoc_bulk_operation_replace_one_with_opts(bulk, selector.get(), document.get(),
                                                              replace_options_.get(), &error);
  }
  if (added) return {};
  return user_error("mongodb-refused", "{}", error.message);
}

BulkAnswer BulkSender::send(const Operations& operations, std::span<const Operation> run) {
  BulkAnswer answer;
  const Bulk bulk(
      mongoc_collection_create_bulk_operation_with_opts(collection_.get(), options_.get()));
  for (std::size_t i = 0; i < run.size(); ++i) {
    Status added = add(operations, run[i], bulk.get());
    if (added) continue;
    // A document that libmongoc itself will not send; nothing was sent yet.
    answer.failure = std::move(added).error();
    answer.data_at_fault = true;
    return answer;
  }
  Reply reply;
  bson_error_t error{};
  if (mongoc_bulk_operation_execute(bulk.get(), reply.fresh(), &error) != 0) return answer;
  read_faults(reply.document, answer);
  const Cause cause = cause_of(error, &reply.document);
  const bool of_operations = !answer.faults.empty() && error.domain == MONGOC_ERROR_SERVER;
  if (of_operations && has_elements(reply.document, "writeConcernErrors")) {
    // No majority has the others.
    answer.failure = transient_error("mongodb-unavailable",
                                     "mongodb {}: can't {}: no majority of the replica set has the "
                                     "documents yet",
                                     client_.endpoint().shown, action_)
                         .error();
    return answer;
  }
  if (of_operations && cause != Cause::outage) return answer;
  answer.data_at_fault = cause == Cause::data || cause == Cause::taken_id;
  answer.failure = client_.failed(action_, error, &reply.document).error();
  return answer;
}

void BulkSender::read_faults(const bson_t& reply, BulkAnswer& answer) const {
  bson_iter_t errors, each;
  if (!bson_iter_init_find(&errors, &reply, "writeErrors") || !BSON_ITER_HOLDS_ARRAY(&errors) ||
      !bson_iter_recurse(&errors, &each)) {
    return;
  }
  while (bson_iter_next(&each)) answer.faults.push_back(read_fault(each));
}

}  // namespace leat::connector::mongodb
