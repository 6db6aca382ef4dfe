#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/mongodb/client.h"

namespace leat::connector::mongodb {

/// What the server gave at one time.
struct CursorBatch {
  std::vector<std::string_view> documents;  ///< valid until the cursor's next call
  std::string_view resume_token;            ///< a change stream's, behind this batch; empty: none
  bool last = false;                        ///< the server has closed the cursor
};

/// Reads the answer to `aggregate` or `find` batch by batch, as the server gives them (libmongoc's
/// own cursors don't show where one ends). Closes itself on the server. Used by one thread;
/// `client` outlives it.
class BatchCursor {
 public:
  BatchCursor(Client& client, std::string database, std::string action)
      : client_(client), database_(std::move(database)), action_(std::move(action)) {}
  ~BatchCursor();
  BatchCursor(const BatchCursor&) = delete;
  BatchCursor& operator=(const BatchCursor&) = delete;

  /// The command's first batch. Errors: those of Client::failed.
  Result<CursorBatch> open(const bson_t& command, std::stop_token stop);
  /// `await_ms`: waits so long for a change to come; 0: not a change stream.
  Result<CursorBatch> next(std::int64_t await_ms, std::stop_token stop);

 private:
  Result<CursorBatch> ask(const bson_t& command, const char* batch_name, std::stop_token stop);

  Client& client_;
  const std::string database_;
  const std::string action_;
  Session session_;
  Reply reply_;
  std::int64_t id_ = 0;
  std::string collection_;  ///< that the cursor is in, as the server names it
};

}  // namespace leat::connector::mongodb
