#include "server/answer_writer.h"

#include <iterator>

#include "server/event_text.h"
#include "server/status_json.h"

namespace leat::server {
namespace {

/// A longer answer is streamed, in pieces of about this size.
constexpr std::size_t piece_bytes = 128 << 10;

std::optional<AnswerFormat> format_of_media_type(std::string_view type) {
  if (type == "application/json" || type == "*/*" || type == "application/*") {
    return AnswerFormat::json;
  }
  if (type == "text/csv" || type == "text/*") return AnswerFormat::csv;
  if (type == "application/x-ndjson" || type == "application/ndjson") return AnswerFormat::ndjson;
  return std::nullopt;
}

}  // namespace

Result<AnswerFormat> answer_format(const Request& request,
                                   const std::optional<std::string>& named) {
  if (named) {
    if (*named == "json") return AnswerFormat::json;
    if (*named == "csv") return AnswerFormat::csv;
    if (*named == "ndjson") return AnswerFormat::ndjson;
    return user_error("bad-parameter", "`format` must be json, csv or ndjson, not `{}`", *named);
  }
  if (!request.has(Header::accept)) return AnswerFormat::json;
  std::string_view rest = request.header(Header::accept);
  while (!rest.empty()) {
    std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
    if (const auto format = format_of_media_type(item.substr(0, item.find_first_of("; ")))) {
      return *format;
    }
  }
  return user_error("not-acceptable",
                    "rows come as application/json, text/csv or application/x-ndjson, none of "
                    "which `Accept` allows");
}

AnswerWriter::AnswerWriter(Exchange exchange, AnswerFormat format)
    : exchange_(std::move(exchange)), format_(format) {}

Response AnswerWriter::head() const {
  Response head;
  switch (format_) {
    case AnswerFormat::json:
      head.content_type = content_type_json;
      break;
    case AnswerFormat::csv:
      head.content_type = content_type_csv;
      break;
    case AnswerFormat::ndjson:
      head.content_type = content_type_ndjson;
      break;
  }
  head.add_header("Leat-Epoch", fmt::to_string(epoch_.value()));
  return head;
}

void AnswerWriter::begin(const Schema& schema, Epoch epoch) {
  encoder_.emplace(schema);
  epoch_ = epoch;
  if (format_ == AnswerFormat::json) {
    text_ = R"({"columns":)" + server::text_of(columns_json(schema)) + R"(,"rows":[)";
  } else if (format_ == AnswerFormat::csv) {
    text_ = encoder_->csv_header() + "\r\n";
  }
}

bool AnswerWriter::add(const Chunk& chunk) {
  for (std::size_t row = 0; row < chunk.size(); ++row) {
    switch (format_) {
      case AnswerFormat::json:
        if (any_rows_) text_ += ',';
        encoder_->append_json_array(chunk, row, text_);
        break;
      case AnswerFormat::csv:
        encoder_->append_csv(chunk, row, text_);
        text_ += "\r\n";
        break;
      case AnswerFormat::ndjson: {
        const std::size_t begin = text_.size();
        encoder_->append_json_object(chunk, row, text_);
        join_lines(text_, begin);
        text_ += '\n';
        break;
      }
    }
    any_rows_ = true;
    if (text_.size() >= piece_bytes && !send()) return false;
  }
  return true;
}

bool AnswerWriter::send() {
  if (!stream_) {
    Response head = this->head();
    if (format_ != AnswerFormat::json) head.add_header("Trailer", "Leat-Truncated");
    stream_ = exchange_->stream(std::move(head), false);
  }
  const bool taken = stream_->write(std::move(text_));
  text_.clear();
  return taken;
}

void AnswerWriter::finish(const Queries::Summary& summary) {
  if (format_ == AnswerFormat::json) {
    fmt::format_to(std::back_inserter(text_),
                   R"(],"epoch":{},"truncated":{},"elapsed_ms":{:.3f}}})"
                   "\n",
                   epoch_, summary.truncated, summary.elapsed_ms);
  }
  if (stream_) {
    stream_->write(std::move(text_));
    stream_->finish(format_ != AnswerFormat::json && summary.truncated ? "Leat-Truncated: true\r\n"
                                                                       : "");
    return;
  }
  Response response = head();
  if (summary.truncated) response.add_header("Leat-Truncated", "true");
  response.body = std::move(text_);
  exchange_->reply(std::move(response));
}

void AnswerWriter::fail(const ApiError& error) {
  if (!stream_) return exchange_->reply(response_of(error));
  if (format_ == AnswerFormat::json) {
    std::string last = json_of(error);
    last.replace(0, 1, "],");
    stream_->write(text_ + last);
  }
  stream_->abort();
}

}  // namespace leat::server
