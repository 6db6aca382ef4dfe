#include "connector/file_sink/file_sink.h"

#include "connector/file_sink/part_directory.h"
#include "connector/file_sink/single_file.h"

namespace leat::connector {

Result<std::unique_ptr<EpochSink>> make_file_sink(const Settings& settings, const Schema& schema,
                                                  bool changes, const Context& context) {
  std::string path = context.path(settings.text("path"));
  if (path.empty() || path.find('\0') != std::string::npos) {
    return user_error("bad-path", "a file sink needs a `path`: a file name or a directory");
  }
  if (changes && schema.find("weight")) {
    return user_error("name-clash",
                      "the rows for {} have a column `weight`, which `changes: true` writes "
                      "itself; rename the column in the query",
                      path);
  }
  RowText text(schema,
               settings.text("format") == "csv" ? RowText::Format::csv : RowText::Format::json,
               changes);
  const std::string& policy = settings.text("if_exists");
  const IfExists if_exists = policy == "append"    ? IfExists::append
                             : policy == "replace" ? IfExists::replace
                                                   : IfExists::refuse;
  const std::string name = path.substr(path.rfind('/') + 1);
  const bool single = name.find('.', 1) != std::string::npos;
  if (single) {
    return std::make_unique<SingleFile>(context.files, std::move(path), std::move(text), if_exists);
  }
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const Settings& given = settings.group("roll");
  Roll roll;
  roll.bytes = static_cast<std::uint64_t>(given.integer("bytes"));
  roll.every_ms = given.duration_ms("every");
  roll.rows = static_cast<std::uint64_t>(given.integer("rows"));
  return std::make_unique<PartDirectory>(context.files, context.clock, std::move(path),
                                         std::move(text), roll, if_exists);
}

}  // namespace leat::connector
