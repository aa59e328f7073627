#include "cellmon/sharing/refusal.h"

namespace hive::sharing {

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kNotThePolicy:
      return "not-the-policy";
    case Reason::kMalformed:
      return "malformed";
    case Reason::kStaleEpoch:
      return "stale-epoch";
    case Reason::kStaleIncarnation:
      return "stale-incarnation";
    case Reason::kNotMine:
      return "not-mine";
    case Reason::kTooMany:
      return "too-many";
    case Reason::kRange:
      return "range";
    case Reason::kNotLive:
      return "not-live";
    case Reason::kReserve:
      return "reserve";
    case Reason::kRoom:
      return "room";
    case Reason::kBusy:
      return "busy";
    case Reason::kUnknownLoan:
      return "unknown-loan";
  }
  return "unknown";
}

}  // namespace hive::sharing
