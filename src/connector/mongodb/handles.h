// libmongoc's objects, owned.
#pragma once

#include <mongoc/mongoc.h>
#include <memory>

namespace leat::connector::mongodb {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* object) const {
    destroy(object);
  }
};

/// A document that is put together through libbson. (No unique_ptr: bson_t's alignment would get
/// lost on the way through a template.)
class Bson {
 public:
  Bson() : document_(bson_new()) {}
  ~Bson() { bson_destroy(document_); }
  Bson(const Bson&) = delete;
  Bson& operator=(const Bson&) = delete;
  bson_t* get() const { return document_; }

 private:
  bson_t* document_;
};

using Uri = std::unique_ptr<mongoc_uri_t, Destroy<mongoc_uri_destroy>>;
using Session = std::unique_ptr<mongoc_client_session_t, Destroy<mongoc_client_session_destroy>>;
using Database = std::unique_ptr<mongoc_database_t, Destroy<mongoc_database_destroy>>;
using Collection = std::unique_ptr<mongoc_collection_t, Destroy<mongoc_collection_destroy>>;
using Cursor = std::unique_ptr<mongoc_cursor_t, Destroy<mongoc_cursor_destroy>>;
using ChangeStream = std::unique_ptr<mongoc_change_stream_t, Destroy<mongoc_change_stream_destroy>>;
using Bulk = std::unique_ptr<mongoc_bulk_operation_t, Destroy<mongoc_bulk_operation_destroy>>;
using ReadPreference = std::unique_ptr<mongoc_read_prefs_t, Destroy<mongoc_read_prefs_destroy>>;
using ReadConcern = std::unique_ptr<mongoc_read_concern_t, Destroy<mongoc_read_concern_destroy>>;
using WriteConcern = std::unique_ptr<mongoc_write_concern_t, Destroy<mongoc_write_concern_destroy>>;
using TransactionOptions =
    std::unique_ptr<mongoc_transaction_opt_t, Destroy<mongoc_transaction_opts_destroy>>;

/// A document that a call of libmongoc fills in: initialised before or by the call.
struct Reply {
  Reply() { bson_init(&document); }
  ~Reply() { bson_destroy(&document); }
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  /// For a call that initialises what it is given.
  bson_t* fresh() {
    bson_destroy(&document);
    return &document;
  }
  bson_t document;
};

}  // namespace leat::connector::mongodb
