#include "connector/mongodb/operations.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <unordered_set>

#include "format/record_metadata.h"
#include "format/utf8.h"
#include "model/column_types.h"

namespace leat::connector::mongodb {
namespace {

constexpr std::string_view id_name = "_id";
constexpr std::string_view value_name = "value";

/// An array can't be an `_id`.
bool is_list(const Type& type) {
  return type.id() == DUCKDB_TYPE_LIST || type.id() == DUCKDB_TYPE_ARRAY ||
         type.id() == DUCKDB_TYPE_MAP || type.is_json();
}

void text_or_binary(std::string_view name, std::string_view bytes, BsonWriter& out) {
  if (format::is_utf8(bytes)) return out.text(name, bytes);
  out.binary(name, BSON_SUBTYPE_BINARY, bytes);
}

}  // namespace

OperationBuilder::OperationBuilder(const SinkPlan& plan)
    : plan_(plan),
      rows_(plan.input.schema, plan.timestamps),
      net_(plan.input.schema, plan.key_columns) {
  if (plan.input.kind == SinkInput::Kind::topic) {
    record_shapes_ = VectorShape::of(types_of(plan.input.schema));
  }
}

Operations& OperationBuilder::build(const SinkBatch& batch, std::vector<RefusedRow>& refused) {
  operations_.bytes.clear();
  operations_.list.clear();
  if (plan_.input.kind == SinkInput::Kind::topic) {
    build_records(batch, refused);
  } else if (plan_.writing == Writing::by_key) {
    build_by_key(batch, refused);
  } else {
    build_rows(batch, refused);
  }
  return operations_;
}

template <class Add>
void OperationBuilder::add_or_refuse(std::size_t part, std::size_t row,
                                     std::vector<RefusedRow>& refused, Add add) {
  const std::size_t begin = operations_.bytes.size();
  Status added = add();
  if (added) {
    Operation& operation = operations_.list.back();
    operation.begin = begin;
    operation.size = operations_.bytes.size() - begin;
    operation.part = part;
    operation.row = row;
    if (operation.size <= document_bytes_max) return;
    added =
        user_error("too-large", "the document has {} bytes, more than the {} that MongoDB takes",
                   operation.size, document_bytes_max);
    operations_.list.pop_back();
  }
  operations_.bytes.resize(begin);
  refused.push_back({part, row, std::move(added.error().message)});
}

void OperationBuilder::build_rows(const SinkBatch& batch, std::vector<RefusedRow>& refused) {
  for (std::size_t part = 0; part < batch.parts.size(); ++part) {
    rows_.read(batch.parts[part].rows);
    for (std::size_t row = 0; row < batch.parts[part].rows.size(); ++row) {
      add_or_refuse(part, row, refused,
                    [&] { return add_row(batch, part, row, Operation::Kind::insert); });
    }
  }
}

void OperationBuilder::build_by_key(const SinkBatch& batch, std::vector<RefusedRow>& refused) {
  std::size_t read = batch.parts.size();
  for (const KeyChange& change : net_.fold(batch)) {
    if (change.part != read) rows_.read(batch.parts[read = change.part].rows);
    const auto kind = change.deleted ? Operation::Kind::remove : Operation::Kind::replace;
    add_or_refuse(change.part, change.row, refused,
                  [&] { return add_row(batch, change.part, change.row, kind); });
  }
}

Status OperationBuilder::add_row(const SinkBatch& batch, std::size_t part, std::size_t row,
                                 Operation::Kind kind) {
  BsonWriter out(operations_.bytes);
  Operation operation;
  operation.kind = kind;
  operation.own_id = plan_.identity == Identity::own;
  const std::size_t start = out.begin();
  LEAT_TRY(row_id(batch, part, row, out));
  operation.id_size = static_cast<std::uint32_t>(operations_.bytes.size() - start - 4);
  if (kind != Operation::Kind::remove) {
    if (plan_.input.changes) out.int64("weight", batch.parts[part].weights[row]);
    const Schema& schema = plan_.input.schema;
    for (std::size_t column = 0; column < schema.size(); ++column) {
      if (schema[column].name == id_name) continue;
      LEAT_TRY(rows_.append(column, row, schema[column].name, out));
    }
  }
  out.end(start);
  operations_.list.push_back(operation);
  return {};
}

Status OperationBuilder::row_id(const SinkBatch& batch, std::size_t part, std::size_t row,
                                BsonWriter& out) {
  const Schema& schema = plan_.input.schema;
  switch (plan_.identity) {
    case Identity::own:
      return rows_.append_exact(*schema.find(id_name), row, id_name, out);
    case Identity::name:
      out.text(id_name, plan_.input.from);
      return {};
    case Identity::columns: {
      const auto& key = plan_.key_columns;
      if (key.size() == 1 && !is_list(schema[key[0]].type)) {
        return rows_.append_exact(key[0], row, id_name, out);
      }
      const std::size_t start = out.begin_document(id_name);
      for (const std::size_t column : key) {
        LEAT_TRY(rows_.append_exact(column, row, schema[column].name, out));
      }
      out.end(start);
      return {};
    }
    default:
      position_id(batch, part, row, out);
      return {};
  }
}

void OperationBuilder::position_id(const SinkBatch& batch, std::size_t part, std::size_t row,
                                   BsonWriter& out) {
  // With leading zeros, so that ids sort as the rows came, and the index grows at its end.
  id_text_.clear();
  fmt::format_to(std::back_inserter(id_text_), "{}:{}:{:012}", plan_.input.from,
                 batch.partition.value(), batch.parts[part].offsets[row].value());
  out.text(id_name, id_text_);
}

void OperationBuilder::build_records(const SinkBatch& batch, std::vector<RefusedRow>& refused) {
  std::vector<std::size_t> columns(record_shapes_.size());
  std::iota(columns.begin(), columns.end(), 0);
  for (std::size_t part = 0; part < batch.parts.size(); ++part) {
    record_ = read_columns(record_shapes_, batch.parts[part].rows, columns);
    for (std::size_t row = 0; row < batch.parts[part].rows.size(); ++row) {
      add_or_refuse(part, row, refused, [&] { return add_record(batch, part, row); });
    }
  }
  if (plan_.writing == Writing::by_key) keep_last_of_each_id();
}

/// Many records of a key are one write.
void OperationBuilder::keep_last_of_each_id() {
  std::unordered_set<std::string_view> seen;
  std::vector<Operation>& list = operations_.list;
  std::vector<Operation> kept;
  for (std::size_t i = list.size(); i-- > 0;) {
    if (seen.insert(operations_.id(list[i])).second) kept.push_back(list[i]);
  }
  list.assign(kept.rbegin(), kept.rend());
}

Status OperationBuilder::add_record(const SinkBatch& batch, std::size_t part, std::size_t row) {
  Operation operation;
  if (plan_.writing == Writing::by_key) operation.kind = Operation::Kind::replace;
  const bool tombstone = !record_[record_value].valid(row);
  if (tombstone && plan_.identity != Identity::record_key) {
    return user_error("not-a-document",
                      "the record is a tombstone (it has no value), which makes no document; `key: "
                      "[$key]` would delete the document of the record's key");
  }
  if (plan_.value == ValueForm::json && !tombstone) {
    LEAT_TRY(json_.read(record_[record_value].text(row)));
  }
  const std::size_t begin = operations_.bytes.size();
  if (!LEAT_TRY(record_document(batch, part, row, false, operation))) {
    operations_.bytes.resize(begin);
    LEAT_TRY(record_document(batch, part, row, true, operation));
  }
  operations_.list.push_back(operation);
  return {};
}

Result<bool> OperationBuilder::record_document(const SinkBatch& batch, std::size_t part,
                                               std::size_t row, bool with_own_id,
                                               Operation& operation) {
  BsonWriter out(operations_.bytes);
  const std::size_t start = out.begin();
  operation.own_id = with_own_id;
  if (with_own_id) {
    LEAT_TRY(json_.append_id(out));
  } else {
    LEAT_TRY(record_id(batch, part, row, out));
  }
  operation.id_size = static_cast<std::uint32_t>(operations_.bytes.size() - start - 4);
  const VectorReader& value = record_[record_value];
  if (!value.valid(row)) {
    operation.kind = Operation::Kind::remove;
  } else if (plan_.value == ValueForm::text) {
    if (!format::is_utf8(value.text(row))) {
      return user_error("not-a-document",
                        "the record is no valid UTF-8; `value: binary` writes any bytes");
    }
    out.text(value_name, value.text(row));
  } else if (plan_.value == ValueForm::binary) {
    out.binary(value_name, BSON_SUBTYPE_BINARY, value.text(row));
  } else if (!json_.is_object()) {
    LEAT_TRY(json_.append_value(value_name, out));
  } else if (LEAT_TRY(json_.append_fields(out)) && plan_.writing == Writing::insert &&
             !with_own_id) {
    return false;
  }
  if (!plan_.metadata.empty() && operation.kind != Operation::Kind::remove) {
    LEAT_TRY(metadata(row, out));
  }
  out.end(start);
  return true;
}

Status OperationBuilder::record_id(const SinkBatch& batch, std::size_t part, std::size_t row,
                                   BsonWriter& out) {
  if (plan_.identity == Identity::record_key) {
    if (!record_[record_key].valid(row)) {
      return user_error("not-a-document", "the record has no key, which `key: [$key]` writes by");
    }
    text_or_binary(id_name, record_[record_key].text(row), out);
    return {};
  }
  if (plan_.identity != Identity::pointers) {
    position_id(batch, part, row, out);
    return {};
  }
  const auto append = [&](const SinkPlan::KeyPointer& pointer, std::string_view name) -> Status {
    if (LEAT_TRY(json_.append_at(pointer.tokens, name, out))) return {};
    return user_error("not-a-document", "the record has nothing at {}, which `key` writes by",
                      pointer.written);
  };
  if (plan_.key_pointers.size() == 1) {
    const std::size_t element = operations_.bytes.size();
    LEAT_TRY(append(plan_.key_pointers[0], id_name));
    if (operations_.bytes[element] != BSON_TYPE_ARRAY) return {};
    return user_error("not-a-document", "the record has an array at {}, which can't be an `_id`",
                      plan_.key_pointers[0].written);
  }
  const std::size_t start = out.begin_document(id_name);
  for (const auto& pointer : plan_.key_pointers) LEAT_TRY(append(pointer, pointer.name));
  out.end(start);
  return {};
}

Status OperationBuilder::metadata(std::size_t row, BsonWriter& out) {
  const std::size_t start = out.begin_document(plan_.metadata);
  out.int32("partition", record_[record_partition].value<std::int32_t>(row));
  out.int64("offset", record_[record_offset].value<std::int64_t>(row));
  const std::int64_t us = record_[record_timestamp].value<std::int64_t>(row);
  out.date("timestamp", us / 1000 - static_cast<std::int64_t>(us % 1000 < 0));
  if (record_[record_key].valid(row)) {
    text_or_binary("key", record_[record_key].text(row), out);
  } else {
    out.null("key");
  }
  if (record_[record_headers].valid(row)) {
    std::string json;
    if (!format::append_headers_json(record_[record_headers].text(row), json)) {
      return user_error("not-a-document", "the record's headers are damaged");
    }
    LEAT_TRY(headers_.read(json));
    LEAT_TRY(headers_.append_value("headers", out));
  }
  out.end(start);
  return {};
}

}  // namespace leat::connector::mongodb
