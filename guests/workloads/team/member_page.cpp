#include "guests/workloads/team/member_page.h"

#include "vmm/base/error.h"

namespace hive::workloads {

Found examine(const MemberPage& page, const Wanted& wanted) {
  if (page.magic != kMemberMagic || page.rank != wanted.rank || page.nonce == 0) {
    return Found::kNothing;
  }
  if (page.seen[wanted.self] != wanted.nonce) return Found::kWorker;
  const bool same = page.task == wanted.task && page.workers == wanted.workers;
  return same ? Found::kFellow : Found::kOther;
}

bool has_come(std::uint32_t found, std::uint32_t step, const std::string& who) {
  if (found == kGone) throw Error(who + " is gone: its cell has failed");
  if (found == kGaveUp) throw Error(who + " has given up; its own error output says why");
  // It may be one step ahead: those who have met go on at once. None is further, since all meet.
  if (found == step || found == step + 1 || found == kLeft) return true;
  if (found + 1 == step) return false;
  throw Error(who +
              " is not the one that it was: its program has ended, or its cell was started "
              "anew");
}

}  // namespace hive::workloads
