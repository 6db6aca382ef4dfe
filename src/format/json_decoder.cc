#include "format/json_pointer.h"
#include "format/record_decoder.h"

namespace leat::format {
namespace {

using Outcome = JsonValueReader::Outcome;

constexpr std::size_t no_node = SIZE_MAX;

/// A place in the document that some column's pointer leads to or through.
struct PointerNode {
  std::vector<std::string> names;       ///< the next tokens…
  std::vector<std::size_t> nodes;       ///< …and where they lead
  std::vector<std::size_t> elements;    ///< nodes by array index; no_node between
  std::vector<std::size_t> columns;     ///< that end here
  std::size_t only_column = no_node;    ///< the one column, where no pointer leads on from here
  std::optional<FieldMatcher> matcher;  ///< over `names`, when all are there
  std::uint64_t visited = 0;            ///< by which record last
};
/// Array indices in pointers at most: the nodes lie in an array.
constexpr std::size_t element_max = 65'535;

/// What a column of the document is besides its plan.
struct PointerColumn {
  std::optional<JsonValueReader> reader;  ///< none: only looked for
  std::uint64_t seen = 0;                 ///< in which record last, not null
  std::uint64_t null_in = 0;              ///< in which record last it was there, but null
};

class JsonDecoder final : public RecordDecoder {
 public:
  Status prepare(std::vector<DecodedColumn> definitions, const std::vector<bool>& reads);

 protected:
  bool decode_value(const Record& record, std::size_t row) override;

 private:
  struct Problem {
    std::size_t column;
    std::string reason;
  };

  void add_pointer(const std::vector<std::string>& tokens, std::size_t column);
  std::size_t next_node(std::size_t from, const std::string& token);
  bool visit(std::size_t index, std::size_t& at, std::size_t row);
  bool visit_field(std::size_t index, std::size_t& at, std::size_t row);
  bool visit_fields(PointerNode& node, std::size_t& at, std::size_t row);
  bool visit_elements(PointerNode& node, std::size_t& at, std::size_t row);
  bool read_column(std::size_t index, std::size_t& at, std::size_t row);
  void forget(const PointerNode& node);

  std::vector<PointerColumn> pointer_columns_;  ///< by column
  std::vector<std::size_t> wanted_;             ///< columns to be found in the document
  std::vector<PointerNode> nodes_{1};
  bool has_document_ = false;  ///< some column, wanted or not, is in the document

  JsonText text_;
  std::uint64_t record_ = 0;  ///< counts the records, to tell what was seen in this one
  std::size_t seen_count_ = 0;
  std::vector<Problem> problems_;
};

Status JsonDecoder::prepare(std::vector<DecodedColumn> definitions,
                            const std::vector<bool>& reads) {
  LEAT_TRY(take_columns(std::move(definitions), reads));
  pointer_columns_.resize(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].metadata) continue;
    const DecodedColumn& of = columns_[i].definition;
    has_document_ = true;
    const auto tokens = parse_json_pointer(of.pointer);
    if (!tokens) {
      return user_error("json-pointer", "column {}: {}", of.name, tokens.error().message);
    }
    if (!columns_[i].is_wanted()) continue;
    if (columns_[i].read) {
      pointer_columns_[i].reader.emplace(
          of.type, JsonValueReader::Options{of.numbers_from_text, of.time_unit});
    }
    wanted_.push_back(i);
    add_pointer(*tokens, i);
  }
  for (PointerNode& node : nodes_) {
    node.matcher.emplace(node.names);
    if (node.nodes.empty() && node.columns.size() == 1) node.only_column = node.columns.front();
  }
  return {};
}

void JsonDecoder::add_pointer(const std::vector<std::string>& tokens, std::size_t column) {
  std::size_t node = 0;
  for (const std::string& token : tokens) node = next_node(node, token);
  nodes_[node].columns.push_back(column);
}

std::size_t JsonDecoder::next_node(std::size_t from, const std::string& token) {
  const auto& names = nodes_[from].names;
  const auto found = std::ranges::find(names, token);
  if (found != names.end()) {
    return nodes_[from].nodes[static_cast<std::size_t>(found - names.begin())];
  }
  const std::size_t added = nodes_.size();
  nodes_.emplace_back();
  nodes_[from].names.push_back(token);
  nodes_[from].nodes.push_back(added);
  const auto index = array_index(token);
  if (index && *index <= element_max) {
    auto& elements = nodes_[from].elements;
    if (elements.size() <= *index) elements.resize(*index + 1, no_node);
    elements[*index] = added;
  }
  return added;
}

