#include "cellmon/placement/move_fault.h"

namespace hive::placement {

using firewall::Reason;
using mesh::MoveFault;

std::string_view describe(MoveFault fault) {
  switch (fault) {
    case MoveFault::kNoRoom:
      return "it has no room for that; destroy sections there, or raise its `hosted`";
    case MoveFault::kNameTaken:
      return "it has a section of that name already";
    case MoveFault::kTooMany:
      return "it has its limit of sections; destroy some there";
    case MoveFault::kNoGuest:
      return "no guest of its cell runs; ask again once one does";
    case MoveFault::kOtherView:
      return "its view of the machine is another one; ask again";
    case MoveFault::kNotCopied:
      return "the content or the rights could not be copied";
    case MoveFault::kNone:
    case MoveFault::kCancelled:
    case MoveFault::kRefused:
      break;
  }
  return "it does not take it";
}

MoveFault fault_of(Reason reason) {
  switch (reason) {
    case Reason::kNoSpace:
    case Reason::kHostsNone:
    case Reason::kHostsEnough:
      return MoveFault::kNoRoom;
    case Reason::kNameTaken:
      return MoveFault::kNameTaken;
    case Reason::kTooManySections:
      return MoveFault::kTooMany;
    default:
      return MoveFault::kRefused;
  }
}

}  // namespace hive::placement
