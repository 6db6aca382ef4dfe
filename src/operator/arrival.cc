#include "operator/accumulator.h"
#include "operator/stored_value.h"

namespace leat::op {
namespace {

/// first and last by order of arrival; NULL counts as a value, as in DuckDB.
class ArrivalAccumulator final : public Accumulator {
 public:
  ArrivalAccumulator(const sql::AggregateCall& call, const AccumulatorSite& site, bool first)
      : first_(first),
        place_(site.record.add_blob()),
        encoding_(site.encode(Encoding::Kind::row, {call.arguments[0]})),
        values_(site.type_of(call.arguments[0])) {}

  Status update(const GroupRows& rows) override {
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      state::Entry* group = rows.groups[i];
      // A row's bytes are never empty: an empty blob is a group that has seen none.
      if (first_ && part_of<state::Blob>(group, place_.offset).size() != 0) continue;
      rows.table->set_blob(group, place_.index, (*rows.encoded)[encoding_][rows.rows[i]]);
    }
    return {};
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    return values_.write_rows(
        records,
        [&](const std::byte* record) { return part_of<state::Blob>(record, place_.offset).view(); },
        out, column);
  }

 private:
  const bool first_;
  const RecordBuilder::BlobPlace place_;
  const std::size_t encoding_;
  const StoredValues values_;
};

}  // namespace

Result<std::unique_ptr<Accumulator>> make_arrival(const sql::AggregateCall& call,
                                                  const AccumulatorSite& site) {
  return std::make_unique<ArrivalAccumulator>(call, site,
                                              call.function == sql::AggregateCall::Function::first);
}

}  // namespace leat::op
