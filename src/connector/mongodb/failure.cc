#include "connector/mongodb/failure.h"

#include <algorithm>
#include <array>

namespace leat::connector::mongodb {
namespace {

// The numbers of the server's errors, by the names that its documentation gives them.
constexpr std::array<std::uint32_t, 37> passing = {
    6,      // HostUnreachable
    7,      // HostNotFound
    24,     // LockTimeout
    43,     // CursorNotFound
    46,     // LockBusy
    50,     // MaxTimeMSExpired
    63,     // StaleShardVersion
    64,     // WriteConcernFailed (wtimeout)
    74,     // NodeNotFound
    89,     // NetworkTimeout
    91,     // ShutdownInProgress
    100,    // UnsatisfiableWriteConcern: as long as members are missing
    112,    // WriteConflict
    117,    // ConflictingOperationInProgress
    125,    // CommandFailed
    133,    // FailedToSatisfyReadPreference
    134,    // ReadConcernMajorityNotAvailableYet
    150,    // StaleEpoch
    189,    // PrimarySteppedDown
    202,    // NetworkInterfaceExceededTimeLimit
    225,    // TransactionTooOld
    234,    // RetryChangeStream
    246,    // SnapshotUnavailable
    251,    // NoSuchTransaction
    262,    // ExceededTimeLimit
    267,    // PreparedTransactionInProgress
    290,    // TransactionExceededLifetimeLimitSeconds
    317,    // ConnectionPoolExpired
    358,    // InternalTransactionNotSupported
    9001,   // SocketException
    10058,  // LegacyNotPrimary
    10107,  // NotWritablePrimary
    11600,  // InterruptedAtShutdown
    11602,  // InterruptedDueToReplStateChange
    13435,  // NotPrimaryNoSecondaryOk
    13436,  // NotPrimaryOrSecondary
    14031,  // OutOfDiskSpace
};

constexpr std::array<std::uint32_t, 14> misconfigured = {
    20,     // IllegalOperation: transactions without a replica set
    26,     // NamespaceNotFound
    48,     // NamespaceExists
    59,     // CommandNotFound
    67,     // CannotCreateIndex
    72,     // InvalidOptions
    73,     // InvalidNamespace
    85,     // IndexOptionsConflict
    86,     // IndexKeySpecsConflict
    115,    // CommandNotSupported
    166,    // CommandNotSupportedOnView
    197,    // InvalidIndexSpecificationOption
    263,    // OperationNotSupportedInTransaction
    40573,  // change streams without a replica set
};

template <std::size_t size>
bool has(const std::array<std::uint32_t, size>& codes, std::uint32_t code) {
  return std::ranges::find(codes, code) != codes.end();
}

}  // namespace

Cause cause_of_code(std::uint32_t code) {
  if (has(passing, code)) return Cause::outage;
  if (has(misconfigured, code)) return Cause::configuration;
  switch (code) {
    case 18:    // AuthenticationFailed
    case 11:    // UserNotFound
    case 334:   // MechanismUnavailable
    case 8000:  // AtlasError: what a hosted server says of a wrong password
      return Cause::credentials;
    case 13:     // Unauthorized
    case 31:     // RoleNotFound
    case 16550:  // not authorized (older servers)
      return Cause::privilege;
    case 136:  // CappedPositionLost
    case 280:  // ChangeStreamFatalError
    case 286:  // ChangeStreamHistoryLost
    case 260:  // InvalidResumeToken
      return Cause::history_lost;
    case 11000:  // DuplicateKey
    case 11001:
    case 12582:
      return Cause::taken_id;
    default:
      return Cause::data;
  }
}

Cause cause_of(const bson_error_t& error, const bson_t* reply) {
  if (reply != nullptr && (mongoc_error_has_label(reply, "TransientTransactionError") ||
                           mongoc_error_has_label(reply, "RetryableWriteError"))) {
    return Cause::outage;
  }
  switch (error.domain) {
    case MONGOC_ERROR_SERVER:
    case MONGOC_ERROR_WRITE_CONCERN:
    case MONGOC_ERROR_QUERY:
    case MONGOC_ERROR_COMMAND:
    case MONGOC_ERROR_COLLECTION:
      return cause_of_code(error.code);
    case MONGOC_ERROR_CLIENT:
      return error.code == MONGOC_ERROR_CLIENT_AUTHENTICATE ? Cause::credentials : Cause::outage;
    case MONGOC_ERROR_SASL:
    case MONGOC_ERROR_SCRAM:
      return Cause::credentials;
    case MONGOC_ERROR_BSON:
      return Cause::data;
    case MONGOC_ERROR_PROTOCOL:
      return error.code == MONGOC_ERROR_PROTOCOL_BAD_WIRE_VERSION ? Cause::configuration
                                                                  : Cause::outage;
    case MONGOC_ERROR_TRANSACTION:
    case MONGOC_ERROR_NAMESPACE:
      return Cause::configuration;
    default:
      return Cause::outage;  // the network, or no server to be found
  }
}

}  // namespace leat::connector::mongodb
