#include "pipeline/document.h"

#include <algorithm>
#include <unordered_set>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <fmt/format.h>
#include <sstream>

#include "pipeline/scalar_position.h"

namespace leat::pipeline {
namespace {

/// Ends parsing where going on makes no sense; the fault has been reported.
struct StopParsing {};

/// The byte at which the text stops being UTF-8 (no overlong forms, no surrogates); npos: never.
std::size_t invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t more = 0;
    unsigned low = 0x80;
    unsigned high = 0xBF;
    if (lead >= 0x80) {
      if (lead < 0xC2 || lead > 0xF4) return i;
      more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    }
    for (std::size_t k = 1; k <= more; ++k) {
      const unsigned next = i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0;
      if (next < low || next > high) return i;
      low = 0x80;
      high = 0xBF;
    }
    i += more + 1;
  }
  return std::string_view::npos;
}

std::size_t node_count(const Node& node) {
  std::size_t count = 1;
  for (const auto& item : node.items) count += node_count(item);
  for (const auto& entry : node.entries) count += 1 + node_count(entry.value);
  return count;
}

std::size_t text_bytes(const Node& node) {
  std::size_t bytes = node.text.size();
  for (const auto& item : node.items) bytes += text_bytes(item);
  for (const auto& entry : node.entries) bytes += entry.key.text.size() + text_bytes(entry.value);
  return bytes;
}

std::size_t depth_of(const Node& node) {
  std::size_t depth = 0;
  for (const auto& item : node.items) depth = std::max(depth, depth_of(item));
  for (const auto& entry : node.entries) depth = std::max(depth, depth_of(entry.value));
  return depth + 1;
}

/// Calls `use` with each run of letters, digits and "_" in `text`.
template <class Use>
void each_word(std::string_view text, const Use& use) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || static_cast<unsigned char>(c) >= 0x80;
    if (word) continue;
    if (i > begin) use(text.substr(begin, i - begin));
    begin = i + 1;
  }
}

std::string remedy_for(std::string_view line) {
  if (line.find("${") != std::string_view::npos) {
    return "inside { } or [ ], put a value with ${…} in quotes";
  }
  if (line.find('\t') != std::string_view::npos) return "indent with spaces, never with tabs";
  return "check the indentation, and put a value that holds \": \" or \" #\", or that begins with "
         "one of @ ` % & * ! | > { [ \" ', in quotes";
}

}  // namespace

/// Builds the tree of nodes from yaml-cpp's events, so that depth, aliases and size are bounded
/// while the file is read.
class DocumentBuilder : public YAML::EventHandler {
 public:
  DocumentBuilder(Document& document, const Environment& environment, Diagnostics& diagnostics)
      : document_(document), environment_(environment), diagnostics_(diagnostics) {}

  void build() {
    try {
      std::istringstream in(document_.text_);
      YAML::Parser parser(in);
      if (!parser.HandleNextDocument(*this)) return;
      const auto first_end = last_offset_;
      root_taken_ = true;
      if (parser.HandleNextDocument(*this)) {
        fail(
            std::max(first_end, last_offset_), "yaml-syntax",
            "the file holds more than one YAML document; keep one a file, without \"---\" between");
      }
    } catch (const StopParsing&) {
    } catch (const YAML::Exception& e) {
      report(e);
    }
  }

  void OnDocumentStart(const YAML::Mark& mark) override { last_offset_ = offset_of(mark); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node = begin(mark, Node::Kind::nothing);
    // The mark of a value that was left out is that of whatever comes next.
    const bool written =
        node.offset < document_.text_.size() &&
        (document_.text_[node.offset] == '~' || (document_.text_[node.offset] | 0x20) == 'n');
    if (!written && !open_.empty() && open_.back().key) {
      node.offset = open_.back().key->offset;
      node.at = open_.back().key->at;
    }
    finish(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      fail(offset_of(mark), "yaml-syntax",
           "this alias stands inside what it names; name a value that ended before");
    }
    if (open_.size() + depth_of(found->second) > document_depth_max) too_deep(offset_of(mark));
    spend(mark, node_count(found->second), text_bytes(found->second));
    finish(found->second, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = begin(mark, Node::Kind::scalar);
    node.raw = value;
    node.quoted = tag == "!";
    const bool is_key =
        !open_.empty() && open_.back().node.is_mapping() && !open_.back().key.has_value();
    if (is_key) {
      node.text = value;
    } else {
      expand_into(node);
    }
    spend(mark, 0, node.text.size());
    finish(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, Node::Kind::list, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, Node::Kind::mapping, anchor);
  }
  void OnMapEnd() override {
    merge(open_.back());
    close();
  }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Node> key = std::nullopt;  // of a mapping: read, its value not yet
    std::unordered_set<std::string> keys = {};
  };

