#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/diagnostic.h"
#include "pipeline/environment.h"
#include "pipeline/graph.h"

namespace leat::pipeline {

/// Bounds on one pipeline file; a file beyond them is refused, not read.
inline constexpr std::size_t document_bytes_max = 4u << 20;
inline constexpr std::size_t document_depth_max = 64;
/// Nodes and bytes of text after aliases and references have been replaced.
inline constexpr std::size_t document_nodes_max = 100'000;
inline constexpr std::size_t document_text_max = 16u << 20;

/// One value of a YAML file, with its place. Aliases are replaced by what they stand for, `<<`
/// merges by the keys that they bring.
struct Node {
  enum class Kind { nothing, scalar, list, mapping };
  struct Entry;

  Kind kind = Kind::nothing;
  std::size_t offset = 0;  ///< where it begins, in bytes of the file
  Location at;
  std::string text;                   ///< of a scalar, references replaced
  std::string raw;                    ///< of a scalar, as YAML has it
  std::vector<Insertion> insertions;  ///< what was replaced
  bool quoted = false;                ///< in quotes or a block: never a number or boolean by itself
  bool faulty = false;                ///< a reference in it failed, which has been reported
  std::vector<Node> items;
  std::vector<Entry> entries;

  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_list() const { return kind == Kind::list; }
  bool is_mapping() const { return kind == Kind::mapping; }
  bool is_nothing() const { return kind == Kind::nothing; }
  /// A part of it came from the environment or a file.
  bool from_outside() const;
  const Entry* find(std::string_view key) const;
  /// As a message may quote it: references unreplaced, on one line, clipped.
  std::string shown() const;
};

struct Node::Entry {
  Node key;  ///< a scalar; never expanded
  Node value;
};

/// Makes sure that no message quotes even a word of what came into the scalar from the environment
/// or a file: for texts whose faults are worded elsewhere.
void hide_parts(const Node& scalar, Diagnostics& diagnostics);

/// "nothing", "a text", "a list", "a mapping".
std::string_view to_string(Node::Kind kind);

/// A parsed pipeline file. Immutable; nodes belong to it.
class Document {
 public:
  /// Parses `text`; faults go to `diagnostics`, and what could be read is there all the same.
  static Document parse(std::string file, std::string text, const Environment& environment,
                        Diagnostics& diagnostics);

  const Node& root() const { return root_; }
  const std::string& file() const { return file_; }
  /// Line and column (in characters, from 1) of a byte of the file.
  Location locate(std::size_t offset) const;
  /// Line and column in the file of byte `position` of a scalar's expanded text.
  Location locate(const Node& scalar, std::size_t position) const;

 private:
  friend class DocumentBuilder;
  Document(std::string file, std::string text);

  std::string file_;
  std::string text_;
  std::vector<std::size_t> lines_;  // where each line begins
  Node root_;
};

}  // namespace leat::pipeline
