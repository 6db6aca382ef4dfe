#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "connector/spec.h"

namespace leat::pipeline {

/// What the value of a key of the pipeline file looks like.
enum class Form {
  name,       ///< of something that is declared
  reference,  ///< name of something that is declared elsewhere
  names,      ///< one name or a list of them
  text,
  sql,         ///< one SELECT
  expression,  ///< a SQL expression
  type,        ///< a SQL type
  pointer,     ///< JSON pointer
  integer,
  number,
  boolean,
  duration,
  time,  ///< ISO 8601
  time_or_duration,
  bytes,
  choice,    ///< one of `choices`
  any,       ///< whatever YAML can say
  section,   ///< a mapping with the keys of `section`
  types,     ///< a mapping from names to SQL types
  named,     ///< a mapping from names to mappings with the keys of `section`
  sequence,  ///< a list of mappings with the keys of `section`
  name_or_section,
  type_or_section,
  duration_or_section,
  choice_or_section,
  format,   ///< the name of a format, or a mapping from it to its settings
  records,  ///< a list of whatever YAML can say, or text
  rows,     ///< a list of mappings from columns to values
};

/// One key of the pipeline file: its one description feeds reading, the reference and the JSON
/// Schema, so that no key can be read without being documented.
struct Key {
  std::string_view name;
  Form form = Form::text;
  std::string_view doc;
  bool required = false;
  std::string_view default_text = {};  ///< as the user would write it; empty: none
  std::vector<std::string_view> choices = {};
  std::optional<double> min = std::nullopt, max = std::nullopt;
  std::string_view section = {};  ///< name of the section that its value is of
};

/// The keys that a mapping at one place of the file may have.
struct Section {
  std::string_view name;   ///< `stream`, `stream.columns.*`: as grammar.cc calls it
  std::string_view title;  ///< heading in the reference
  std::string_view doc;    ///< Markdown
  std::vector<Key> keys;
  /// The mapping also holds one connector of this role, by its name.
  std::optional<connector::Role> connector = std::nullopt;
  std::string_view example = {};  ///< YAML

  const Key* find(std::string_view key) const;
};

/// All sections, the file's top level first, in the reference's order.
std::span<const Section> grammar();
const Section& section(std::string_view name);

}  // namespace leat::pipeline