  std::size_t offset_of(const YAML::Mark& mark) const {
    return std::min(document_.text_.size(), static_cast<std::size_t>(std::max(0, mark.pos)));
  }

  [[noreturn]] void fail(std::size_t offset, std::string_view code, std::string message) {
    diagnostics_.error(document_.locate(offset), code, std::move(message));
    throw StopParsing{};
  }

  [[noreturn]] void too_deep(std::size_t offset) {
    fail(offset, "yaml-too-deep",
         fmt::format("values are nested more than {} deep; no pipeline needs that",
                     document_depth_max));
  }

  void spend(const YAML::Mark& mark, std::size_t nodes, std::size_t bytes) {
    nodes_ += nodes;
    bytes_ += bytes;
    if (nodes_ > document_nodes_max || bytes_ > document_text_max) {
      fail(offset_of(mark), "yaml-too-large",
           fmt::format("with its aliases and references replaced, the file has more than {} values "
                       "or {} MiB; use fewer aliases, or split it",
                       document_nodes_max, document_text_max >> 20));
    }
  }

  Node begin(const YAML::Mark& mark, Node::Kind kind) {
    if (root_taken_) {
      fail(offset_of(mark), "yaml-syntax",
           "the file holds more than one YAML document; keep one a file, without \"---\" between");
    }
    spend(mark, 1, 0);
    Node node;
    node.kind = kind;
    node.offset = skip_properties(document_.text_, offset_of(mark));
    node.at = document_.locate(node.offset);
    last_offset_ = node.offset;
    return node;
  }

  void open(const YAML::Mark& mark, Node::Kind kind, YAML::anchor_t anchor) {
    Node node = begin(mark, kind);
    if (open_.size() >= document_depth_max) too_deep(node.offset);
    open_.push_back({std::move(node), anchor});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    finish(std::move(done.node), done.anchor);
  }

  void finish(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
      document_.root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is_list()) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      take_key(parent, std::move(node));
    } else {
      if (!parent.key->faulty) {
        parent.node.entries.push_back({std::move(*parent.key), std::move(node)});
      }
      parent.key.reset();
    }
  }

  void take_key(Open& parent, Node key) {
    if (!key.is_scalar()) {
      diagnostics_.error(key.at, "yaml-key",
                         fmt::format("a key must be a text, this is {}; write a name before the "
                                     "colon",
                                     to_string(key.kind)));
      key.faulty = true;
    } else if (!parent.keys.insert(key.text).second && key.text != "<<") {
      const auto* first = parent.node.find(key.text);
      diagnostics_.error(
          key.at, "duplicate-key",
          fmt::format("the key \"{}\" is here already, on line {}; keep one of them",
                      printable(key.text), first == nullptr ? 0 : first->key.at.line));
      key.faulty = true;
    }
    parent.key = std::move(key);
  }

  /// `<<: *defaults` brings those keys of a mapping (or of a list of mappings) that are not there.
  void merge(Open& open) {
    if (!open.keys.contains("<<")) return;
    Node& mapping = open.node;
    std::vector<Node::Entry> entries = std::exchange(mapping.entries, {});
    std::vector<Node> brought;
    for (auto& entry : entries) {
      if (entry.key.text != "<<" || entry.key.quoted) {
        mapping.entries.push_back(std::move(entry));
      } else if (entry.value.is_list()) {
        for (auto& item : entry.value.items) brought.push_back(std::move(item));
      } else {
        brought.push_back(std::move(entry.value));
      }
    }
    for (auto& source : brought) {
      if (!source.is_mapping()) {
        diagnostics_.error(
            source.at, "yaml-key",
            "\"<<\" takes in the keys of a mapping, this is none; name a mapping, as "
            "in <<: *defaults");
      }
      for (auto& entry : source.entries) {
        if (open.keys.insert(entry.key.text).second) mapping.entries.push_back(std::move(entry));
      }
    }
  }

  void expand_into(Node& node) {
    if (node.raw.find('$') == std::string::npos) {
      node.text = node.raw;
      return;
    }
    auto expanded = expand(node.raw, environment_);
    if (!expanded) {
      node.faulty = true;
      node.text = node.raw;
      const auto place =
          scalar_source_position(document_.text_, node.offset, node.raw, expanded.error().position);
      diagnostics_.error(document_.locate(place), expanded.error().code, expanded.error().message);
      return;
    }
    for (auto& [text, shown] : expanded->outside) diagnostics_.hide(text, shown);
    if (const auto bad = invalid_utf8(expanded->text); bad != std::string::npos) {
      node.faulty = true;
      diagnostics_.error(
          node.at, "not-utf8",
          fmt::format("what {} stands for is not UTF-8; give it text", node.shown()));
    }
    node.text = std::move(expanded->text);
    node.insertions = std::move(expanded->insertions);
  }

  void report(const YAML::Exception& e) {
    const auto offset = offset_of(e.mark);
    const auto& text = document_.text_;
    const auto line_begin = offset == 0 ? 0 : text.rfind('\n', offset - 1) + 1;
    const auto line =
        std::string_view(text).substr(line_begin, text.find('\n', offset) - line_begin);
    if (e.msg.find("depth") != std::string::npos) too_deep_reported(offset);
    diagnostics_.error(
        document_.locate(offset), "yaml-syntax",
        fmt::format("this is not YAML ({}); {}", printable(e.msg), remedy_for(line)));
  }

  void too_deep_reported(std::size_t offset) {
    try {
      too_deep(offset);
    } catch (const StopParsing&) {
    }
  }

  Document& document_;
  const Environment& environment_;
  Diagnostics& diagnostics_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
  std::size_t last_offset_ = 0;
  bool root_taken_ = false;
};

