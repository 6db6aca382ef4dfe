#include "operator/accumulator.h"
#include "operator/value_counts.h"

namespace leat::op {
namespace {

/// count, sum and avg over DISTINCT values: the plain function, given only the rows with which a
/// value appears in its group or goes from it.
class DistinctAccumulator final : public Accumulator {
 public:
  DistinctAccumulator(const sql::AggregateCall& call, const AccumulatorSite& site,
                      std::unique_ptr<Accumulator> plain)
      : argument_(call.arguments[0]),
        plain_(std::move(plain)),
        counts_(site, false),
        encoding_(site.encode(Encoding::Kind::key, {argument_})),
        scratch_(site.shards) {}

  Status update(const GroupRows& all) override {
    Scratch& scratch = scratch_[all.shard];
    const GroupRows rows = without_null(all, std::span(&argument_, 1), scratch.valid);
    scratch.turned.clear();
    const auto value_of = [&](std::size_t i, std::string& out) {
      out.append((*rows.encoded)[encoding_][rows.rows[i]]);
    };
    const auto each = [&](std::size_t i, ValueCounts::Turn turn) {
      if (turn == ValueCounts::Turn::none) return;
      scratch.turned.add(rows.rows[i], rows.groups[i],
                         turn == ValueCounts::Turn::appeared ? 1 : -1);
    };
    LEAT_TRY(counts_.apply(rows, value_of, each));
    return plain_->update(scratch.turned.as_rows(rows));
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    return plain_->finalise(records, out, column);
  }

 private:
  struct Scratch {
    RowSelection valid;
    RowSelection turned;
  };

  const std::size_t argument_;
  const std::unique_ptr<Accumulator> plain_;
  ValueCounts counts_;
  const std::size_t encoding_;
  std::vector<Scratch> scratch_;
};

}  // namespace

Result<std::unique_ptr<Accumulator>> make_distinct(const sql::AggregateCall& call,
                                                   const AccumulatorSite& site) {
  sql::AggregateCall plain = call;
  plain.distinct = false;
  return std::make_unique<DistinctAccumulator>(call, site, LEAT_TRY(make_accumulator(plain, site)));
}

}  // namespace leat::op
