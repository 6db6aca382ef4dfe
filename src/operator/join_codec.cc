#include "operator/join_codec.h"

#include "model/column_types.h"
#include "model/vector_access.h"

namespace leat::op {
namespace {

std::vector<Type> kept_types(const sql::ViewInput& input, std::size_t key_count) {
  std::vector<Type> types = types_of(input.schema);
  types.erase(types.begin(), types.begin() + static_cast<std::ptrdiff_t>(key_count));
  return types;
}

}  // namespace

JoinCodec::JoinCodec(const sql::JoinQuery& query)
    : left_only_(query.kind == sql::JoinQuery::Kind::semi ||
                 query.kind == sql::JoinQuery::Kind::anti),
      output_(query.output),
      left_(kept_types(query.left, query.key_count)),
      right_(kept_types(query.right, query.key_count)) {
  std::vector<Column> columns;
  for (const bool of_left : {true, false}) {
    const std::vector<Type> types = kept_types(of_left ? query.left : query.right, query.key_count);
    const std::size_t side = of_left ? 0 : 1;
    for (std::size_t i = 0; i < types.size(); ++i) {
      columns_[side].push_back(columns.size());
      columns.push_back({fmt::format("{}{}", of_left ? "l" : "r", i), types[i]});
    }
    shapes_[side] = VectorShape::of(types);
  }
  pairs_ = Schema(std::move(columns));
}

Result<Chunk> JoinCodec::decode_pairs(std::span<const std::string_view> left,
                                      std::span<const std::string_view> right) const {
  Chunk chunk(pairs_);
  LEAT_TRY(left_.decode(left, columns_[0], chunk, 0));
  LEAT_TRY(right_.decode(right, columns_[1], chunk, 0));
  chunk.set_size(left.size());
  return chunk;
}

Result<Chunk> JoinCodec::decode_alone(bool of_left, std::span<const std::string_view> rows) const {
  Chunk chunk(output_);
  LEAT_TRY((of_left ? left_ : right_).decode(rows, columns_[of_left ? 0 : 1], chunk, 0));
  if (!left_only_) {
    const std::size_t missing = of_left ? 1 : 0;
    for (VectorWriter& writer : write_columns(shapes_[missing], chunk, columns_[missing])) {
      for (std::size_t row = 0; row < rows.size(); ++row) writer.set_null(row);
    }
  }
  chunk.set_size(rows.size());
  return chunk;
}

}  // namespace leat::op