bool Node::from_outside() const { return std::ranges::any_of(insertions, &Insertion::outside); }

const Node::Entry* Node::find(std::string_view key) const {
  const auto found =
      std::ranges::find_if(entries, [&](const Entry& entry) { return entry.key.text == key; });
  return found == entries.end() ? nullptr : &*found;
}

std::string Node::shown() const {
  std::string out;
  std::size_t taken = 0;
  for (const auto& insertion : insertions) {
    out += raw.substr(taken, insertion.raw_begin - taken) + insertion.shown;
    taken = insertion.raw_end;
  }
  return printable(out + raw.substr(taken));
}

void hide_parts(const Node& scalar, Diagnostics& diagnostics) {
  for (const auto& insertion : scalar.insertions) {
    if (!insertion.outside) continue;
    const auto value =
        std::string_view(scalar.text).substr(insertion.begin, insertion.end - insertion.begin);
    each_word(value, [&](std::string_view word) {
      if (!scalar.raw.contains(word)) diagnostics.hide(std::string(word), insertion.shown);
    });
  }
}

std::string_view to_string(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::nothing:
      return "nothing";
    case Node::Kind::scalar:
      return "a text";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::mapping:
      return "a mapping";
  }
  return "nothing";
}

Document::Document(std::string file, std::string text)
    : file_(std::move(file)), text_(std::move(text)) {
  lines_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') lines_.push_back(i + 1);
  }
  root_.at = locate(0);
}

Document Document::parse(std::string file, std::string text, const Environment& environment,
                         Diagnostics& diagnostics) {
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  if (text.size() > document_bytes_max) {
    diagnostics.error(
        {file, 0, 0}, "file-too-large",
        fmt::format("the file has {} bytes, {} at most are read; split it into several "
                    "files of one folder",
                    text.size(), document_bytes_max));
    return Document(std::move(file), "");
  }
  Document document(std::move(file), std::move(text));
  const auto bad = std::min(invalid_utf8(document.text_), document.text_.find('\0'));
  if (bad != std::string::npos) {
    diagnostics.error(document.locate(bad), "not-utf8",
                      fmt::format("the byte 0x{:02x} here is no text; save the file as UTF-8",
                                  static_cast<unsigned char>(document.text_[bad])));
    return document;
  }
  DocumentBuilder(document, environment, diagnostics).build();
  return document;
}

Location Document::locate(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto next = std::ranges::upper_bound(lines_, offset);
  const std::size_t line = static_cast<std::size_t>(next - lines_.begin());
  const auto begin = text_.begin() + static_cast<std::ptrdiff_t>(lines_[line - 1]);
  const auto end = text_.begin() + static_cast<std::ptrdiff_t>(offset);
  const auto characters = std::count_if(
      begin, end, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return {file_, static_cast<int>(line), static_cast<int>(characters) + 1};
}

Location Document::locate(const Node& scalar, std::size_t position) const {
  const auto raw = raw_position(scalar.insertions, position);
  return locate(scalar_source_position(text_, scalar.offset, scalar.raw, raw));
}

}  // namespace leat::pipeline
