#include "policy/balance.h"

#include "policy/cpu.h"
#include "policy/memory.h"
#include "policy/placement.h"

namespace hive::policy {

void balance(const View& view, Hints& hints) {
  cpu(view, hints);
  memory(view, hints);
  placement(view, hints);
}

}  // namespace hive::policy
