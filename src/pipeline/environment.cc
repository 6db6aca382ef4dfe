#include "pipeline/environment.h"

#include <cstdlib>
#include <fstream>

#include <fmt/format.h>

#include "pipeline/diagnostic.h"

namespace leat::pipeline {
namespace {

constexpr std::size_t file_bytes_max = 1 << 20;
constexpr int nesting_max = 8;

using Fault = ExpansionFault;

Result<std::string> read_small_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return user_error("file-reference", "can't open the file \"{}\"", printable(path));
  std::string text(file_bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return user_error("file-reference", "can't read the file \"{}\"", printable(path));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > file_bytes_max) {
    return user_error("file-reference", "the file \"{}\" is larger than 1 MiB", printable(path));
  }
  return text;
}

bool is_name(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  for (const char c : text) {
    const bool word =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!word) return false;
  }
  return true;
}

/// The brace that ends the reference whose body begins at `begin`; npos: none.
std::size_t closing_brace(std::string_view text, std::size_t begin) {
  int open = 1;
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '{') {
      ++open;
      ++i;
    } else if (text[i] == '}' && --open == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

class Expander {
 public:
  explicit Expander(const Environment& environment) : environment_(environment) {}

  std::expected<Expansion, Fault> run(std::string_view text, int nesting) {
    Expansion out;
    std::size_t i = 0;
    while (i < text.size()) {
      const auto dollar = text.find('$', i);
      out.text += text.substr(i, dollar - i);
      if (dollar == std::string_view::npos) break;
      const char next = dollar + 1 < text.size() ? text[dollar + 1] : '\0';
      if (next == '{') {
        auto end = insert(text, dollar, nesting, out);
        if (!end) return std::unexpected(std::move(end).error());
        i = *end;
        continue;
      }
      const std::size_t taken = next == '$' ? 2 : 1;
      if (taken == 2) mark(out, dollar, dollar + 2, out.text.size() + 1, "$$", false);
      out.text += '$';
      i = dollar + taken;
    }
    return out;
  }

 private:
  struct Value {
    std::string text;
    bool outside = true;
    std::vector<std::pair<std::string, std::string>> inner;  // of the default
  };

  static void mark(Expansion& out, std::size_t raw_begin, std::size_t raw_end, std::size_t end,
                   std::string shown, bool outside) {
    out.insertions.push_back({out.text.size(), end, raw_begin, raw_end, std::move(shown), outside});
  }

  std::expected<std::size_t, Fault> insert(std::string_view text, std::size_t dollar, int nesting,
                                           Expansion& out) {
    const auto end = closing_brace(text, dollar + 2);
    if (end == std::string_view::npos) {
      return std::unexpected(Fault{"expansion-syntax",
                                   "\"${\" has no \"}\"; write ${NAME}, ${NAME:-default} or "
                                   "${file:PATH}, or $$ for a dollar sign",
                                   dollar});
    }
    const auto body = text.substr(dollar + 2, end - dollar - 2);
    auto value = value_of(body, dollar, nesting);
    if (!value) return std::unexpected(std::move(value).error());
    const auto shown = fmt::format("${{{}}}", printable(body.substr(0, body.find(":-"))));
    mark(out, dollar, end + 1, out.text.size() + value->text.size(), shown, value->outside);
    if (value->outside) out.outside.emplace_back(value->text, shown);
    for (auto& inner : value->inner) out.outside.push_back(std::move(inner));
    out.text += value->text;
    return end + 1;
  }

  std::expected<Value, Fault> value_of(std::string_view body, std::size_t at, int nesting) {
    if (body.starts_with("file:")) return file_value(std::string(body.substr(5)), at);
    const auto colon = body.find(":-");
    const std::string name(body.substr(0, colon));
    if (!is_name(name)) {
      return std::unexpected(
          Fault{"expansion-syntax",
                fmt::format("\"${{{}}}\" names no variable; write ${{NAME}}, ${{NAME:-default}} or "
                            "${{file:PATH}}, or $$ for a dollar sign",
                            printable(body)),
                at});
    }
    auto found = environment_.variable ? environment_.variable(name) : std::nullopt;
    if (colon == std::string_view::npos) {
      if (found) return Value{std::move(*found), true, {}};
      return std::unexpected(
          Fault{"unset-variable",
                fmt::format("the environment variable {0} is not set; set it, or give a default: "
                            "${{{0}:-value}}",
                            name),
                at});
    }
    if (found && !found->empty()) return Value{std::move(*found), true, {}};
    if (nesting >= nesting_max) {
      return std::unexpected(
          Fault{"expansion-syntax", "defaults are nested too deeply; use fewer of them", at});
    }
    auto nested = run(body.substr(colon + 2), nesting + 1);
    if (!nested) return std::unexpected(Fault{nested.error().code, nested.error().message, at});
    const bool outside = !nested->outside.empty();
    return Value{std::move(nested->text), outside, std::move(nested->outside)};
  }

  std::expected<Value, Fault> file_value(const std::string& path, std::size_t at) {
    auto content = environment_.file
                       ? environment_.file(path)
                       : Result<std::string>(user_error("file-reference", "no files here"));
    if (!content) {
      return std::unexpected(Fault{
          "file-reference",
          fmt::format("${{file:{}}}: {}; name a file that the process may read, of 1 MiB at most",
                      printable(path), content.error().message),
          at});
    }
    if (content->ends_with('\n')) content->pop_back();
    if (content->ends_with('\r')) content->pop_back();
    return Value{std::move(*content), true, {}};
  }

  const Environment& environment_;
};

}  // namespace

Environment Environment::of_process() {
  return {[](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            return value == nullptr ? std::nullopt : std::optional<std::string>(value);
          },
          read_small_file};
}

std::expected<Expansion, ExpansionFault> expand(std::string_view text,
                                                const Environment& environment) {
  return Expander(environment).run(text, 0);
}

std::size_t raw_position(const std::vector<Insertion>& insertions, std::size_t position) {
  std::size_t raw = position;
  for (const auto& insertion : insertions) {
    if (position < insertion.begin) break;
    if (position < insertion.end) return insertion.raw_begin;
    raw = insertion.raw_end + (position - insertion.end);
  }
  return raw;
}

}  // namespace leat::pipeline
