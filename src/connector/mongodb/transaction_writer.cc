#include "connector/mongodb/transaction_writer.h"

#include <algorithm>
#include <chrono>

#include <spdlog/spdlog.h>

namespace leat::connector::mongodb {
namespace {

constexpr std::size_t run_operations_max = 50'000;
constexpr int tries_max = 4;  ///< of a transaction that the server asks to try again, at once

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void append_majority(bson_t* options, std::int64_t timeout_ms) {
  const WriteConcern concern(mongoc_write_concern_new());
  mongoc_write_concern_set_wmajority(concern.get(), -1);
  mongoc_write_concern_set_wtimeout_int64(concern.get(), timeout_ms);
  mongoc_write_concern_append(concern.get(), options);
}

constexpr std::uint32_t duplicate_key = 11000;

/// Makes the sink's document, or takes it over, unless a later claim is there: one that a slow
/// network brings at last must not shut out who has come since.
std::string claim_command(const SinkPlan& plan, const bson_t& session, std::int64_t claimed_ms) {
  constexpr std::int32_t sessions_max = 8;
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  writer.text("findAndModify", plan.positions);
  const std::size_t query = writer.begin_document("query");
  writer.text("_id", plan.input.sink);
  const std::size_t claimed = writer.begin_document("claimed");
  const std::size_t no_later = writer.begin_document("$not");
  writer.date("$gte", claimed_ms);
  writer.end(no_later);
  writer.end(claimed);
  writer.end(query);
  const std::size_t update = writer.begin_document("update");
  const std::size_t increase = writer.begin_document("$inc");
  writer.int64("owner", 1);
  writer.end(increase);
  const std::size_t set = writer.begin_document("$set");
  writer.date("claimed", claimed_ms);
  writer.end(set);
  const std::size_t push = writer.begin_document("$push");
  const std::size_t sessions = writer.begin_document("sessions");
  const std::size_t each = writer.begin_array("$each");
  writer.document("0", bytes_of(session));
  writer.end(each);
  writer.int32("$slice", -sessions_max);
  writer.end(sessions);
  writer.end(push);
  writer.end(update);
  writer.boolean("upsert", true);
  writer.boolean("new", true);
  writer.end(start);
  return bytes;
}

}  // namespace

TransactionWriter::TransactionWriter(Client& client, const SinkPlan& plan)
    : client_(client),
      plan_(plan),
      positions_{plan.collection.database, plan.positions},
      outside_(client, plan) {}

Result<std::optional<std::string>> TransactionWriter::claim() {
  bson_error_t error;
  session_.reset(mongoc_client_start_session(client_.handle(), nullptr, &error));
  if (session_ == nullptr) return client_.failed("start a session", error);
  sender_.emplace(client_, plan_.collection, session_.get());

  const std::string action =
      fmt::format("take over sink {} in {}", plan_.input.sink, positions_.shown());
  const std::string bytes =
      claim_command(plan_, *mongoc_client_session_get_lsid(session_.get()), now_ms());
  const BsonView command(bytes);
  const Bson options;
  append_majority(options.get(), client_.endpoint().timeout_ms);
  Reply reply;
  if (!mongoc_client_write_command_with_opts(client_.handle(), positions_.database.c_str(),
                                             command.get(), options.get(), reply.fresh(), &error)) {
    if (error.code == duplicate_key) {
      return transient_error("mongodb-claimed",
                             "mongodb {}: can't {}: it was taken over just now, or by a machine "
                             "whose clock is ahead of this one's",
                             client_.endpoint().shown, action);
    }
    return client_.failed(action, error, &reply.document);
  }
  bson_iter_t at, inside;
  if (!bson_iter_init(&at, &reply.document) ||
      !bson_iter_find_descendant(&at, "value.owner", &inside)) {
    return internal_error("mongodb-answer", "mongodb {}: can't {}: the answer has no owner",
                          client_.endpoint().shown, action);
  }
  owner_ = bson_iter_as_int64(&inside);
  end_sessions(reply.document);

  bson_iter_init(&at, &reply.document);
  if (!bson_iter_find_descendant(&at, "value.position", &inside) ||
      !BSON_ITER_HOLDS_UTF8(&inside)) {
    return std::nullopt;
  }
  std::uint32_t size = 0;
  const char* position = bson_iter_utf8(&inside, &size);
  return std::string(position, size);
}

/// All but our own. Where that is not allowed, they end by themselves.
void TransactionWriter::end_sessions(const bson_t& reply) {
  bson_iter_t at, sessions, each;
  if (!bson_iter_init(&at, &reply) ||
      !bson_iter_find_descendant(&at, "value.sessions", &sessions) ||
      !bson_iter_recurse(&sessions, &each)) {
    return;
  }
  const std::string_view ours = bytes_of(*mongoc_client_session_get_lsid(session_.get()));
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  const std::size_t list = writer.begin_array("killSessions");
  IndexName index_name;
  std::size_t count = 0;
  while (bson_iter_next(&each)) {
    const std::string_view session = nested_bytes(each);
    if (!session.empty() && session != ours) writer.document(index_name.of(count++), session);
  }
  writer.end(list);
  writer.end(start);
  if (count == 0) return;
  Reply ended;
  if (const Status done = client_.run("admin", BsonView(bytes), ended, "end old sessions"); !done) {
    spdlog::debug("{}", done.error().message);
  }
}

Status TransactionWriter::write(const Operations& operations, const SinkBatch& batch,
                                std::vector<RefusedRow> refused) {
  // The server breaks a transaction off at the first fault. From there on a trial goes through the
  // rest, so that all faults are found in about one pass; then everything else is written at once.
  std::vector<Operation> left = operations.list;
  std::size_t from = 0;
  std::size_t count_max = run_operations_max;
  std::size_t set_aside = 0;
  for (int tries = 0;;) {
    const bool whole = from == 0 || from >= left.size();
    if (whole) from = 0;
    const Completion completion{batch, refused, set_aside};
    Outcome outcome = attempt(operations, std::span(left).subspan(from), count_max,
                              whole ? &completion : nullptr);
    if (outcome.done && whole) return {};
    if (outcome.failure) {
      if (!outcome.try_again || ++tries >= tries_max || client_.interrupt().is_up()) {
        return std::unexpected(std::move(*outcome.failure));
      }
      continue;
    }
    if (outcome.done) {
      from = 0;
      continue;
    }
    const std::size_t at = from + outcome.at;
    if (outcome.halve > 1) {
      count_max = outcome.halve / 2;
    } else {
      count_max = run_operations_max;
      LEAT_TRY(settle(operations, outcome, left, at, refused));
    }
    from = at;
  }
}

TransactionWriter::Outcome TransactionWriter::attempt(const Operations& operations,
                                                      std::span<const Operation> list,
                                                      std::size_t count_max,
                                                      const Completion* completion) {
  bson_error_t error;
  const TransactionOptions options(mongoc_transaction_opts_new());
  const WriteConcern concern(mongoc_write_concern_new());
  mongoc_write_concern_set_wmajority(concern.get(), -1);
  mongoc_write_concern_set_wtimeout_int64(concern.get(), client_.endpoint().timeout_ms);
  mongoc_transaction_opts_set_write_concern(options.get(), concern.get());
  if (!mongoc_client_session_start_transaction(session_.get(), options.get(), &error)) {
    return failed(error, Reply(), "begin a transaction");
  }
  Outcome outcome = write_runs(operations, list, count_max);
  if (outcome.done && completion != nullptr) {
    outcome = complete(*completion);
    if (outcome.done) return commit();
  }
  // Whatever the answer: the server forgets a transaction that nobody commits.
  mongoc_client_session_abort_transaction(session_.get(), nullptr);
  return outcome;
}

TransactionWriter::Outcome TransactionWriter::complete(const Completion& completion) {
  Outcome outcome = store_position(completion.batch.position);
  const auto refused = completion.refused.subspan(completion.set_aside);
  if (!outcome.done || refused.empty()) return outcome;
  Status set_aside = completion.batch.set_aside(refused);
  if (!set_aside) return {.failure = std::move(set_aside).error()};
  completion.set_aside += refused.size();
  return outcome;
}

TransactionWriter::Outcome TransactionWriter::write_runs(const Operations& operations,
                                                         std::span<const Operation> list,
                                                         std::size_t count_max) {
  for (std::size_t at = 0; at < list.size();) {
    const auto run = next_run(list.subspan(at), count_max);
    BulkAnswer answer = sender_->send(operations, run);
    if (answer.failure && answer.data_at_fault) {
      Outcome outcome{.at = at, .halve = run.size()};
      if (run.size() == 1) outcome.fault = {.words = std::move(answer.failure->message)};
      return outcome;
    }
    if (answer.failure) {
      const bool again = answer.failure->retryable;
      return {.failure = std::move(answer.failure), .try_again = again};
    }
    if (!answer.faults.empty()) {
      BulkAnswer::Fault& fault = answer.faults[0];
      return {.at = at + std::min(fault.operation, run.size() - 1), .fault = std::move(fault)};
    }
    at += run.size();
  }
  return {.done = true};
}

TransactionWriter::Outcome TransactionWriter::store_position(const std::string& position) {
  std::string selector_bytes, update_bytes;
  BsonWriter selector(selector_bytes), update(update_bytes);
  std::size_t start = selector.begin();
  selector.text("_id", plan_.input.sink);
  selector.int64("owner", owner_);
  selector.end(start);
  start = update.begin();
  const std::size_t set = update.begin_document("$set");
  update.text("position", position);
  update.text("collection", plan_.collection.shown());
  update.date("at", now_ms());
  update.end(set);
  update.end(start);
  const BsonView selector_view(selector_bytes), update_view(update_bytes);
  const Bson options;
  bson_error_t error;
  mongoc_client_session_append(session_.get(), options.get(), &error);
  const Collection collection = client_.collection(positions_);
  Reply reply;
  const std::string action = "store the position in " + positions_.shown();
  if (!mongoc_collection_update_one(collection.get(), selector_view.get(), update_view.get(),
                                    options.get(), reply.fresh(), &error)) {
    return failed(error, reply, action);
  }
  bson_iter_t at;
  if (bson_iter_init_find(&at, &reply.document, "matchedCount") && bson_iter_as_int64(&at) == 1) {
    return {.done = true};
  }
  return {.failure =
              external_error("sink-fenced",
                             "mongodb {}: another instance has taken sink {} over (see "
                             "`owner` in {}); this one writes nothing more. End one of them, "
                             "or give the sink of one pipeline another name",
                             client_.endpoint().shown, plan_.input.sink, positions_.shown())
                  .error()};
}

TransactionWriter::Outcome TransactionWriter::commit() {
  bson_error_t error;
  for (int tries = 1;; ++tries) {
    Reply reply;
    if (mongoc_client_session_commit_transaction(session_.get(), reply.fresh(), &error)) {
      return {.done = true};
    }
    // Committing again is safe; beginning anew might not be. Opening the sink again shows what
    // became of it.
    const bool unknown = mongoc_error_has_label(&reply.document, "UnknownTransactionCommitResult");
    if (!unknown) return failed(error, reply, "commit to " + plan_.collection.shown());
    if (tries >= tries_max || client_.interrupt().is_up()) {
      return {.failure =
                  transient_error("mongodb-unavailable",
                                  "mongodb {}: nobody says whether the commit to {} was "
                                  "done: {}",
                                  client_.endpoint().shown, plan_.collection.shown(), error.message)
                      .error()};
    }
  }
}

TransactionWriter::Outcome TransactionWriter::failed(const bson_error_t& error, const Reply& reply,
                                                     std::string_view action) const {
  Outcome outcome;
  outcome.failure = client_.failed(action, error, &reply.document).error();
  outcome.try_again = mongoc_error_has_label(&reply.document, "TransientTransactionError");
  return outcome;
}

Status TransactionWriter::settle(const Operations& operations, const Outcome& outcome,
                                 std::vector<Operation>& left, std::size_t at,
                                 std::vector<RefusedRow>& refused) {
  const BulkAnswer::Fault& fault = *outcome.fault;
  const auto verdict = LEAT_TRY(outside_.judge(left[at], fault, refused));
  if (verdict == BatchWriter::Verdict::taken) return drop_present(operations, left, at, refused);
  left.erase(left.begin() + static_cast<std::ptrdiff_t>(at));
  return {};
}

/// Leaves out what is there already, as from a time without transactions; looks at all that is left
/// at once, as more of it may be there.
Status TransactionWriter::drop_present(const Operations& operations, std::vector<Operation>& left,
                                       std::size_t from, std::vector<RefusedRow>& refused) {
  const auto is_insert = [](const Operation& operation) {
    return operation.kind == Operation::Kind::insert;
  };
  std::vector<Operation> asked, equal, differing;
  std::copy_if(left.begin() + static_cast<std::ptrdiff_t>(from), left.end(),
               std::back_inserter(asked), is_insert);
  LEAT_TRY(outside_.find_present(operations, asked, equal, differing));
  // By their place in the buffer: several may have one `_id`.
  std::unordered_set<std::size_t> gone, replaced;
  for (const Operation& operation : equal) gone.insert(operation.begin);
  for (const Operation& operation : differing) {
    if (plan_.replace_taken) {
      replaced.insert(operation.begin);
      continue;
    }
    LEAT_TRY(outside_.refuse_taken(operations, operation, refused));
    gone.insert(operation.begin);
  }
  if (!gone.contains(left[from].begin) && !replaced.contains(left[from].begin)) {
    // Taken within this very batch, or by an `_id` of another type that counts as equal.
    LEAT_TRY(outside_.refuse_taken(operations, left[from], refused));
    gone.insert(left[from].begin);
  }
  std::erase_if(left, [&](Operation& operation) {
    if (replaced.contains(operation.begin)) operation.kind = Operation::Kind::replace;
    return gone.contains(operation.begin);
  });
  return {};
}

}  // namespace leat::connector::mongodb
