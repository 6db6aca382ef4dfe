#include "connector/file/file_source.h"

#include <set>

#include "connector/file/glob.h"
#include "connector/file_partition.h"
#include "connector/framing_settings.h"
#include "format/csv_record.h"

namespace leat::connector {
namespace {

Result<FileOptions> read_options(const Settings& settings) {
  FileOptions options;
  options.follow = settings.flag("follow");
  options.framing = LEAT_TRY(read_framing(settings, settings.text("framing") == "csv"));
  options.header = options.framing.kind == Framing::Kind::csv && settings.flag("header");
  return options;
}

/// The files there are now, as written in the pipeline file.
Result<std::vector<std::string>> list_files(const std::string& path, const Context& context) {
  if (is_glob(path)) return expand_glob(path, context);
  if (!LEAT_TRY(context.files.exists(context.path(path)))) {
    return user_error("no-such-file", "there is no file {}; relative paths begin at {}", path,
                      context.base_directory.empty() ? "the working directory of the process"
                                                     : context.base_directory);
  }
  return std::vector<std::string>{path};
}

/// The first record of a file, as text.
Result<std::string> first_record(const std::string& name, FileOptions options,
                                 const Context& context) {
  options.header = false;
  options.follow = false;
  FilePartition file(context.files, context.clock, options, name, context.path(name));
  Slice slice;
  if (LEAT_TRY(file.read(slice, 0)) != PartitionReader::Outcome::records) return std::string();
  return std::string(slice.records.front().value);
}

class FileSource final : public ReplayableSource {
 public:
  FileSource(std::string path, FileOptions options, const Context& context)
      : path_(std::move(path)), options_(std::move(options)), context_(context) {}

  Result<std::vector<std::unique_ptr<PartitionReader>>> discover() override {
    std::vector<std::unique_ptr<PartitionReader>> found;
    for (std::string& name : LEAT_TRY(list_files(path_, context_))) {
      if (known_.contains(name)) continue;
      if (options_.follow && is_compressed(name)) {
        return user_error("bad-path", "file source: {} is compressed and can't be followed", name);
      }
      if (options_.header && options_.header_text.empty()) {
        options_.header_text = LEAT_TRY(first_record(name, options_, context_));
      }
      found.push_back(std::make_unique<FilePartition>(context_.files, context_.clock, options_,
                                                      name, context_.path(name)));
      known_.insert(std::move(name));
    }
    return found;
  }

  bool keeps_discovering() const override { return options_.follow && is_glob(path_); }

 private:
  const std::string path_;
  FileOptions options_;
  const Context context_;
  std::set<std::string> known_;
};

}  // namespace

Result<std::unique_ptr<ReplayableSource>> make_file_source(const Settings& settings,
                                                           const Context& context) {
  const std::string& path = settings.text("path");
  if (path.empty() || path.find('\0') != std::string::npos) {
    return user_error("bad-path", "a file source needs a `path`: a file or a glob");
  }
  FileOptions options = LEAT_TRY(read_options(settings));
  if (options.follow && is_compressed(path)) {
    return user_error("bad-path", "file source: {} is compressed and can't be followed", path);
  }
  return std::make_unique<FileSource>(path, std::move(options), context);
}

bool has_csv_header(const Settings& settings) {
  const auto options = read_options(settings);
  return options && options->header;
}

Result<std::vector<std::string>> csv_header(const Settings& settings, const Context& context) {
  const FileOptions options = LEAT_TRY(read_options(settings));
  if (!options.header) return std::vector<std::string>();
  const std::string& path = settings.text("path");
  const std::vector<std::string> names = LEAT_TRY(list_files(path, context));
  if (names.empty()) {
    return user_error("no-such-file",
                      "no file matches {} yet, so the names of its columns are not known; write "
                      "them in the stream's format, or put a first file there",
                      path);
  }
  const std::string row = LEAT_TRY(first_record(names.front(), options, context));
  format::TextArena arena;
  std::vector<format::CsvField> cells;
  std::size_t position = 0;
  if (const char* fault = format::split_csv(row, options.framing.delimiter, options.framing.quote,
                                            arena, cells, position)) {
    return user_error("bad-framing", "{}: the header can't be read: {} at byte {}", names.front(),
                      fault, position);
  }
  std::vector<std::string> columns;
  for (const format::CsvField& cell : cells) columns.emplace_back(cell.text);
  return columns;
}

}  // namespace leat::connector
