// A voter's promises about one slot.
#pragma once

#include <cstdint>

#include "cellmon/agree/decision.h"

namespace hive::agree {

/// What makes two decisions of one slot impossible: who has voted in a ballot accepts nothing in an
/// earlier one, and tells what it has accepted (Paxos, "The Part-Time Parliament", 2.3).
class Acceptor {
 public:
  /// The latest ballot taken part in; 0: none.
  [[nodiscard]] std::uint32_t promised() const { return promised_; }
  /// The latest ballot something was accepted in; 0: none.
  [[nodiscard]] std::uint32_t accepted_ballot() const { return accepted_ballot_; }
  [[nodiscard]] const Decision& accepted() const { return accepted_; }

  /// Takes part in BALLOT and in none before. False, and nothing changes, when it is too late.
  bool promise(std::uint32_t ballot);
  /// Accepts DECISION in BALLOT, unless a later ballot was promised: then false.
  bool accept(std::uint32_t ballot, const Decision& decision);

 private:
  std::uint32_t promised_ = 0;
  std::uint32_t accepted_ballot_ = 0;
  Decision accepted_;
};

}  // namespace hive::agree
