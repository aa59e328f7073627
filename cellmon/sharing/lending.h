// What one cell lends: promises, grants, and what borrowers may still use.
#pragma once

#include <array>
#include <cstdint>

#include "cellmon/agree/cell_set.h"
#include "cellmon/agree/port.h"
#include "cellmon/mesh/packet.h"
#include "policy/view.h"

namespace hive::sharing {

/// The lender's part of Loans, which see: accounts, one for each borrower. A promise is granted as
/// the own guest gives memory; what is lent is over as the borrower says that it holds less. Pure;
/// all cells are agree::is_cell().
class Lending {
 public:
  using Blocks = policy::Blocks;

  /// A promise is cut back to what the own guest has given in that time.
  static constexpr agree::Time kFillLimit = 10'000'000'000;
  /// What is to come back and has not in that time is overdue.
  static constexpr agree::Time kRecallLimit = 10'000'000'000;

  /// In blocks. What is lent is `granted` or more.
  struct Account {
    std::uint64_t life = 0;  ///< The borrower's, as last heard; 0: none runs, or nothing heard.
    Blocks promised = 0;
    Blocks granted = 0;
    /// The most that was granted in words that the borrower may not have seen the end of.
    Blocks unrefuted = 0;
    Blocks held = 0;  ///< As last heard.
    /// It has seen a word of this process, so that it can hold more only by grants.
    bool known = false;
    bool said = false;        ///< The last word to the borrower had this grant, ...
    std::uint64_t since = 0;  ///< ...and this was the number of the first that had.
    bool seen = false;        ///< The borrower has seen it.
    agree::Time promised_at = 0;
    std::uint64_t order = 0;          ///< Of promises.
    agree::Time due = agree::kNever;  ///< When what is to come back becomes overdue.
    bool overdue = false;
    Blocks announced = 0;  ///< What people have been told is lent.

    [[nodiscard]] Blocks lent() const { return held > unrefuted ? held : unrefuted; }
    /// Nothing is under way.
    [[nodiscard]] bool settled() const {
      return promised == 0 && held == granted && unrefuted == granted;
    }
  };

  /// What people may want to know, of one borrower.
  struct Event {
    enum class Kind : std::uint8_t { kGranted, kReturned, kShort, kOverdue };
    Kind kind{};
    Blocks blocks = 0;
  };

  /// OWN: the cell's RAM. RESERVE: it lends nothing that would leave it less.
  Lending(Blocks own, Blocks reserve) : own_(own), reserve_(reserve) {}

  void vmm_started(agree::Time now);
  void vmm_ended(agree::Time now);
  /// As Loans::note_balloon(). False, with nothing changed, where it cannot be so.
  bool note_balloon(Blocks target, Blocks given, agree::Time now);
  void set_by_hand(Blocks blocks, agree::Time now);

  /// How much more can be promised to anyone.
  [[nodiscard]] Blocks lendable() const;
  /// BLOCKS is at most lendable(); BORROWER's account is settled().
  void promise(CellId borrower, Blocks blocks, agree::Time now);
  void recall(CellId borrower, agree::Time now);
  void gone(CellId borrower, agree::Time now);

  /// A word from BORROWER, in order. False where it says what cannot be: then only so much of it
  /// counts as can be.
  bool hear(CellId borrower, const mesh::LoanWord& word, agree::Time now);
  /// Word NUMBER to BORROWER has its present grant.
  void told(CellId borrower, std::uint64_t number);
  void tick(agree::Time now);
  [[nodiscard]] agree::Time deadline() const;

  [[nodiscard]] const Account& account(CellId borrower) const {
    return accounts_[agree::index_of(borrower)];
  }
  /// What BORROWER may still use, and the own guest must not.
  [[nodiscard]] Blocks lent(CellId borrower) const { return account(borrower).lent(); }
  [[nodiscard]] std::uint64_t lent() const;
  [[nodiscard]] std::uint64_t promised() const;
  /// As Loans::balloon_target().
  [[nodiscard]] Blocks balloon_target() const { return target_; }
  /// When the target last changed, while the guest's balloon is not what it is to be.
  [[nodiscard]] agree::Time target_changed() const { return target_changed_; }
  [[nodiscard]] bool balloon_settled() const { return !runs_ || given_ == target_; }
  /// Blocks that the own guest has taken back though they are lent, since the last call; their
  /// loans are recalled.
  Blocks take_uncovered();
  /// What is to be told of BORROWER's loan, one thing at a time; no blocks: nothing.
  Event take_event(CellId borrower);

 private:
  [[nodiscard]] Blocks wish() const;
  void set_granted(Account& account, Blocks blocks);
  void grant_what_is_given();
  void recall_what_is_taken();
  void recall(Account& account);
  void settle(agree::Time now);
  void watch(unsigned index, agree::Time now);

  Blocks own_;
  Blocks reserve_;
  Blocks by_hand_ = 0;
  bool runs_ = false;
  Blocks target_ = 0;     ///< What the VMM is to have,
  Blocks confirmed_ = 0;  ///< what it is known to have had last,
  Blocks given_ = 0;      ///< and what its guest has given.
  agree::Time target_changed_ = 0;
  Blocks uncovered_ = 0;
  std::uint64_t promises_ = 0;
  std::array<Account, kMaxCells> accounts_{};
  std::array<Event, kMaxCells> events_{};
};

}  // namespace hive::sharing
