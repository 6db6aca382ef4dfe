#include "runtime/late_row.h"

#include <algorithm>

#include "format/encoder.h"
#include "runtime/dead_letters.h"
#include "runtime/refused_row.h"

namespace leat::runtime {

std::string late_reason(const op::LateRow& late, const std::string& view) {
  if (late.closed == 0) {
    return fmt::format("view {} has gone on: the watermark has passed the row's time", view);
  }
  const std::string which =
      late.closed + late.open == 1 ? fmt::format("its window of view {} is closed", view)
      : late.open == 0
          ? fmt::format("its {} windows of view {} are closed", late.closed, view)
          : fmt::format(
                "{} of its {} windows of view {} {} closed, it counts in the "
                "others",
                late.closed, late.closed + late.open, view, late.closed == 1 ? "is" : "are");
  return fmt::format("{}: the watermark has passed {}", which, late.closed == 1 ? "it" : "them");
}

std::string LateRowLetters::json(const LateMadeRow& made, const ChangeChunk& changes,
                                 const Schema& schema) {
  std::string out = R"({"stage":"late")";
  append_letter_member("view", made.view, out);
  append_letter_member("step", made.step, out);
  append_letter_member("from", made.from, out);
  append_letter_member("reason", late_reason(made.late, made.view), out);
  if (made.late.closed > 0) {
    out +=
        fmt::format(",\"windows_closed\":{},\"windows_open\":{}", made.late.closed, made.late.open);
  }
  out += fmt::format(",\"weight\":{}", changes.weight(made.late.row));
  append_letter_row(format::RowEncoder(schema), changes.rows, made.late.row, out);
  out += '}';
  return out;
}

Status LateRowLetters::write(log::PartitionLog& log) {
  // Workers add them in any order, and a replay is to write them as they were.
  std::ranges::sort(letters_);
  Status written = append_letters(log, letters_);
  letters_.clear();
  return written;
}

}  // namespace leat::runtime
