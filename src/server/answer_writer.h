#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "format/encoder.h"
#include "server/exchange.h"
#include "server/queries.h"
#include "server/request.h"

namespace leat::server {

enum class AnswerFormat { json, csv, ndjson };

/// By `named` ("json", "csv", "ndjson") where it is given, else by the request's Accept, else JSON.
/// Errors `bad-parameter`, `not-acceptable` (user).
Result<AnswerFormat> answer_format(const Request& request, const std::optional<std::string>& named);

/// Writes a query's rows as an answer. What is small is sent as one; more is streamed as it comes.
/// A fault before anything was sent has its own status. Used by one thread.
class AnswerWriter {
 public:
  AnswerWriter(Exchange exchange, AnswerFormat format);

  void begin(const Schema& schema, Epoch epoch);
  /// False when the client is gone.
  bool add(const Chunk& chunk);
  void finish(const Queries::Summary& summary);
  void fail(const ApiError& error);

 private:
  bool send();
  Response head() const;

  std::optional<Exchange> exchange_;
  const AnswerFormat format_;
  std::optional<format::RowEncoder> encoder_;
  std::shared_ptr<ResponseStream> stream_;  ///< null until the answer is known to be long
  Epoch epoch_;
  std::string text_;  ///< not sent yet
  bool any_rows_ = false;
};

}  // namespace leat::server
