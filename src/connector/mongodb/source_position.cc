#include "connector/mongodb/source_position.h"

#include "connector/mongodb/bson_writer.h"

namespace leat::connector::mongodb {
namespace {

constexpr std::string_view after_name = "_id";

}  // namespace

std::string SourcePosition::to_text() const {
  std::string bytes;
  BsonWriter writer(bytes);
  const std::size_t begin = writer.begin();
  if (!token.empty()) {
    writer.document("token", token);
  } else {
    writer.timestamp("start", start_seconds, start_count);
  }
  if (in_snapshot) {
    const std::size_t snapshot = writer.begin_document("snapshot");
    if (!collection.empty()) writer.text("collection", collection);
    writer.element_bytes(after);
    writer.end(snapshot);
  }
  writer.end(begin);
  const BsonView view(bytes);
  char* json = bson_as_canonical_extended_json(view.get(), nullptr);
  std::string text = json == nullptr ? "{}" : json;
  bson_free(json);
  return text;
}

Result<SourcePosition> SourcePosition::from_text(std::string_view text) {
  const auto bad = [&] {
    return user_error(
        "mongodb-position",
        "the position {} is none of a MongoDB source; the topic was filled by another "
        "source: name another topic",
        text);
  };
  bson_error_t error;
  bson_t* parsed = bson_new_from_json(reinterpret_cast<const std::uint8_t*>(text.data()),
                                      static_cast<ssize_t>(text.size()), &error);
  if (parsed == nullptr) return bad();
  SourcePosition position;
  bool known = false;
  bson_iter_t at, inside;
  bson_iter_init(&at, parsed);
  while (bson_iter_next(&at)) {
    const std::string_view name = bson_iter_key(&at);
    if (name == "token" && BSON_ITER_HOLDS_DOCUMENT(&at)) {
      position.token = nested_bytes(at);
      known = true;
    } else if (name == "start" && BSON_ITER_HOLDS_TIMESTAMP(&at)) {
      bson_iter_timestamp(&at, &position.start_seconds, &position.start_count);
      known = true;
    } else if (name == "snapshot" && BSON_ITER_HOLDS_DOCUMENT(&at)) {
      position.in_snapshot = true;
      const BsonView snapshot(nested_bytes(at));
      bson_iter_init(&inside, snapshot.get());
      while (bson_iter_next(&inside)) {
        const std::string_view part = bson_iter_key(&inside);
        if (part == "collection" && BSON_ITER_HOLDS_UTF8(&inside)) {
          position.collection = bson_iter_utf8(&inside, nullptr);
        } else if (part == after_name) {
          position.after = element_bytes(snapshot, inside);
        }
      }
    }
  }
  bson_destroy(parsed);
  if (!known) return bad();
  return position;
}

}  // namespace leat::connector::mongodb
