#include "pipeline/sql_text.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "pipeline/names.h"

namespace leat::pipeline {
namespace {

struct Token {
  enum class Kind { word, quoted_name, symbol, literal, end };
  Kind kind = Kind::end;
  std::string text;
  std::size_t begin = 0;
  std::size_t end = 0;
};

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Splits SQL into words, names in quotes, literals and single symbols; comments are left out.
class Tokens {
 public:
  explicit Tokens(std::string_view sql) : sql_(sql) {}

  Token next() {
    skip_blanks_and_comments();
    if (at_ >= sql_.size()) return {};
    Token token;
    token.begin = at_;
    const char c = sql_[at_];
    if (c == '"' || c == '\'') {
      token.kind = c == '"' ? Token::Kind::quoted_name : Token::Kind::literal;
      token.text = quoted(c);
    } else if (is_word_character(c)) {
      const auto begin = at_;
      while (at_ < sql_.size() && is_word_character(sql_[at_])) ++at_;
      token.kind = Token::Kind::word;
      token.text = sql_.substr(begin, at_ - begin);
    } else {
      token.kind = Token::Kind::symbol;
      token.text = c;
      ++at_;
    }
    token.end = at_;
    return token;
  }

 private:
  void skip_blanks_and_comments() {
    while (at_ < sql_.size()) {
      const auto rest = sql_.substr(at_);
      if (static_cast<unsigned char>(sql_[at_]) <= 0x20) {
        ++at_;
      } else if (rest.starts_with("--")) {
        at_ = std::min(sql_.size(), sql_.find('\n', at_));
      } else if (rest.starts_with("/*")) {
        const auto end = sql_.find("*/", at_ + 2);
        at_ = end == std::string_view::npos ? sql_.size() : end + 2;
      } else {
        return;
      }
    }
  }

  std::string quoted(char quote) {
    std::string out;
    for (++at_; at_ < sql_.size(); ++at_) {
      if (sql_[at_] == quote) {
        if (at_ + 1 >= sql_.size() || sql_[at_ + 1] != quote) {
          ++at_;
          break;
        }
        ++at_;
      }
      out += sql_[at_];
    }
    return out;
  }

  std::string_view sql_;
  std::size_t at_ = 0;
};

bool is_name(const Token& token) {
  return token.kind == Token::Kind::word || token.kind == Token::Kind::quoted_name;
}

bool is_word(const Token& token, std::string_view word) {
  return token.kind == Token::Kind::word && folded(token.text) == word;
}

/// What stands behind the tables of FROM.
bool ends_from(const Token& token) {
  constexpr std::array words = {"select", "where", "group", "having",    "window", "qualify",
                                "order",  "limit", "union", "intersect", "except"};
  return std::ranges::any_of(words, [&](const char* word) { return is_word(token, word); });
}

}  // namespace

std::vector<std::string> names_after_from(std::string_view sql) {
  std::vector<std::string> out;
  Tokens tokens(sql);
  Token token = tokens.next();
  std::vector<bool> in_from{false};  // by depth of brackets: a comma is between tables
  while (token.kind != Token::Kind::end) {
    const bool symbol = token.kind == Token::Kind::symbol;
    if (symbol && token.text == "(") in_from.push_back(false);
    if (symbol && token.text == ")" && in_from.size() > 1) in_from.pop_back();
    if (ends_from(token)) in_from.back() = false;
    const bool begins = is_word(token, "from") || is_word(token, "join");
    const bool another = symbol && token.text == "," && in_from.back();
    token = tokens.next();
    if (!begins && !another) continue;
    in_from.back() = true;
    if (!is_name(token)) continue;
    std::string name = token.text;
    token = tokens.next();
    if (token.kind == Token::Kind::symbol && token.text == "(") {
      in_from.push_back(false);
      token = tokens.next();
      if (!is_name(token)) continue;
      name = token.text;
    }
    out.push_back(std::move(name));
  }
  return out;
}

std::vector<std::string> select_items(std::string_view sql) {
  std::vector<std::string> out;
  Tokens tokens(sql);
  Token token = tokens.next();
  if (!is_word(token, "select")) return out;
  int depth = 0;
  std::size_t begin = token.end;
  for (;;) {
    token = tokens.next();
    const bool symbol = token.kind == Token::Kind::symbol;
    if (symbol && (token.text == "(" || token.text == "[" || token.text == "{")) ++depth;
    if (symbol && (token.text == ")" || token.text == "]" || token.text == "}")) --depth;
    const bool last = token.kind == Token::Kind::end || (depth == 0 && is_word(token, "from"));
    if (!last && !(depth == 0 && symbol && token.text == ",")) continue;
    const auto end = token.kind == Token::Kind::end ? sql.size() : token.begin;
    out.emplace_back(sql.substr(begin, end - begin));
    if (last) return out;
    begin = token.end;
  }
}

}  // namespace leat::pipeline
