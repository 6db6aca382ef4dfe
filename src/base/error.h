#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace leat {

/// Whose fault a failure is; decides the exit code, the HTTP status and what a log line asks of the
/// reader.
enum class Domain {
  user,      ///< input, configuration or SQL that the user can mend; exit code 2
  external,  ///< another system, the disk or the network; exit code 3
  internal,  ///< a bug of ours; exit code 70
};

/// A failure, as a value. `code` is stable and can be looked up (`kebab-case`); `message` names the
/// place and the cause and says what to do; `retryable` says whether the same call may succeed
/// later without anybody changing anything.
struct Error {
  Domain domain = Domain::internal;
  std::string code;
  std::string message;
  bool retryable = false;
};

/// Either a value or an Error; must be looked at.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

using Status = Result<void>;

template <class... Args>
std::unexpected<Error> user_error(std::string_view code, fmt::format_string<Args...> text,
                                  Args&&... args) {
  return std::unexpected(Error{Domain::user, std::string(code),
                               fmt::format(text, std::forward<Args>(args)...), false});
}

template <class... Args>
std::unexpected<Error> external_error(std::string_view code, fmt::format_string<Args...> text,
                                      Args&&... args) {
  return std::unexpected(Error{Domain::external, std::string(code),
                               fmt::format(text, std::forward<Args>(args)...), false});
}

/// An external failure that may pass by itself: a time-out, a refused connection, a full disk.
template <class... Args>
std::unexpected<Error> transient_error(std::string_view code, fmt::format_string<Args...> text,
                                       Args&&... args) {
  return std::unexpected(Error{Domain::external, std::string(code),
                               fmt::format(text, std::forward<Args>(args)...), true});
}

template <class... Args>
std::unexpected<Error> internal_error(std::string_view code, fmt::format_string<Args...> text,
                                      Args&&... args) {
  return std::unexpected(Error{Domain::internal, std::string(code),
                               fmt::format(text, std::forward<Args>(args)...), false});
}

}  // namespace leat

#define LEAT_CONCAT_(a, b) a##b
#define LEAT_CONCAT(a, b) LEAT_CONCAT_(a, b)
#define LEAT_TRY_AS_(result, expression)                            \
  ({                                                                \
    auto result = (expression);                                     \
    if (!result) return std::unexpected(std::move(result).error()); \
    ::leat::leat_value_of(std::move(result));                       \
  })

/// The value of a Result, or return its Error from the enclosing function:
/// `auto file = LEAT_TRY(files.open(path));`
#define LEAT_TRY(expression) LEAT_TRY_AS_(LEAT_CONCAT(leat_result_, __COUNTER__), expression)

namespace leat {
template <class T>
T leat_value_of(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
}  // namespace leat
