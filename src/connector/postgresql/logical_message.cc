#include "connector/postgresql/logical_message.h"

#include <charconv>

#include "connector/postgresql/big_endian.h"

namespace leat::connector::postgresql {
namespace {

/// Reads from the front; once something is missing, all further reads give nothing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool failed() const { return failed_; }
  bool at_end() const { return bytes_.empty(); }

  template <class Unsigned>
  Unsigned integer() {
    const std::string_view taken = take(sizeof(Unsigned));
    return failed_ ? Unsigned{0} : read_integer<Unsigned>(taken);
  }
  char byte() {
    const std::string_view taken = take(1);
    return failed_ ? '\0' : taken[0];
  }
  std::string_view take(std::size_t count) {
    if (count > bytes_.size()) failed_ = true;
    if (failed_) return {};
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::string text() {
    const std::size_t end = bytes_.find('\0');
    if (end == std::string_view::npos) failed_ = true;
    if (failed_) return {};
    std::string taken(bytes_.substr(0, end));
    bytes_.remove_prefix(end + 1);
    return taken;
  }
  void fail() { failed_ = true; }

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

Tuple read_tuple(Reader& reader) {
  const auto count = reader.integer<std::uint16_t>();
  Tuple tuple;
  for (unsigned i = 0; i < count && !reader.failed(); ++i) {
    TupleValue value;
    switch (reader.byte()) {
      case 'n':
        break;
      case 'u':
        value.kind = TupleValue::Kind::unchanged;
        break;
      case 't':
        value.kind = TupleValue::Kind::text;
        value.text = reader.take(reader.integer<std::uint32_t>());
        break;
      default:
        reader.fail();
    }
    tuple.push_back(value);
  }
  return tuple;
}

BeginMessage read_begin(Reader& reader) {
  BeginMessage begin;
  begin.commit_lsn = reader.integer<std::uint64_t>();
  begin.commit_us = static_cast<std::int64_t>(reader.integer<std::uint64_t>());
  begin.transaction = reader.integer<std::uint32_t>();
  return begin;
}

CommitMessage read_commit(Reader& reader) {
  reader.byte();                    // flags, none so far
  reader.integer<std::uint64_t>();  // of the commit itself
  CommitMessage commit{reader.integer<std::uint64_t>()};
  reader.integer<std::uint64_t>();  // time, as in the beginning
  return commit;
}

RelationMessage read_relation(Reader& reader) {
  RelationMessage relation;
  relation.relation = reader.integer<std::uint32_t>();
  relation.schema = reader.text();
  relation.name = reader.text();
  reader.byte();  // the kind of replica identity
  const auto count = reader.integer<std::uint16_t>();
  for (unsigned i = 0; i < count && !reader.failed(); ++i) {
    RelationColumn column;
    column.is_key = (reader.byte() & 1) != 0;
    column.name = reader.text();
    column.type = reader.integer<std::uint32_t>();
    reader.integer<std::uint32_t>();  // the type's modifier
    relation.columns.push_back(std::move(column));
  }
  return relation;
}

ChangeMessage read_change(Reader& reader, ChangeMessage::Kind kind) {
  ChangeMessage change;
  change.kind = kind;
  change.relation = reader.integer<std::uint32_t>();
  char part = reader.byte();
  if ((part == 'K' || part == 'O') && kind != ChangeMessage::Kind::insert) {
    change.old_row = read_tuple(reader);
    change.old_is_whole = part == 'O';
    if (kind == ChangeMessage::Kind::remove) return change;
    part = reader.byte();
  }
  if (part != 'N' || kind == ChangeMessage::Kind::remove) reader.fail();
  change.row = read_tuple(reader);
  return change;
}

TruncateMessage read_truncate(Reader& reader) {
  const auto count = reader.integer<std::uint32_t>();
  reader.byte();  // CASCADE, RESTART IDENTITY
  TruncateMessage truncate;
  for (unsigned i = 0; i < count && !reader.failed(); ++i) {
    truncate.relations.push_back(reader.integer<std::uint32_t>());
  }
  return truncate;
}

}  // namespace

std::string lsn_text(Lsn lsn) { return fmt::format("{:X}/{:X}", lsn >> 32, lsn & 0xFFFFFFFF); }

std::optional<Lsn> parse_lsn(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::uint32_t parts[2] = {0, 0};
  for (int i = 0; i < 2; ++i) {
    const std::string_view half = i == 0 ? text.substr(0, slash) : text.substr(slash + 1);
    const auto [end, fault] = std::from_chars(half.data(), half.data() + half.size(), parts[i], 16);
    if (fault != std::errc() || end != half.data() + half.size()) return std::nullopt;
  }
  return Lsn{parts[0]} << 32 | parts[1];
}

Result<LogicalMessage> parse_message(std::string_view bytes) {
  Reader reader(bytes);
  const char type = reader.byte();
  LogicalMessage message = OtherMessage{};
  switch (type) {
    case 'B':
      message = read_begin(reader);
      break;
    case 'C':
      message = read_commit(reader);
      break;
    case 'R':
      message = read_relation(reader);
      break;
    case 'I':
      message = read_change(reader, ChangeMessage::Kind::insert);
      break;
    case 'U':
      message = read_change(reader, ChangeMessage::Kind::update);
      break;
    case 'D':
      message = read_change(reader, ChangeMessage::Kind::remove);
      break;
    case 'T':
      message = read_truncate(reader);
      break;
    case 'O':  // where a change came from at first
    case 'Y':  // a type's name
    case 'M':  // an application's own message
      return message;
    default:
      reader.fail();
  }
  if (reader.failed() || !reader.at_end()) {
    return external_error("replication-malformed",
                          "a message of {} bytes of type 0x{:02x} can't be understood; is this the "
                          "plug-in pgoutput, protocol version 1?",
                          bytes.size(), static_cast<unsigned char>(type));
  }
  return message;
}

}  // namespace leat::connector::postgresql
