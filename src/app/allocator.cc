#include "app/allocator.h"

#ifdef LEAT_TCMALLOC
#include <gperftools/malloc_extension_c.h>
#else
#include <malloc.h>
#endif

namespace leat::app {

void give_back_memory() {
#ifdef LEAT_TCMALLOC
  MallocExtension_ReleaseFreeMemory();
#else
  ::malloc_trim(0);
#endif
}

}  // namespace leat::app
