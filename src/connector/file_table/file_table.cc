#include "connector/file_table/file_table.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/ranges.h>
#include <sys/stat.h>

#include "sql/table_file.h"

namespace leat::connector {
namespace {

namespace fs = std::filesystem;

Result<sql::TableFile::Format> format_of(const std::string& path, const Settings& settings) {
  using Format = sql::TableFile::Format;
  std::string name = settings.text("format");
  if (name.empty()) {
    fs::path file(path);
    if (file.extension() == ".gz") file.replace_extension();
    const std::string ending = file.extension();
    if (ending == ".csv" || ending == ".tsv") name = "csv";
    if (ending == ".json" || ending == ".jsonl" || ending == ".ndjson") name = "json";
    if (ending == ".parquet") name = "parquet";
  }
  if (name == "csv") return Format::csv;
  if (name == "json") return Format::json;
  if (name == "parquet") return Format::parquet;
  return user_error("table-file",
                    "{}: its name does not say what it is; add format: csv, json or parquet", path);
}

Result<sql::TableFile> file_of(const Settings& settings, const Context& context) {
  const std::string& written = settings.text("path");
  if (written.find_first_of("*?[") != std::string::npos) {
    return user_error("table-file", "{}: a table is one file, and this is a pattern; name the file",
                      written);
  }
  std::error_code error;
  const fs::path path = fs::absolute(context.path(written), error).lexically_normal();
  sql::TableFile file{.path = path};
  file.format = LEAT_TRY(format_of(path, settings));
  file.header = settings.flag("header");
  if (path.extension() == ".tsv") file.delimiter = "\t";
  if (settings.has("delimiter")) file.delimiter = settings.text("delimiter");
  file.null_text = settings.text("null");
  return file;
}

/// What the file system says of the file; as a text that differs when the file may have changed.
struct Seen {
  std::string version;
  std::uint64_t bytes = 0;
};

Result<Seen> look_at(const std::string& path) {
  struct stat seen {};
  if (::stat(path.c_str(), &seen) != 0) {
    return external_error("table-missing", "{}: {}; put the file there", path,
                          errno == ENOENT ? "there is no such file" : std::strerror(errno));
  }
  if (!S_ISREG(seen.st_mode)) {
    return external_error("table-missing", "{}: this is no file; name one", path);
  }
  return Seen{fmt::format("{}:{}:{}:{}.{:09}", seen.st_dev, seen.st_ino, seen.st_size,
                          seen.st_mtim.tv_sec, seen.st_mtim.tv_nsec),
              static_cast<std::uint64_t>(seen.st_size)};
}

Status check_size(const sql::TableFile& file, std::uint64_t bytes, const Settings& settings) {
  const auto bytes_max = static_cast<std::uint64_t>(settings.integer("max_size"));
  if (bytes > bytes_max) {
    return user_error("table-too-large", "{}: it has {} bytes, and max_size is {}: raise it",
                      file.path, bytes, bytes_max);
  }
  if (bytes == 0) {
    return user_error("table-file", "{}: it is empty; a table without rows has {}", file.path,
                      file.format == sql::TableFile::Format::json ? "an empty array: []"
                                                                  : "its columns all the same");
  }
  return {};
}

class FileTable final : public ReferenceTable {
 public:
  FileTable(sql::TableFile file, std::unique_ptr<sql::TableFileReader> reader, Schema columns,
            Settings settings)
      : file_(std::move(file)),
        reader_(std::move(reader)),
        columns_(std::move(columns)),
        settings_(std::move(settings)) {}

  Result<std::string> version() override { return LEAT_TRY(look_at(file_.path)).version; }

  Status read(const std::function<Status(Chunk)>& sink) override {
    LEAT_TRY(check_size(file_, LEAT_TRY(look_at(file_.path)).bytes, settings_));
    const auto rows_max = static_cast<std::size_t>(settings_.integer("max_rows"));
    std::size_t rows = 0;
    return reader_->read(file_, columns_, [&](Chunk chunk) -> Status {
      rows += chunk.size();
      if (rows > rows_max) {
        return user_error("table-too-large",
                          "{}: it has more than {} rows, which is max_rows: raise it", file_.path,
                          rows_max);
      }
      return sink(std::move(chunk));
    });
  }

 private:
  const sql::TableFile file_;
  const std::unique_ptr<sql::TableFileReader> reader_;
  const Schema columns_;
  const Settings settings_;
};

Result<std::unique_ptr<sql::TableFileReader>> reader_of(const sql::TableFile& file) {
  return sql::TableFileReader::open(fs::path(file.path).parent_path());
}

}  // namespace

Result<Schema> columns_of_file_table(const Schema& declared, const Settings& settings,
                                     const Context& context) {
  const sql::TableFile file = LEAT_TRY(file_of(settings, context));
  const auto seen = look_at(file.path);
  if (!seen) {
    return user_error("table-missing", "{}{}", seen.error().message,
                      declared.size() > 0 ? "" : ", or write its columns: {name: text, …}");
  }
  LEAT_TRY(check_size(file, seen->bytes, settings));
  const auto reader = LEAT_TRY(reader_of(file));
  Schema found = LEAT_TRY(reader->columns(file));
  if (declared.size() == 0) return found;
  // What a row of JSON lacks is NULL, and what no row has is NULL in all.
  if (file.format == sql::TableFile::Format::json) return declared;
  for (const Column& column : declared) {
    if (found.find(column.name)) continue;
    return user_error("table-file", "{}: it has no column \"{}\"; its columns are {}", file.path,
                      column.name, fmt::join(found.names(), ", "));
  }
  return declared;
}

Result<std::unique_ptr<ReferenceTable>> make_file_table(const TableInput& input,
                                                        const Settings& settings,
                                                        const Context& context) {
  sql::TableFile file = LEAT_TRY(file_of(settings, context));
  auto reader = LEAT_TRY(reader_of(file));
  return std::make_unique<FileTable>(std::move(file), std::move(reader), input.schema, settings);
}

}  // namespace leat::connector
