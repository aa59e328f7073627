#include "cellmon/agree/quorum.h"

namespace hive::agree {

bool is_quorum(CellSet members, CellSet voters, const Proofs& proofs) {
  const unsigned twice = 2 * voters.size();
  if (twice != members.size()) return twice > members.size();
  bool proven = !voters.empty();
  voters.for_each(
      [&](CellId voter) { proven = proven && proofs[index_of(voter)].covers(members - voters); });
  return proven;
}

}  // namespace hive::agree
