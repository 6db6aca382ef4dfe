#pragma once

#include <string>
#include <vector>

#include "pipeline/check.h"

namespace leat::app {

/// Checks the files and prints every diagnostic to standard error. Error `pipeline-invalid` when
/// there is a fault.
Result<pipeline::Graph> checked_graph(const std::vector<std::string>& files);

/// The files' texts as written, folders opened: what `leat run` keeps in the data directory, so
/// that the data can be read without it.
Result<std::vector<pipeline::SourceText>> texts_of(const std::vector<std::string>& files);

/// Prints diagnostics as people read them.
void print_diagnostics(const std::vector<pipeline::Diagnostic>& diagnostics);

}  // namespace leat::app
