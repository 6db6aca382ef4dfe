#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/document.h"
#include "pipeline/grammar.h"

namespace leat::pipeline {

/// A mapping of the file, read by a section of the grammar: unknown and missing keys and values of
/// the wrong shape are reported when it is made, values that can't be read when they are asked for.
/// A key may only be asked for if the grammar has it. Refers to its node; used by one thread.
class Fields {
 public:
  /// `others`: keys that may stand here beside the section's (the connectors' names).
  Fields(const Node& mapping, const Section& section, Diagnostics& diagnostics,
         std::vector<std::string_view> others = {});

  const Location& at() const { return node_.at; }
  /// Where the key is, or else the mapping.
  const Location& at(std::string_view key) const;
  const Node& node() const { return node_; }
  /// False: nothing at all can be read here, which has been reported.
  bool readable() const { return node_.is_mapping(); }

  /// The value of a key if it has the right shape; null otherwise or where it is left out.
  const Node* find(std::string_view key) const;
  /// Whether the key stands there, whatever its value.
  bool has(std::string_view key) const;
  /// A scalar's text, or the default; nothing where there is neither.
  std::optional<std::string> text(std::string_view key) const;
  /// The value or default of an integer, duration (in milliseconds) or size (in bytes).
  std::optional<std::int64_t> number(std::string_view key) const;
  bool flag(std::string_view key) const;
  /// One name or a list of them.
  std::vector<const Node*> names(std::string_view key) const;
  /// The entries whose keys are of `others`.
  std::vector<const Node::Entry*> others() const;

 private:
  void check_keys();
  bool has_shape(const Key& key, const Node& value) const;
  const Key& declared(std::string_view key) const;

  const Node& node_;
  const Section& section_;
  Diagnostics& diagnostics_;
  std::vector<std::string_view> others_;
};

/// Reports a value that has another shape than was `expected` ("a mapping").
void report_shape(Diagnostics& diagnostics, const Node& value, std::string_view what,
                  std::string_view expected);

}  // namespace leat::pipeline