bool JsonDecoder::decode_value(const Record& record, std::size_t row) {
  if (!has_document_) return true;
  if (record.value.data() == nullptr) {
    // Where only metadata is wanted a record without a value is as good as any.
    return wanted_.empty() || decode_tombstone(row);
  }
  ++record_;
  seen_count_ = 0;
  problems_.clear();
  std::size_t at = 0;
  if (!text_.index(record.value) || !visit(0, at, row) || !text_.check_end(at)) {
    return refuse("", text_.fault());
  }
  if (!problems_.empty()) {
    return refuse(columns_[problems_.front().column].definition.name,
                  std::move(problems_.front().reason));
  }
  if (seen_count_ == wanted_.size()) return true;
  return std::ranges::all_of(wanted_, [&](std::size_t index) {
    const PointerColumn& column = pointer_columns_[index];
    return column.seen == record_ || fill_missing(index, column.null_in == record_, row);
  });
}

bool JsonDecoder::visit(std::size_t index, std::size_t& at, std::size_t row) {
  PointerNode& node = nodes_[index];
  // A name that comes twice: the last one wins, with all below it.
  if (node.visited == record_) forget(node);
  node.visited = record_;
  const std::size_t begin = at;
  bool passed = false;
  for (const std::size_t column : node.columns) {
    at = begin;
    if (!read_column(column, at, row)) return false;
    passed = true;
  }
  if (passed && node.nodes.empty()) return true;
  at = begin;
  const char c = text_.byte(at);
  if (c == '{' && !node.nodes.empty()) return visit_fields(node, at, row);
  if (c == '[' && !node.elements.empty()) return visit_elements(node, at, row);
  return c == '{' || c == '[' ? text_.skip(at) : text_.check(at);
}

/// As visit, without its preparations where they are not needed: most fields are one column.
inline bool JsonDecoder::visit_field(std::size_t index, std::size_t& at, std::size_t row) {
  PointerNode& node = nodes_[index];
  if (node.only_column == no_node || node.visited == record_) return visit(index, at, row);
  node.visited = record_;
  return read_column(node.only_column, at, row);
}

bool JsonDecoder::visit_fields(PointerNode& node, std::size_t& at, std::size_t row) {
  ++at;
  if (text_.byte(at) == '}') {
    ++at;
    return true;
  }
  FieldMatcher& matcher = *node.matcher;
  for (std::size_t ordinal = 0;; ++ordinal) {
    if (!text_.check_name(at)) return false;
    const int field = matcher.match(text_, at, ordinal);
    at += 2;
    if (field >= 0) {
      if (!visit_field(node.nodes[static_cast<std::size_t>(field)], at, row)) return false;
    } else if (field == FieldMatcher::malformed || !text_.skip(at)) {
      return false;
    }
    const char c = text_.byte(at);
    if (c == ',') {
      ++at;
    } else if (c == '}') {
      ++at;
      return true;
    } else {
      return text_.fail(at, "a comma or the end of the object is expected");
    }
  }
}

bool JsonDecoder::visit_elements(PointerNode& node, std::size_t& at, std::size_t row) {
  ++at;
  if (text_.byte(at) == ']') {
    ++at;
    return true;
  }
  for (std::size_t i = 0;; ++i) {
    const std::size_t next = i < node.elements.size() ? node.elements[i] : no_node;
    if (!(next == no_node ? text_.skip(at) : visit(next, at, row))) return false;
    const char c = text_.byte(at);
    if (c != ',' && c != ']') {
      return text_.fail(at, "a comma or the end of the array is expected");
    }
    ++at;
    if (c == ']') return true;
  }
}

inline bool JsonDecoder::read_column(std::size_t index, std::size_t& at, std::size_t row) {
  PointerColumn& column = pointer_columns_[index];
  Outcome outcome = Outcome::value;
  if (column.reader) {
    const std::size_t begin = at;
    VectorWriter& out = writer(index);
    out.set_valid(row);
    outcome = column.reader->read(text_, at, arena_, out, row);
    if (outcome == Outcome::refused) {
      problems_.push_back({index, column.reader->problem()});
      at = begin;
      return text_.check(at);
    }
  } else {
    if (text_.is_null(at)) outcome = Outcome::null;
    if (!text_.skip(at)) return false;
  }
  if (outcome == Outcome::malformed) return false;
  if (outcome == Outcome::null) {
    column.null_in = record_;
  } else if (column.seen != record_) {
    column.seen = record_;
    ++seen_count_;
  }
  return true;
}

void JsonDecoder::forget(const PointerNode& node) {
  for (const std::size_t index : node.columns) {
    PointerColumn& column = pointer_columns_[index];
    if (column.seen == record_) --seen_count_;
    column.seen = 0;
    column.null_in = 0;
    std::erase_if(problems_, [&](const Problem& problem) { return problem.column == index; });
  }
  for (const std::size_t next : node.nodes) forget(nodes_[next]);
}

}  // namespace

Result<std::unique_ptr<Decoder>> make_json_decoder(std::vector<DecodedColumn> columns,
                                                   std::vector<bool> reads) {
  auto decoder = std::make_unique<JsonDecoder>();
  LEAT_TRY(decoder->prepare(std::move(columns), reads));
  return std::unique_ptr<Decoder>(std::move(decoder));
}

}  // namespace leat::format
