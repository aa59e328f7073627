// What happens to loans, for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vmm/base/ids.h"

namespace hive::sharing {

enum class NoteKind : std::uint8_t {
  kGranted,    ///< As lender: a loan has come through, as far as it will.
  kReturned,   ///< As lender: memory has come home.
  kShort,      ///< As lender: the own guest did not give what was promised in time.
  kUncovered,  ///< As lender: the own guest has taken back what is lent; that is recalled.
  kOverdue,    ///< As lender: what was recalled has not come home in time. It is asked for on.
  kUnused,     ///< As borrower: the own guest does not use what it was lent; that goes back.
};

/// As events name it, such as "loan-short".
std::string_view to_string(NoteKind kind);

struct LoanNote {
  NoteKind kind{};
  CellId peer{};       ///< The other cell; the own one with kUncovered and kUnused.
  std::string detail;  ///< A sentence without its end, safe to print.
};

/// A note of that kind about BLOCKS; LENT is what the peer has now.
LoanNote note_of(NoteKind kind, CellId peer, std::uint64_t blocks, std::uint64_t lent);

}  // namespace hive::sharing
