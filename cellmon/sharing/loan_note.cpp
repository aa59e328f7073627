#include "cellmon/sharing/loan_note.h"

#include <fmt/format.h>

#include "policy/view.h"
#include "vmm/base/units.h"

namespace hive::sharing {
namespace {

std::string sentence(NoteKind kind, const std::string& size, const std::string& lent) {
  switch (kind) {
    case NoteKind::kGranted:
      return fmt::format("lends it {} more, {} in all", size, lent);
    case NoteKind::kReturned:
      return fmt::format("has {} back from it, which keeps {}", size, lent);
    case NoteKind::kShort:
      return fmt::format("its guest did not give {} of what was promised in time", size);
    case NoteKind::kUncovered:
      return fmt::format("its guest has taken back {} that are lent; they are recalled", size);
    case NoteKind::kOverdue:
      return fmt::format("waits for {} that were to come back by now", size);
    case NoteKind::kUnused:
      return fmt::format("its guest does not use {} that it was lent; they go back", size);
  }
  return {};
}

}  // namespace

std::string_view to_string(NoteKind kind) {
  switch (kind) {
    case NoteKind::kGranted:
      return "loan-granted";
    case NoteKind::kReturned:
      return "loan-returned";
    case NoteKind::kShort:
      return "loan-short";
    case NoteKind::kUncovered:
      return "loan-uncovered";
    case NoteKind::kOverdue:
      return "loan-overdue";
    case NoteKind::kUnused:
      return "loan-unused";
  }
  return "unknown";
}

LoanNote note_of(NoteKind kind, CellId peer, std::uint64_t blocks, std::uint64_t lent) {
  return {kind, peer,
          sentence(kind, format_size(blocks * policy::kBlockBytes),
                   format_size(lent * policy::kBlockBytes))};
}

}  // namespace hive::sharing
