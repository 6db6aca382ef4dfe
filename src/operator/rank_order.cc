#include "operator/rank_order.h"

namespace leat::op {
namespace {

// Before and behind all values, whose first byte is 1, or 0xFE where they descend.
constexpr char first_of_all = '\x00';
constexpr char last_of_all = '\xFF';

}  // namespace

RankOrder::RankOrder(const Schema& input, const std::vector<sql::KeyedQuery::Order>& order) {
  for (const auto& by : order) columns_.push_back({KeyCodec({input[by.column].type}), by});
}

void RankOrder::encode(const Chunk& rows, std::vector<std::string>& out) const {
  out.assign(rows.size(), {});
  EncodedRows values;
  for (const Column& column : columns_) {
    column.codec.encode(rows, std::span(&column.order.column, 1), values);
    for (std::size_t row = 0; row < out.size(); ++row) {
      const std::string_view value = values[row];
      if (value[0] == 0) {
        out[row].push_back(column.order.nulls_first ? first_of_all : last_of_all);
        continue;
      }
      const std::size_t begin = out[row].size();
      out[row].append(value);
      if (!column.order.descending) continue;
      for (std::size_t i = begin; i < out[row].size(); ++i) {
        out[row][i] = static_cast<char>(~out[row][i]);
      }
    }
  }
}

}  // namespace leat::op
