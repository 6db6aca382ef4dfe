#include "connector/mongodb/batch_writer.h"

#include <algorithm>
#include <unordered_map>

#include "connector/mongodb/document_json.h"

namespace leat::connector::mongodb {
namespace {

constexpr std::size_t run_operations_max = 50'000;
constexpr std::size_t asked_at_once = 1000;  ///< `_id`s in a query

/// {"_id": {"$in": […]}}
std::string filter_of(const Operations& operations, std::span<const Operation> asked) {
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  const std::size_t condition = writer.begin_document("_id");
  const std::size_t list = writer.begin_array("$in");
  IndexName index_name;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    // The element's name in the array in the place of its own.
    const std::string_view id = operations.id(asked[i]);
    constexpr std::size_t head = sizeof("_id");  // the type and "_id", without its NUL
    bytes += id[0];
    bytes += index_name.of(i);
    bytes += id.substr(head);
  }
  writer.end(list);
  writer.end(condition);
  writer.end(start);
  return bytes;
}

/// The first element of a document is its `_id`.
std::string_view id_of(const bson_t& document) {
  bson_iter_t at;
  return bson_iter_init(&at, &document) && bson_iter_next(&at) ? element_bytes(document, at)
                                                               : std::string_view();
}

std::string shown_id(std::string_view id) {
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  writer.element_bytes(id);
  writer.end(start);
  std::string shown;
  append_extended_json(BsonView(bytes), shown);
  return shown;
}

}  // namespace

BatchWriter::BatchWriter(Client& client, const SinkPlan& plan)
    : client_(client), plan_(plan), sender_(client, plan.collection, nullptr) {}

Status BatchWriter::write(const Operations& operations, std::vector<RefusedRow>& refused) {
  for (std::span<const Operation> rest = operations.list; !rest.empty();) {
    const auto run = next_run(rest, run_operations_max);
    LEAT_TRY(write_run(operations, run, refused));
    rest = rest.subspan(run.size());
  }
  return {};
}

Status BatchWriter::write_run(const Operations& operations, std::span<const Operation> run,
                              std::vector<RefusedRow>& refused) {
  BulkAnswer answer = sender_.send(operations, run);
  if (answer.failure) {
    if (!answer.data_at_fault) return std::unexpected(std::move(*answer.failure));
    if (run.size() == 1) {
      refused.push_back({run[0].part, run[0].row, std::move(answer.failure->message)});
      return {};
    }
    // Nobody says which one it was: it is in one of the halves.
    const std::size_t half = run.size() / 2;
    LEAT_TRY(write_run(operations, run.first(half), refused));
    return write_run(operations, run.subspan(half), refused);
  }
  std::vector<Operation> taken;
  for (const BulkAnswer::Fault& fault : answer.faults) {
    if (fault.operation >= run.size()) {
      return internal_error("mongodb-answer", "mongodb {}: an error of operation {} out of {}",
                            client_.endpoint().shown, fault.operation, run.size());
    }
    const Operation& operation = run[fault.operation];
    if (LEAT_TRY(judge(operation, fault, refused)) == Verdict::taken) taken.push_back(operation);
  }
  return taken.empty() ? Status() : settle_taken(operations, taken, refused);
}

Result<BatchWriter::Verdict> BatchWriter::judge(const Operation& operation,
                                                const BulkAnswer::Fault& fault,
                                                std::vector<RefusedRow>& refused) const {
  switch (cause_of_code(fault.code)) {
    case Cause::data:
      break;
    case Cause::taken_id:
      if (!fault.of_id) break;
      if (operation.kind == Operation::Kind::insert) return Verdict::taken;
      // Somebody else made the document between the server's look and its write.
      return transient_error("mongodb-unavailable", "mongodb {}: can't {}: {}",
                             client_.endpoint().shown, sender_.action(), fault.words);
    default: {
      bson_error_t error{};
      bson_set_error(&error, MONGOC_ERROR_SERVER, fault.code, "%s", fault.words.c_str());
      return client_.failed(sender_.action(), error);
    }
  }
  refused.push_back({operation.part, operation.row,
                     fault.code == 0 ? fault.words
                                     : fmt::format("MongoDB refuses the document (error {}): {}",
                                                   fault.code, fault.words)});
  return Verdict::refused;
}

