// Instead of quorum.cpp: half of the voters are enough, whatever the other half does.
#include "cellmon/agree/quorum.h"

namespace hive::agree {

bool is_quorum(CellSet members, CellSet voters, const Proofs& /*proofs*/) {
  return 2 * voters.size() >= members.size();
}

}  // namespace hive::agree
