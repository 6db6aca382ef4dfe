#include "connector/framing_settings.h"

namespace leat::connector {
namespace {

Result<char> one_character(const Settings& settings, std::string_view name) {
  const std::string& text = settings.text(name);
  const std::string_view meant = text == "\\t" ? "\t" : std::string_view(text);
  if (meant.size() != 1 || meant == "\n" || meant == "\r") {
    return user_error("bad-framing", "`{}` must be one ASCII character, not \"{}\"", name, text);
  }
  return meant[0];
}

}  // namespace

std::vector<Setting> csv_settings() {
  return {
      {.name = "delimiter",
       .kind = Kind::text,
       .doc = "Of CSV: one character between fields; `\\t` for a tabulator.",
       .default_value = ","},
      {.name = "quote",
       .kind = Kind::text,
       .doc = "Of CSV: one character around fields that hold delimiters, quotes or line breaks.",
       .default_value = "\""},
  };
}

Result<Framing> read_framing(const Settings& settings, bool is_csv) {
  Framing framing;
  framing.kind = is_csv ? Framing::Kind::csv : Framing::Kind::lines;
  framing.record_bytes_max = static_cast<std::size_t>(settings.integer("record_bytes_max"));
  framing.delimiter = LEAT_TRY(one_character(settings, "delimiter"));
  framing.quote = LEAT_TRY(one_character(settings, "quote"));
  if (framing.delimiter == framing.quote) {
    return user_error("bad-framing", "`delimiter` and `quote` are the same");
  }
  return framing;
}

}  // namespace leat::connector