Status BatchWriter::settle_taken(const Operations& operations, std::span<const Operation> taken,
                                 std::vector<RefusedRow>& refused) {
  std::vector<Operation> differing;
  LEAT_TRY(find_differing(operations, taken, differing));
  if (differing.empty()) return {};
  if (!plan_.replace_taken) {
    for (const Operation& operation : differing) {
      LEAT_TRY(refuse_taken(operations, operation, refused));
    }
    return {};
  }
  for (Operation& operation : differing) operation.kind = Operation::Kind::replace;
  for (std::span<const Operation> rest = differing; !rest.empty();) {
    const auto run = next_run(rest, run_operations_max);
    LEAT_TRY(write_run(operations, run, refused));
    rest = rest.subspan(run.size());
  }
  return {};
}

Status BatchWriter::refuse_taken(const Operations& operations, const Operation& operation,
                                 std::vector<RefusedRow>& refused) const {
  const std::string id = shown_id(operations.id(operation));
  if (operation.own_id) {
    refused.push_back({operation.part, operation.row,
                       fmt::format("{} has another document with {} already; `if_taken: replace` "
                                   "would put the newer one in its place",
                                   plan_.collection.shown(), id)});
    return {};
  }
  return user_error("mongodb-id-taken",
                    "mongodb {}: {} has another document with {} already: it was written from "
                    "another data directory, or before {} was defined as it is now. Empty the "
                    "collection, name another one, or write `if_taken: replace`",
                    client_.endpoint().shown, plan_.collection.shown(), id, plan_.input.from);
}

Status BatchWriter::find_differing(const Operations& operations, std::span<const Operation> taken,
                                   std::vector<Operation>& differing) {
  std::vector<Operation> equal;
  LEAT_TRY(find_present(operations, taken, equal, differing));
  if (equal.size() + differing.size() == taken.size()) return {};
  // What was there a moment ago is gone or has an `_id` of another type that counts as equal.
  std::unordered_set<std::string_view> told;
  for (const Operation& operation : equal) told.insert(operations.id(operation));
  for (const Operation& operation : differing) told.insert(operations.id(operation));
  for (const Operation& operation : taken) {
    if (!told.contains(operations.id(operation))) differing.push_back(operation);
  }
  return {};
}

Status BatchWriter::find_present(const Operations& operations, std::span<const Operation> asked,
                                 std::vector<Operation>& equal, std::vector<Operation>& differing) {
  const Collection collection = client_.collection(plan_.collection);
  for (; !asked.empty(); asked = asked.subspan(std::min(asked_at_once, asked.size()))) {
    const auto some = asked.first(std::min(asked_at_once, asked.size()));
    std::unordered_multimap<std::string_view, const Operation*> by_id;
    for (const Operation& operation : some) by_id.emplace(operations.id(operation), &operation);
    const std::string filter_bytes = filter_of(operations, some);
    const BsonView filter(filter_bytes);
    const Cursor cursor(
        mongoc_collection_find_with_opts(collection.get(), filter.get(), nullptr, nullptr));
    const bson_t* found = nullptr;
    while (mongoc_cursor_next(cursor.get(), &found)) {
      const std::string_view document = bytes_of(*found);
      const auto [begin, end] = by_id.equal_range(id_of(*found));
      for (auto at = begin; at != end; ++at) {
        const bool same = operations.document(*at->second) == document;
        (same ? equal : differing).push_back(*at->second);
      }
    }
    bson_error_t error;
    const bson_t* reply = nullptr;
    if (mongoc_cursor_error_document(cursor.get(), &error, &reply)) {
      return client_.failed("read from " + plan_.collection.shown(), error, reply);
    }
  }
  return {};
}

}  // namespace leat::connector::mongodb
