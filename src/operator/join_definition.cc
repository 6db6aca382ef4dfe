#include "operator/join_definition.h"

#include <fmt/format.h>

namespace leat::op {

std::string definition_of(const JoinView& view) {
  const sql::JoinQuery& query = view.query;
  std::string text =
      fmt::format("join 1 kind {} keys {}", static_cast<int>(query.kind), query.key_count);
  for (const sql::ViewInput* input : {&query.left, &query.right}) {
    text += fmt::format("\ninput {} weighted {} {}\ncolumns", input->input, input->weighted,
                        input->sql);
    for (const Column& column : input->schema) text += " " + column.type.to_sql();
  }
  text += "\ncondition " + query.condition;
  if (query.window_key && view.end_windows()) {
    text += fmt::format("\nwindows end {} after the key, given out {}", query.window_key->width_us,
                        static_cast<int>(view.emit));
  }
  if (const auto& bound = query.bound) {
    text += fmt::format("\nbound {} {} from {} to {}", bound->left_column, bound->right_column,
                        bound->lower_us, bound->upper_us);
  }
  if (const auto& asof = query.asof) {
    text += fmt::format("\nas of, following {} strictly {} closes {}", asof->following,
                        asof->strictly, asof->closes);
    if (view.ttl) text += fmt::format(" within {}", view.ttl->length_us);
  }
  return text;
}

}  // namespace leat::op
