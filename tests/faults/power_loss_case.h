#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "case_file.h"

namespace leat::proof {

/// A random case (random_case.h) and all that goes into it and must come out: the rows of its first
/// stream `s` are numbered, records that no decoder takes come among them, and both the stream's
/// rows and the view's changes are written to files.
struct PowerLossCase {
  Case one;
  std::map<std::string, std::vector<std::string>> records;  ///< by stream, in their order
  std::vector<std::string> letters;                         ///< a part of each dead letter
  std::size_t rows = 0;                                     ///< of `s`, numbered from 0

  /// What the pipeline writes, of one partition in its order.
  static constexpr const char* rows_path = "/out/rows.jsonl";
  static constexpr const char* answer_path = "/out/answer.jsonl";
};

/// The same number gives the same case.
PowerLossCase power_loss_case(std::uint64_t number);

}  // namespace leat::proof
