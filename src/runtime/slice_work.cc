#include "runtime/slice_work.h"

namespace leat::runtime {

void StreamTally::add(const StreamTally& other) {
  accepted += other.accepted;
  out += other.out;
  filtered += other.filtered;
  late += other.late;
  dead_letters += other.dead_letters;
  future += other.future;
  expectations.resize(std::max(expectations.size(), other.expectations.size()));
  for (std::size_t i = 0; i < other.expectations.size(); ++i) {
    expectations[i].passed += other.expectations[i].passed;
    expectations[i].refused += other.expectations[i].refused;
  }
}

void SliceWork::reset(std::size_t stream_count, std::size_t sink_count, std::size_t view_count) {
  input = nullptr;
  chunks = 0;
  dead_letters.clear();
  streams.clear();
  streams.resize(stream_count);
  sinks.resize(sink_count);
  for (ForSink& sink : sinks) {
    sink.bytes.clear();
    sink.rows = 0;
  }
  late_of_view.assign(view_count, 0);
}

}  // namespace leat::runtime
