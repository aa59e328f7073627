#include "vmm/cell/process.h"

#include <malloc.h>
#include <pthread.h>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::cell {

void limit_process_memory() {
  ::mallopt(M_ARENA_MAX, 1);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, 256 * kKiB);
  const int error = ::pthread_setattr_default_np(&attributes);
  ::pthread_attr_destroy(&attributes);
  if (error != 0) throw_errno("cannot set the size of thread stacks", error);
}

}  // namespace hive::cell
