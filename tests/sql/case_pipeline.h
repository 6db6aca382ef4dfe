#pragma once

#include <string>

#include "case_file.h"
#include "pipeline/check.h"

namespace leat::proof {

/// The case as a pipeline file: a topic for each stream, and the query as view `result`.
std::string pipeline_text(const Case& one);
/// The topic that a stream's rows are put in at.
std::string topic_of(const Relation& stream);
/// A row as the JSON record that the stream decodes.
std::string record_of(const Relation& stream, const InputRow& row);

/// Checks the case as `leat check` does.
pipeline::Checked checked(const Case& one, sql::Analyser& analyser);

}  // namespace leat::proof
