#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connector/net_changes.h"
#include "connector/sink.h"
#include "connector/sink_input.h"
#include "format/encoder.h"
#include "format/json_text.h"

namespace leat::connector {

/// One row of a batch as it goes into a request's body.
struct Element {
  std::size_t part = 0, row = 0;
  std::size_t begin = 0, end = 0;  ///< of its text
  Offset offset;
};

/// Turns a batch into JSON, an element for each row that is sent. Used by one thread; keeps its
/// memory from batch to batch.
class Elements {
 public:
  explicit Elements(const SinkInput& input);

  /// Replaces what was there. Rows that no JSON can be made of are added to `refused`.
  void encode(const SinkBatch& batch, std::vector<RefusedRow>& refused);
  const std::vector<Element>& list() const { return list_; }
  std::string_view text(const Element& element) const {
    return std::string_view(text_).substr(element.begin, element.end - element.begin);
  }

 private:
  void encode_rows(const SinkBatch& batch);
  void encode_changes(const SinkBatch& batch);
  void encode_records(const SinkBatch& batch, std::vector<RefusedRow>& refused);
  void add(const SinkBatch& batch, std::size_t part, std::size_t row, std::size_t begin);

  const SinkInput::Kind kind_;
  const bool rows_change_;
  const bool changes_;
  format::RowEncoder encoder_;
  std::optional<NetChanges> net_;
  format::JsonText json_;
  std::string text_;
  std::string record_;
  std::vector<Element> list_;
};

}  // namespace leat::connector
