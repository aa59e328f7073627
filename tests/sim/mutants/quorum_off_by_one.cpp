// Instead of quorum.cpp: one voter too few is enough.
#include "cellmon/agree/quorum.h"

namespace hive::agree {

bool is_quorum(CellSet members, CellSet voters, const Proofs& /*proofs*/) {
  return 2 * voters.size() + 1 >= members.size();
}

}  // namespace hive::agree
