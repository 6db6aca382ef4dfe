#include "runtime/definition.h"

#include <sodium.h>

namespace leat::runtime {
namespace {

/// Collects texts so that no two different lists look the same.
class Description {
 public:
  void add(std::string_view text) { text_ += fmt::format("{}:{};", text.size(), text); }
  void add(std::int64_t number) { text_ += fmt::format("{};", number); }
  void add(const Schema& schema) {
    for (const Column& column : schema) {
      add(column.name);
      add(column.type.to_sql());
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void add_stream(const pipeline::StreamNode& stream, Description& out) {
  out.add("stream");
  out.add(stream.name);
  out.add(stream.input);
  out.add(stream.format);
  for (const DecodedColumn& column : stream.columns) {
    out.add(column.name);
    out.add(column.type.to_sql());
    out.add(column.pointer);
    out.add(column.field);
    out.add(column.required);
    out.add(column.default_json.value_or(""));
    out.add(column.numbers_from_text);
    out.add(column.time_unit);
  }
  out.add(stream.query.sql);
  for (const sql::Lookup& lookup : stream.query.lookups) {
    out.add("lookup");
    out.add(lookup.table);
    out.add(lookup.keys);
    out.add(lookup.schema);
    for (const std::size_t column : lookup.key) out.add(static_cast<std::int64_t>(column));
  }
  out.add(stream.schema);
  for (const pipeline::Expectation& expectation : stream.expectations) {
    out.add(expectation.name);
    out.add(expectation.sql);
    out.add(static_cast<std::int64_t>(expectation.otherwise));
  }
  if (stream.event_time) {
    out.add(static_cast<std::int64_t>(stream.event_time->column));
    out.add(stream.event_time->delay_ms);
    if (stream.event_time->keeps_future) out.add("keeps future");
  }
}

void add_ttl(const std::optional<op::TimeToLive>& ttl, Description& out) {
  if (!ttl) return;
  out.add(ttl->by == op::TimeToLive::By::event_time ? "ttl by event time" : "ttl");
  out.add(ttl->length_us);
}

void add_definition(const op::LatestView& view, Description& out) {
  out.add("latest");
  for (const std::size_t column : view.key) out.add(static_cast<std::int64_t>(column));
  out.add(view.version ? static_cast<std::int64_t>(*view.version) : -1);
  out.add(view.deletes);
  add_ttl(view.ttl, out);
}

void add_definition(const op::AggregateView& view, Description& out) {
  out.add("aggregate");
  out.add(view.query.pre);
  out.add(view.query.post);
  for (const sql::AggregateCall& call : view.query.aggregates) {
    out.add(static_cast<std::int64_t>(call.function));
    out.add(call.distinct);
    out.add(call.filter ? static_cast<std::int64_t>(*call.filter) : -1);
    for (const std::size_t argument : call.arguments) out.add(static_cast<std::int64_t>(argument));
  }
  out.add(static_cast<std::int64_t>(view.emit));
  out.add(view.retain_us.value_or(-1));
  if (view.late == op::Late::update) out.add(view.allowed_lateness_us);
  add_ttl(view.ttl, out);
}

void add_input(const sql::ViewInput& input, Description& out) {
  out.add(input.input);
  out.add(input.sql);
  out.add(input.weighted);
}

void add_definition(const op::SelectView& view, Description& out) {
  out.add("select");
  for (const sql::ViewInput& input : view.inputs) add_input(input, out);
  out.add(view.kept);
}

void add_definition(const op::JoinView& view, Description& out) {
  out.add("join");
  out.add(static_cast<std::int64_t>(view.query.kind));
  add_input(view.query.left, out);
  add_input(view.query.right, out);
  out.add(static_cast<std::int64_t>(view.query.key_count));
  out.add(view.query.condition);
  if (!view.query.bound) return;
  out.add(static_cast<std::int64_t>(view.query.bound->left_column));
  out.add(static_cast<std::int64_t>(view.query.bound->right_column));
  out.add(view.query.bound->lower_us);
  out.add(view.query.bound->upper_us);
}

void add_definition(const op::KeyedView& view, Description& out) {
  out.add("keyed");
  for (const sql::ViewInput& input : view.query.inputs) add_input(input, out);
  out.add(static_cast<std::int64_t>(view.query.key_count));
  out.add(view.query.sql);
  out.add(view.query.survivors);
  if (view.query.session) {
    out.add(static_cast<std::int64_t>(view.query.session->time_column));
    out.add(view.query.session->gap_us);
  }
  out.add(static_cast<std::int64_t>(view.emit));
  out.add(view.retain_us.value_or(-1));
}

void add_part(const pipeline::ViewPart& part, Description& out) {
  out.add("view");
  out.add(part.name);
  for (const std::string& input : part.inputs) out.add(input);
  std::visit([&](const auto& definition) { add_definition(definition, out); }, part.definition);
}

}  // namespace

std::string definition_of(const pipeline::Graph& graph) {
  Description out;
  for (const pipeline::StreamNode& stream : graph.streams) add_stream(stream, out);
  for (const pipeline::ViewNode& view : graph.views) {
    for (const pipeline::ViewPart& part : view.parts) add_part(part, out);
    add_part(view, out);
  }
  unsigned char hash[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(hash, reinterpret_cast<const unsigned char*>(out.text().data()),
                     out.text().size());
  char hex[2 * sizeof hash + 1];
  sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
  return hex;
}

}  // namespace leat::runtime
