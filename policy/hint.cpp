#include "policy/hint.h"

namespace hive::policy {

bool Hints::add(const Hint& hint) {
  if (full()) return false;
  list_[size_++] = hint;
  return true;
}

bool Hints::add_blocks(const Hint& hint) {
  for (unsigned i = 0; i < size_; ++i) {
    Hint& known = list_[i];
    if (known.kind != hint.kind || known.cell != hint.cell || known.peer != hint.peer) continue;
    if (hint.amount > 0xffff'ffff - known.amount) return false;
    known.amount += hint.amount;
    return true;
  }
  return add(hint);
}

}  // namespace hive::policy
