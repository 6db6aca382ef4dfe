#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/mongodb/client.h"
#include "connector/mongodb/operations.h"

namespace leat::connector::mongodb {

/// What the server said of a run of operations.
struct BulkAnswer {
  /// One operation that was not done.
  struct Fault {
    std::size_t operation = 0;  ///< index in the run
    std::uint32_t code = 0;     ///< the server's number
    bool of_id = false;         ///< a document with this `_id` is there already
    std::string words;          ///< the server's
  };
  std::vector<Fault> faults;
  /// Why the run as a whole failed: some, all or none of it is done.
  std::optional<Error> failure;
  /// That failure is the data's: without the operation at fault it would not be.
  bool data_at_fault = false;
};

/// Sends operations to one collection, as one command each call. Used by one thread.
class BulkSender {
 public:
  /// Without a session: in any order, acknowledged by a majority. In a transaction's session: in
  /// order, up to the first fault. `client` and `session` outlive it.
  BulkSender(Client& client, const CollectionName& collection, mongoc_client_session_t* session);

  /// `run`: operations of one kind.
  BulkAnswer send(const Operations& operations, std::span<const Operation> run);
  const std::string& action() const { return action_; }

 private:
  Status add(const Operations& operations, const Operation& operation,
             mongoc_bulk_operation_t* bulk);
  void read_faults(const bson_t& reply, BulkAnswer& answer) const;

  Client& client_;
  bool in_transaction_;
  Collection collection_;
  Bson options_, insert_options_, replace_options_;
  std::string action_;  ///< for messages: "write to streaming.users"
  std::string id_document_;
};

/// The next operations that go together: of one kind, of bounded size and number.
std::span<const Operation> next_run(std::span<const Operation> rest, std::size_t count_max);

}  // namespace leat::connector::mongodb
