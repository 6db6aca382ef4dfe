// What an error of the server means for the one who gets it.
#pragma once

#include <cstdint>

#include <mongoc/mongoc.h>

namespace leat::connector::mongodb {

enum class Cause : std::uint8_t {
  outage,         ///< passes by itself: no primary, a time-out, a shutdown, a full disk
  credentials,    ///< wrong user, password or mechanism
  privilege,      ///< the user may not do this
  configuration,  ///< the server or the collection can't do what is asked at all
  history_lost,   ///< a change stream's position is no longer in the oplog
  taken_id,       ///< a unique index has the document's value already
  data,           ///< the document itself is refused
};

/// Of the number that the server gives its error.
Cause cause_of_code(std::uint32_t code);
/// Of any error of libmongoc, with the server's reply where there is one.
Cause cause_of(const bson_error_t& error, const bson_t* reply);

}  // namespace leat::connector::mongodb
