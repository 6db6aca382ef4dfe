#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace leat {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "leat: %s:%d: broken invariant: %s (this is a bug in leat)\n", file, line,
               condition);
  std::abort();
}

}  // namespace leat
