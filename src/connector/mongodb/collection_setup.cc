#include "connector/mongodb/collection_setup.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "connector/mongodb/bson_writer.h"

namespace leat::connector::mongodb {
namespace {

constexpr std::uint32_t namespace_exists = 48;
constexpr std::uint32_t index_options_conflict = 85;

/// A collection that is there.
struct Found {
  std::string type;  ///< collection, timeseries or view
  std::string time_field, meta_field;
};

std::string text_at(const bson_t& document, const char* path) {
  bson_iter_t at, inside;
  if (!bson_iter_init(&at, &document) || !bson_iter_find_descendant(&at, path, &inside) ||
      !BSON_ITER_HOLDS_UTF8(&inside)) {
    return "";
  }
  return bson_iter_utf8(&inside, nullptr);
}

Result<std::optional<Found>> find_collection(Client& client, const CollectionName& name) {
  const Database database(mongoc_client_get_database(client.handle(), name.database.c_str()));
  const Bson options;
  bson_t filter;
  bson_append_document_begin(options.get(), "filter", -1, &filter);
  bson_append_utf8(&filter, "name", -1, name.collection.c_str(), -1);
  bson_append_document_end(options.get(), &filter);
  const Cursor cursor(mongoc_database_find_collections_with_opts(database.get(), options.get()));
  const bson_t* document = nullptr;
  std::optional<Found> found;
  if (mongoc_cursor_next(cursor.get(), &document)) {
    found = Found{.type = text_at(*document, "type"),
                  .time_field = text_at(*document, "options.timeseries.timeField"),
                  .meta_field = text_at(*document, "options.timeseries.metaField")};
  }
  bson_error_t error;
  const bson_t* reply = nullptr;
  if (mongoc_cursor_error_document(cursor.get(), &error, &reply)) {
    return client.failed("look for " + name.shown(), error, reply);
  }
  return found;
}

Status check_found(const SinkPlan& plan, const Found& found) {
  const std::string name = plan.collection.shown();
  if (found.type == "view") {
    return user_error("mongodb-collection",
                      "{} is a view, which nothing can be written to; name another collection",
                      name);
  }
  const bool series = found.type == "timeseries";
  if (plan.time_series && !series) {
    return user_error(
        "mongodb-collection",
        "{} is there already, but is no time-series collection; drop it, name another "
        "one, or leave out `time_series`",
        name);
  }
  if (!plan.time_series && series) {
    return user_error(
        "mongodb-collection",
        "{} is a time-series collection by `{}`; write `time_series: {{time: {}}}`, or "
        "name another collection",
        name, found.time_field, found.time_field);
  }
  if (series &&
      (found.time_field != plan.time_series->time || found.meta_field != plan.time_series->meta)) {
    return user_error("mongodb-collection",
                      "{} is a time-series collection with time `{}` and meta `{}`, but the sink "
                      "says `{}` and `{}`; write the same, or name another collection",
                      name, found.time_field, found.meta_field, plan.time_series->time,
                      plan.time_series->meta);
  }
  return {};
}

std::string create_command(const SinkPlan& plan) {
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  writer.text("create", plan.collection.collection);
  if (plan.time_series) {
    const TimeSeries& series = *plan.time_series;
    const std::size_t options = writer.begin_document("timeseries");
    writer.text("timeField", series.time);
    if (!series.meta.empty()) writer.text("metaField", series.meta);
    writer.text("granularity", series.granularity);
    writer.end(options);
    if (series.expire_after_s > 0) writer.int64("expireAfterSeconds", series.expire_after_s);
  }
  writer.end(start);
  return bytes;
}

Status create_collection(Client& client, const SinkPlan& plan) {
  const std::string bytes = create_command(plan);
  const BsonView command(bytes);
  Reply reply;
  bson_error_t error;
  if (mongoc_client_command_simple(client.handle(), plan.collection.database.c_str(), command.get(),
                                   nullptr, reply.fresh(), &error) ||
      (error.domain == MONGOC_ERROR_SERVER && error.code == namespace_exists)) {
    return {};
  }
  return client.failed("create " + plan.collection.shown(), error, &reply.document);
}

void append_key(const IndexPlan& index, BsonWriter& writer) {
  const std::size_t key = writer.begin_document("key");
  for (const IndexPlan::Field& field : index.fields) {
    if (field.kind.empty()) {
      writer.int32(field.name, field.direction);
    } else {
      writer.text(field.name, field.kind);
    }
  }
  writer.end(key);
}

std::string create_index_command(const SinkPlan& plan, const IndexPlan& index,
                                 std::optional<std::int64_t> expire_after_s) {
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  writer.text("createIndexes", plan.collection.collection);
  const std::size_t list = writer.begin_array("indexes");
  const std::size_t entry = writer.begin_document("0");
  append_key(index, writer);
  writer.text("name", index.name());
  if (index.unique) writer.boolean("unique", true);
  if (index.sparse) writer.boolean("sparse", true);
  if (expire_after_s) writer.int64("expireAfterSeconds", *expire_after_s);
  writer.end(entry);
  writer.end(list);
  writer.end(start);
  return bytes;
}

std::string change_time_to_live_command(const SinkPlan& plan, const IndexPlan& index,
                                        std::int64_t expire_after_s) {
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  writer.text("collMod", plan.collection.collection);
  const std::size_t change = writer.begin_document("index");
  const std::size_t key = writer.begin_document("keyPattern");
  for (const IndexPlan::Field& field : index.fields) writer.int32(field.name, field.direction);
  writer.end(key);
  writer.int64("expireAfterSeconds", expire_after_s);
  writer.end(change);
  writer.end(start);
  return bytes;
}

Status create_index(Client& client, const SinkPlan& plan, const IndexPlan& index,
                    std::optional<std::int64_t> expire_after_s) {
  const std::string bytes = create_index_command(plan, index, expire_after_s);
  const BsonView command(bytes);
  const std::string action =
      fmt::format("create index {} of {}", index.name(), plan.collection.shown());
  Reply reply;
  bson_error_t error;
  if (mongoc_client_command_simple(client.handle(), plan.collection.database.c_str(), command.get(),
                                   nullptr, reply.fresh(), &error)) {
    return {};
  }
  const bool differs = error.domain == MONGOC_ERROR_SERVER && error.code == index_options_conflict;
  if (!differs || !expire_after_s) return client.failed(action, error, &reply.document);
  const std::string change = change_time_to_live_command(plan, index, *expire_after_s);
  Reply changed;
  return client.run(plan.collection.database, BsonView(change), changed,
                    "change the time to live of " + action.substr(sizeof("create ") - 1));
}

Status create_indexes(Client& client, const SinkPlan& plan) {
  for (const IndexPlan& index : plan.indexes) {
    LEAT_TRY(create_index(client, plan, index, std::nullopt));
  }
  if (!plan.time_to_live) return {};
  const IndexPlan index{.fields = {{.name = plan.time_to_live->field, .kind = {}}}};
  return create_index(client, plan, index, plan.time_to_live->after_s);
}

std::unexpected<Error> missing(const SinkPlan& plan) {
  return user_error("mongodb-collection",
                    "{} is not there, and `create: false` says not to make it; make it by "
                    "db.createCollection(\"{}\")",
                    plan.collection.shown(), plan.collection.collection);
}

/// Actions that the user may do to the collection, from what connectionStatus tells of a privilege.
void add_actions(const bson_iter_t& privilege, const CollectionName& name,
                 std::set<std::string, std::less<>>& actions) {
  bson_iter_t at, inside, each;
  if (!bson_iter_recurse(&privilege, &at)) return;
  bool matches = false;
  const auto is = [&](const char* path, const std::string& wanted) {
    bson_iter_recurse(&privilege, &at);
    if (!bson_iter_find_descendant(&at, path, &inside)) return false;
    const char* text = BSON_ITER_HOLDS_UTF8(&inside) ? bson_iter_utf8(&inside, nullptr) : nullptr;
    return text != nullptr && (*text == '\0' || text == wanted);
  };
  matches = is("resource.db", name.database) && is("resource.collection", name.collection);
  bson_iter_recurse(&privilege, &at);
  matches = matches || bson_iter_find_descendant(&at, "resource.anyResource", &inside);
  bson_iter_recurse(&privilege, &at);
  if (!matches || !bson_iter_find(&at, "actions") || !bson_iter_recurse(&at, &each)) return;
  while (bson_iter_next(&each)) {
    if (BSON_ITER_HOLDS_UTF8(&each)) actions.insert(bson_iter_utf8(&each, nullptr));
  }
}

std::vector<std::string> rights_needed(const SinkPlan& plan) {
  std::vector<std::string> needed = {"insert", "find"};
  if (plan.writing == Writing::by_key || plan.replace_taken) needed.push_back("update");
  if (plan.writing == Writing::by_key) needed.push_back("remove");
  if (plan.create) needed.push_back("createCollection");
  if (!plan.indexes.empty() || plan.time_to_live) needed.push_back("createIndex");
  return needed;
}

}  // namespace

Status set_up_collection(Client& client, const SinkPlan& plan) {
  const auto found = LEAT_TRY(find_collection(client, plan.collection));
  if (found) {
    LEAT_TRY(check_found(plan, *found));
  } else if (plan.create) {
    LEAT_TRY(create_collection(client, plan));
  } else {
    return missing(plan);
  }
  return create_indexes(client, plan);
}

Result<std::string> look_at_collection(Client& client, const SinkPlan& plan) {
  const auto found = LEAT_TRY(find_collection(client, plan.collection));
  if (found) {
    LEAT_TRY(check_found(plan, *found));
    return plan.collection.shown() + " is there";
  }
  if (!plan.create) return missing(plan);
  return plan.collection.shown() + " will be created";
}

Status check_rights(Client& client, const SinkPlan& plan) {
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t start = writer.begin();
  writer.int32("connectionStatus", 1);
  writer.boolean("showPrivileges", true);
  writer.end(start);
  Reply reply;
  LEAT_TRY(client.run("admin", BsonView(bytes), reply, "ask what the user may do"));
  bson_iter_t at, users, privileges, each;
  if (!bson_iter_init(&at, &reply.document) ||
      !bson_iter_find_descendant(&at, "authInfo.authenticatedUsers", &users) ||
      !bson_iter_recurse(&users, &each) || !bson_iter_next(&each)) {
    return {};  // nobody signs in here
  }
  bson_iter_init(&at, &reply.document);
  if (!bson_iter_find_descendant(&at, "authInfo.authenticatedUserPrivileges", &privileges) ||
      !bson_iter_recurse(&privileges, &each)) {
    return {};
  }
  std::set<std::string, std::less<>> actions;
  while (bson_iter_next(&each)) add_actions(each, plan.collection, actions);
  for (const std::string& right : rights_needed(plan)) {
    if (actions.contains(right) || actions.contains("anyAction")) continue;
    return user_error("mongodb-not-allowed",
                      "the user lacks the right `{}` on {}; give it the role: "
                      "db.grantRolesToUser(\"USER\", [{{role: \"readWrite\", db: \"{}\"}}])",
                      right, plan.collection.shown(), plan.collection.database);
  }
  return {};
}

}  // namespace leat::connector::mongodb
