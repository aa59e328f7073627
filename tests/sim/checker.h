// What must hold whatever happens.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <vector>

#include "cellmon/agree/agreement.h"

namespace hive::sim {

/// A promise of docs/agreement.md that was broken.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What the simulation knows, and monitors do not.
struct Truth {
  /// Whether LIFE of CELL has never been dead, stopped, cut off or without a sound guest.
  std::function<bool(CellId cell, agree::Life life)> is_healthy;
  /// Whether LIFE of CELL's monitor is over.
  std::function<bool(CellId cell, agree::Life life)> is_over;
  std::function<bool(CellId cell)> is_suspended;
};

/// Follows all that monitors send and decide. Each method throws Violation.
class Checker {
 public:
  Checker(const agree::View& founding, Truth truth);

  void sent(CellId from, const agree::Message& message);
  void decided(CellId by, const agree::Decision& decision, const agree::Agreed& agreed);
  void caught_up(CellId by, const agree::Agreed& agreed);
  void member(CellId cell, const agree::Agreement& agreement) const;

  /// What the latest decision anywhere led to.
  [[nodiscard]] const agree::Agreed& latest() const { return history_.back(); }
  [[nodiscard]] std::uint64_t views() const { return latest().view.epoch - 1; }
  [[nodiscard]] std::uint64_t slots() const { return history_.size() - 1; }
  [[nodiscard]] std::uint64_t trials() const { return trials_; }
  [[nodiscard]] std::uint64_t halves() const { return halves_; }

 private:
  struct Round {
    std::uint64_t slot;
    std::uint32_t ballot;
    agree::Decision decision;
    agree::CellSet accepted_by;
  };

  void sent_vote(CellId from, const agree::Vote& vote) const;
  void sent_proposal(CellId from, const agree::Propose& propose);
  void sent_acceptance(CellId from, const agree::Accepted& accepted);
  void voter(CellId from, const agree::Header& header) const;
  Round* find(std::uint64_t slot, std::uint32_t ballot);
  void first_decision(const agree::Decision& decision);
  void backing(const agree::Decision& decision);
  void known(CellId by, const agree::Agreed& agreed) const;

  Truth truth_;
  std::vector<agree::Agreed> history_;  ///< Before each slot, from slot 1.
  std::vector<agree::Decision> decisions_;
  std::vector<Round> rounds_;
  std::uint64_t trials_ = 0;
  std::uint64_t halves_ = 0;
};

}  // namespace hive::sim
