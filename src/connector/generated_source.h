#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "connector/source.h"
#include "connector/spec.h"

namespace leat::connector {

/// Records that are a function of their number, made as they are read: nothing is copied, and
/// reading goes on at any position. Partition `p` of `n` holds the records p, p + n, p + 2n, …; a
/// record's offset is its index in the partition. Timestamps are the moments at which records were
/// due, so that latency is measured from the intended time.
struct GeneratedRecords {
  std::string name;         ///< of the source, for errors
  double rate = 0;          ///< records a second of all partitions together; 0: no limit
  std::uint64_t count = 0;  ///< of all partitions together; 0: endless
  std::uint64_t partitions = 1;
  std::size_t bytes_meant = 0;  ///< by a record that is short for more; 0: it is what it is
  /// Appends the record with this number. Called by several threads at once.
  std::function<void(std::uint64_t number, std::string& text)> append;
};

std::unique_ptr<ReplayableSource> make_generated_source(GeneratedRecords records,
                                                        const Clock& clock);

/// The settings `rate`, `count`, `seed` and `partitions`. `things`: what the records are, as
/// "users".
std::vector<Setting> generated_source_settings(const std::string& things,
                                               const std::string& default_rate);
/// What those settings say, without `append`.
GeneratedRecords generated_records(std::string name, const Settings& settings);

}  // namespace leat::connector
