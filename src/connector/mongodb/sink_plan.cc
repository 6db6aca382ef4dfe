#include "connector/mongodb/sink_plan.h"

#include <algorithm>

#include "format/json_pointer.h"

namespace leat::connector::mongodb {
namespace {

constexpr std::string_view record_key_name = "$key";
constexpr std::string_view id_name = "_id";

bool is_point_in_time(const Type& type) {
  return type.id() == DUCKDB_TYPE_DATE || type.id() == DUCKDB_TYPE_TIMESTAMP ||
         type.id() == DUCKDB_TYPE_TIMESTAMP_TZ || type.id() == DUCKDB_TYPE_TIMESTAMP_S ||
         type.id() == DUCKDB_TYPE_TIMESTAMP_MS || type.id() == DUCKDB_TYPE_TIMESTAMP_NS;
}

Result<std::size_t> find_column(const SinkInput& input, std::string_view name,
                                std::string_view setting) {
  if (const auto column = input.schema.find(name)) return *column;
  std::string columns;
  for (const Column& column : input.schema) {
    columns += columns.empty() ? "" : ", ";
    columns += column.name;
  }
  return user_error("bad-key", "`{}`: {} has no column `{}`; its columns are {}", setting,
                    input.from, name, columns);
}

Status read_topic_key(const std::vector<std::string>& key, SinkPlan& plan) {
  if (key.size() == 1 && key[0] == record_key_name) {
    plan.identity = Identity::record_key;
    return {};
  }
  plan.identity = Identity::pointers;
  for (const std::string& written : key) {
    auto tokens = format::parse_json_pointer(written);
    if (!tokens || tokens->empty() || plan.value != ValueForm::json) {
      return user_error("bad-key",
                        "`key`: \"{}\" says nothing of a topic's records; write `$key` for the "
                        "record's own key, or JSON pointers into JSON records, as /login/uuid",
                        written);
    }
    plan.key_pointers.push_back({tokens->back(), *tokens, written});
  }
  return {};
}

/// Decides between inserts and writes by key, and what the `_id` is.
Status read_identity(const std::vector<std::string>& key, SinkPlan& plan) {
  const SinkInput& input = plan.input;
  const bool is_view = input.kind == SinkInput::Kind::view;
  plan.writing = Writing::by_key;
  if (input.changes) {
    if (!key.empty()) {
      return user_error("bad-key",
                        "`changes: true` writes every change as a document of its own; leave out "
                        "`key`, or leave out `changes`");
    }
    plan.writing = Writing::insert;
  } else if (!key.empty()) {
    if (input.kind == SinkInput::Kind::topic) return read_topic_key(key, plan);
    plan.identity = Identity::columns;
    for (const std::string& name : key) {
      plan.key_columns.push_back(LEAT_TRY(find_column(input, name, "key")));
    }
    // What takes a row back is known by the view's key alone.
    std::vector<std::size_t> ours = plan.key_columns, theirs = input.key;
    std::ranges::sort(ours);
    std::ranges::sort(theirs);
    if (is_view && input.rows_change && ours != theirs) {
      return user_error("bad-key",
                        "`key`: the rows of view {} come and go by its own key; leave out `key`",
                        input.from);
    }
  } else if (is_view && !input.key.empty()) {
    plan.identity = Identity::columns;
    plan.key_columns = input.key;
  } else if (is_view && input.rows_change) {
    plan.identity = Identity::name;
  } else {
    plan.writing = Writing::insert;
  }
  if (plan.writing == Writing::insert && input.kind != SinkInput::Kind::topic && !input.changes) {
    for (const Column& column : input.schema) {
      if (column.name == id_name) plan.identity = Identity::own;
    }
  }
  return {};
}

Status check_names(const SinkPlan& plan) {
  if (plan.input.kind == SinkInput::Kind::topic) return {};
  for (std::size_t i = 0; i < plan.input.schema.size(); ++i) {
    const std::string& name = plan.input.schema[i].name;
    if (name.empty() || name.starts_with('$')) {
      return user_error("name-clash",
                        "MongoDB does not take a field with the name `{}`; rename the column in "
                        "the query",
                        name);
    }
    if (plan.input.changes && name == "weight") {
      return user_error("name-clash",
                        "the rows have a column `weight`, which `changes: true` writes itself; "
                        "rename the column in the query");
    }
    const bool is_key = plan.key_columns == std::vector<std::size_t>{i};
    if (name == id_name && plan.identity != Identity::own && !is_key) {
      return user_error("name-clash",
                        "the rows have a column `_id`, but their documents get another one; rename "
                        "the column in the query, or write `key: [_id]`");
    }
  }
  return {};
}

Status read_time_series(const Settings& settings, SinkPlan& plan) {
  if (!settings.has("time_series")) return {};
  const Settings& given = settings.group("time_series");
  TimeSeries series{.time = given.text("time"),
                    .meta = given.text("meta"),
                    .granularity = given.text("granularity"),
                    .expire_after_s = given.duration_ms("expire_after") / 1000};
  if (plan.writing != Writing::insert || plan.transactions || plan.replace_taken) {
    return user_error("bad-time-series",
                      "documents of a time-series collection can only be added, and not in "
                      "transactions; leave out `time_series`, or `key`, `transactions` and "
                      "`if_taken`, and for a view whose rows change write `changes: true`");
  }
  if (plan.input.kind == SinkInput::Kind::topic) {
    return user_error("bad-time-series",
                      "a topic's records have no dates, which a time-series collection is by; make "
                      "a stream of {} with a column of type timestamp, and write that",
                      plan.input.from);
  }
  const std::size_t time = LEAT_TRY(find_column(plan.input, series.time, "time_series.time"));
  if (!is_point_in_time(plan.input.schema[time].type) || plan.timestamps != TimestampForm::date) {
    return user_error("bad-time-series",
                      "`time_series.time`: `{}` is written as {}, not as a date; name a column of "
                      "type timestamp or date, and leave `timestamps` at `date`",
                      series.time, plan.input.schema[time].type.to_sql());
  }
  series.time = plan.input.schema[time].name;
  if (!series.meta.empty()) {
    const std::size_t meta = LEAT_TRY(find_column(plan.input, series.meta, "time_series.meta"));
    series.meta = plan.input.schema[meta].name;
  }
  plan.time_series = std::move(series);
  return {};
}

Status read_time_to_live(const Settings& settings, SinkPlan& plan) {
  if (!settings.has("ttl")) return {};
  const Settings& given = settings.group("ttl");
  TimeToLive ttl{.field = given.text("field"), .after_s = given.duration_ms("after") / 1000};
  if (plan.time_series) {
    return user_error("bad-ttl",
                      "a time-series collection has `time_series.expire_after`; leave "
                      "out `ttl`");
  }
  if (plan.input.kind != SinkInput::Kind::topic) {
    const std::size_t column = LEAT_TRY(find_column(plan.input, ttl.field, "ttl.field"));
    ttl.field = plan.input.schema[column].name;
    if (!is_point_in_time(plan.input.schema[column].type) ||
        plan.timestamps != TimestampForm::date) {
      return user_error("bad-ttl",
                        "`ttl.field`: `{}` is written as {}, not as a date: MongoDB would never "
                        "delete by it; name a column of type timestamp or date, and leave "
                        "`timestamps` at `date`",
                        ttl.field, plan.input.schema[column].type.to_sql());
    }
  } else if (plan.metadata.empty() || ttl.field != plan.metadata + ".timestamp") {
    return user_error(
        "bad-ttl",
        "`ttl.field`: the only date in a topic's documents is the record's timestamp; "
        "write `metadata: record` and `ttl: {{field: record.timestamp, …}}`");
  }
  plan.time_to_live = std::move(ttl);
  return {};
}

}  // namespace

Result<SinkPlan> read_sink_plan(const SinkInput& input, const Settings& settings) {
  SinkPlan plan;
  plan.input = input;
  const Uri uri(mongoc_uri_new(settings.text("uri").c_str()));
  plan.collection = LEAT_TRY(read_collection_name(settings, uri));
  const std::string& value = settings.text("value");
  plan.value = value == "text"     ? ValueForm::text
               : value == "binary" ? ValueForm::binary
                                   : ValueForm::json;
  plan.metadata = settings.text("metadata");
  if (!plan.metadata.empty() && input.kind != SinkInput::Kind::topic) {
    return user_error("bad-metadata",
                      "`metadata` is of a topic's records; {} is none: select what you need as "
                      "columns",
                      input.from);
  }
  if (plan.metadata == id_name || plan.metadata.starts_with('$') ||
      plan.metadata.find('.') != std::string::npos) {
    return user_error("bad-metadata", "`metadata: {}` can't be the name of a field", plan.metadata);
  }
  plan.timestamps =
      settings.text("timestamps") == "text" ? TimestampForm::text : TimestampForm::date;
  plan.replace_taken = settings.text("if_taken") == "replace";
  plan.transactions = settings.flag("transactions");
  plan.positions = settings.text("positions");
  plan.create = settings.flag("create");
  LEAT_TRY(read_identity(settings.list("key"), plan));
  LEAT_TRY(check_names(plan));
  for (const std::string& text : settings.list("indexes")) {
    plan.indexes.push_back(LEAT_TRY(read_index_plan(text)));
  }
  LEAT_TRY(read_time_series(settings, plan));
  LEAT_TRY(read_time_to_live(settings, plan));
  if (plan.transactions && plan.positions == plan.collection.collection) {
    return user_error("bad-transactions",
                      "`positions: {}` is the collection of the documents themselves; name another",
                      plan.positions);
  }
  return plan;
}

}  // namespace leat::connector::mongodb
