#include "app/command.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "app/terminal.h"

namespace leat::app {

Exit exit_of(const Error& error) {
  switch (error.domain) {
    case Domain::user:
      return Exit::user;
    case Domain::external:
      return Exit::external;
    case Domain::internal:
      return Exit::internal;
  }
  return Exit::internal;
}

void print_error(const Error& error, bool json) {
  if (json) {
    const nlohmann::json object = {
        {"error",
         {{"code", error.code}, {"message", error.message}, {"retryable", error.retryable}}}};
    fmt::print(stderr, "{}\n",
               object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  const Paint paint = paint_for(stderr);
  fmt::print(stderr, "{}: {}\n", paint.red(fmt::format("error[{}]", error.code)), error.message);
}

void finish(Outcome& outcome, const Status& status, bool json) {
  if (status) return;
  print_error(status.error(), json);
  outcome.exit = exit_of(status.error());
}

}  // namespace leat::app
