#pragma once

#include <string>

#include "base/error.h"
#include "format/encoder.h"
#include "model/changes.h"

namespace leat::connector {

/// Rows as lines of a file. Const and without state: any thread.
class RowText {
 public:
  enum class Format { json, csv };
  /// `changes`: each line begins with the row's weight.
  RowText(Schema schema, Format format, bool changes)
      : encoder_(std::move(schema)), format_(format), changes_(changes) {}

  /// Appends the rows as whole lines.
  Status append(const ChangeChunk& changes, std::string& out) const;
  /// What a file begins with, line end included; nothing for JSON.
  std::string header() const;
  /// File name extension with its dot.
  std::string extension() const { return format_ == Format::csv ? ".csv" : ".jsonl"; }

 private:
  void append_row(const ChangeChunk& changes, std::size_t row, std::string& out) const;

  format::RowEncoder encoder_;
  Format format_;
  bool changes_;
};

}  // namespace leat::connector
