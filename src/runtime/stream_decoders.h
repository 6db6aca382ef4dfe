#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "format/shared_decoder.h"
#include "pipeline/graph.h"

namespace leat::runtime {

/// A stream that reads a topic.
struct TopicReader {
  const pipeline::StreamNode* node = nullptr;
  std::vector<std::string> csv_header;  ///< of a CSV topic
  /// Of the source that fills the topic, where its records may be of a form of its own; gives null
  /// where they are not.
  std::function<Result<std::unique_ptr<format::Decoder>>(format::WantedColumns)> of_source;
};

/// One worker's decoders, by reader. Streams over the same topic of JSON share the walk through
/// each record (format/shared_decoder.h).
Result<std::vector<std::unique_ptr<format::Decoder>>> make_stream_decoders(
    std::span<const TopicReader> readers);

}  // namespace leat::runtime
