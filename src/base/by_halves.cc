#include "base/by_halves.h"

namespace leat {

Status by_halves(std::size_t begin, std::size_t count,
                 const std::function<Status(std::size_t begin, std::size_t count)>& run,
                 const std::function<Status(std::size_t row, Error reason)>& refuse) {
  Status done = run(begin, count);
  if (done || done.error().code != "row-failed") return done;
  if (count == 1) return refuse(begin, std::move(done).error());
  const std::size_t half = count / 2;
  LEAT_TRY(by_halves(begin, half, run, refuse));
  return by_halves(begin + half, count - half, run, refuse);
}

}  // namespace leat
