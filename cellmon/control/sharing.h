// A monitor's part in sharing memory and CPUs between the cells of its machine: docs/sharing.md.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "cellmon/agree/cell_set.h"
#include "cellmon/control/deadline.h"
#include "cellmon/control/guest_watch.h"
#include "cellmon/control/members.h"
#include "cellmon/control/siblings.h"
#include "cellmon/sharing/hint_gate.h"
#include "cellmon/sharing/loans.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Follows Wax's hints as far as they are sound, and keeps the cell's accounts with the others. Has
/// no part in machines without a policy cell, but for what others may have lent or borrowed.
/// Single-threaded.
class Sharing : public SiblingsPart {
 public:
  /// What somebody has asked for by hand, in bytes.
  struct ByHand {
    std::uint64_t balloon = 0;
    std::uint64_t spare = 0;
  };
  struct CpuWeight {
    std::uint32_t now = 0;  ///< 0: unknown.
    std::uint32_t usual = 0;
  };

  struct Handlers {
    /// Nothing where no VMM runs.
    std::function<std::optional<GuestWatch::MemoryReport>()> report;
    std::function<ByHand()> by_hand;
    /// Targets for the VMM, in bytes: others than those that it has, as far as is known.
    std::function<void(std::uint64_t balloon, std::uint64_t spare)> set_targets;
    std::function<CpuWeight()> cpu_weight;
    /// Sets the CPU weight; nothing: the usual one. Why it cannot be set, else empty.
    std::function<std::string(std::optional<std::uint32_t> weight)> set_cpu_weight;
    /// Pages in a row of the cell's contribution to global memory that other cells may have.
    std::function<std::uint64_t()> unused_pages;
    /// Begins to move section NUMBER of this home to TO. Or why not.
    std::function<std::optional<sharing::Refusal>(std::uint32_t number, CellId to)> move_section;
    /// Something for people.
    std::function<void(const std::string& kind, const std::string& detail)> tell;
  };

  /// A guest with less available than that part of its memory has all recalled that it lent.
  static constexpr unsigned kShortPermille = 50;
  /// How many refusals of one incarnation of Wax are logged; more are only counted.
  static constexpr unsigned kMaxTold = 20;
  /// How many things that happen to loans are told in a second, and at once; more are only logged.
  static constexpr unsigned kNoteRate = 1;
  static constexpr unsigned kNoteBurst = 64;

  /// Joins SIBLINGS, which have not been started. MACHINE, MEMBERS and SIBLINGS outlive this
  /// object.
  Sharing(boost::asio::io_context& loop, const plan::Machine& machine, unsigned own,
          Siblings& siblings, Members& members, Handlers handlers, spdlog::logger& log);

  void start();
  /// The VMM of INCARNATION, of a monitor of LIFE, has been launched: it is given its targets.
  void vmm_started(agree::Life life, Incarnation incarnation);
  void vmm_ended();
  /// What the guest's agent has said last; a total of 0: nothing.
  void note_load(const hive_agent_load& load);
  /// What is asked for by hand has changed.
  void by_hand_changed();

  [[nodiscard]] sharing::LoanTotals totals() const { return loans_.totals(); }
  /// The home that new sections are to be placed at, as Wax advises, if it does.
  [[nodiscard]] std::optional<CellId> placement() const;
  [[nodiscard]] const sharing::RefusalCounts& refused() const { return gate_.refused(); }
  [[nodiscard]] std::uint64_t followed() const { return followed_; }
  /// Words and reports that cannot be.
  [[nodiscard]] std::uint64_t nonsense() const { return loans_.nonsense(); }
  /// What CELL has of this one's memory, and this one of CELL's, in bytes.
  [[nodiscard]] std::uint64_t lent(CellId cell) const;
  [[nodiscard]] std::uint64_t borrowed(CellId cell) const;

  bool on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& files) override;
  void on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& files) override;
  void on_lost(CellId cell) override;

 private:
  /// In bytes.
  struct Targets {
    std::uint64_t balloon = 0;
    std::uint64_t spare = 0;

    friend bool operator==(const Targets&, const Targets&) = default;
  };
  /// What a VMM is told, and the accounts' targets that it stands for.
  struct Told {
    Targets bytes;
    policy::Blocks balloon = 0;
    policy::Blocks spare = 0;
    std::uint64_t spare_by_hand = 0;
  };

  [[nodiscard]] Told wanted() const;
  void look();
  void take_hint(CellId from, const hive_wax_hint& words);
  [[nodiscard]] std::optional<sharing::Refusal> follow(const policy::Hint& hint);
  [[nodiscard]] std::optional<sharing::Refusal> set_weight(std::uint32_t weight);
  void refuse(const hive_wax_hint& words, const sharing::Refusal& refusal);
  /// Who may advise: the policy cell's present incarnation, if any.
  void know_author();
  void know_members();
  void know_by_hand();
  void take_report();
  /// Of BEFORE and TOLD the one that has TARGET for MEMBER; null: the VMM has neither.
  [[nodiscard]] const Told* told_as(std::uint64_t target, std::uint64_t Targets::*member) const;
  void tell(const Told& told);
  /// Does what the accounts want now.
  void settle();
  void tell_notes();
  void publish();
  [[nodiscard]] const std::string& name_of(CellId cell) const;

  const plan::Cell& own_;
  std::size_t cells_;
  std::optional<CellId> policy_;  ///< The cell that runs Wax.
  Siblings& siblings_;
  Members& members_;
  Handlers handlers_;
  spdlog::logger& log_;
  sharing::Loans loans_;
  sharing::HintGate gate_;
  policy::Author author_;        ///< As it was last; an incarnation of 0: none.
  bool weighed_ = false;         ///< The CPU weight is a hint's,
  bool is_weight_over_ = false;  ///< of an incarnation that has ended: it goes.
  agree::CellSet known_;         ///< Whom the accounts have as members.
  std::optional<Told> told_;     ///< The VMM, at told_at_.
  std::optional<Told> before_;   ///< What it was told before that.
  agree::Time told_at_ = 0;
  bool is_warned_ = false;  ///< Of this VMM.
  policy::Cell placement_ = policy::kNoCell;
  agree::Time recalled_ = 0;
  agree::Time published_ = 0;
  std::uint64_t followed_ = 0;
  unsigned refusals_ = 0;  ///< Of this incarnation of Wax.
  TokenBucket notes_{kNoteRate, kNoteBurst};
  Deadline look_;
};

}  // namespace hive::control
