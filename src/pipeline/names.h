#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace leat::pipeline {

/// What a name names; decides how it may look.
enum class Named { relation, topic, label };

struct NameFault {
  std::string code;
  std::string message;
};

/// Whether a stream or view (`relation`: usable in SQL without quotes), a topic (as Kafka has them)
/// or anything else (`label`) may have this name.
std::expected<void, NameFault> check_name(std::string_view name, Named named);
/// Words that SQL can't take for a name without quotes.
bool is_reserved_word(std::string_view word);
/// "a", "an" noun.
std::string with_article(std::string_view noun);
/// Lower case, as SQL compares names.
std::string folded(std::string_view name);

}  // namespace leat::pipeline
