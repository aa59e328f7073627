// A leader's count of the votes of one ballot.
#pragma once

#include <array>

#include "cellmon/agree/cell_set.h"
#include "cellmon/agree/decision.h"
#include "cellmon/agree/opinion.h"
#include "cellmon/agree/quorum.h"

namespace hive::agree {

class Tally {
 public:
  void clear() { voters_ = CellSet(); }
  /// Counts VOTER's opinion, instead of any earlier one of it in this ballot.
  void count(CellId voter, const Opinion& opinion);

  [[nodiscard]] CellSet voters() const { return voters_; }
  /// Whether enough of MEMBERS have voted to decide.
  [[nodiscard]] bool has_quorum(CellSet members) const;
  /// Whether all of AWAITED have voted and judged all of SUSPECTS.
  [[nodiscard]] bool is_complete(CellSet awaited, CellSet suspects) const;
  /// The members that are to leave by the votes so far. A quorum must find them failed; where only
  /// two members are left, each by conclusive evidence.
  [[nodiscard]] CellSet condemned(CellSet members) const;
  /// What LEADER must propose, once has_quorum(): what may have been decided in an earlier ballot,
  /// else what the votes come to.
  [[nodiscard]] Decision decide(const Agreed& agreed, CellId leader) const;

 private:
  [[nodiscard]] CellSet suspects() const;
  /// The members that a quorum has judged. The case of any other suspect stays open.
  [[nodiscard]] CellSet judged(CellSet members) const;
  void name_accuser(const Agreed& agreed, Decision& decision) const;
  void name_joiner(const Agreed& agreed, Decision& decision) const;

  CellSet voters_;
  std::array<Opinion, kMaxCells> opinions_{};  ///< Valid for `voters_`.
  Proofs proofs_{};                            ///< Likewise.
};

}  // namespace hive::agree
