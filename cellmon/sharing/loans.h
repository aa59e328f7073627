// One cell's accounts of memory that it lends and borrows: docs/sharing.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "cellmon/agree/cell_set.h"
#include "cellmon/agree/port.h"
#include "cellmon/mesh/packet.h"
#include "cellmon/sharing/borrowing.h"
#include "cellmon/sharing/lending.h"
#include "cellmon/sharing/loan_note.h"
#include "cellmon/sharing/refusal.h"
#include "guests/abi/state_page.h"
#include "policy/view.h"

namespace hive::sharing {

/// Of one kind of loans, in blocks.
struct LoanTotals {
  std::uint64_t lent = 0;      ///< Not to be used by the own guest: granted, or not yet back.
  std::uint64_t promised = 0;  ///< Not granted yet: the own guest has not given it.
  std::uint64_t recalled = 0;  ///< Of what is lent, what borrowers are to give back.
  std::uint64_t borrowed = 0;  ///< That the own guest uses, or could still.
};

/// The lender's and the borrower's part of one cell, and the words between its monitor and the
/// others. Pure: time, links, words and what the VMM says are inputs; what it wants is asked for
/// after each input (balloon_target(), spare_target(), next_word(), take_notes()). Inputs that do
/// not fit are ignored, those of others counted (nonsense()). Allocates only for notes and
/// refusals. Not thread-safe. Times are of one monotonic clock, in nanoseconds, and do not go back.
///
/// No memory is used twice: a lender's guest gets back only what no borrower holds or may have
/// heard a grant of, and a borrower's guest gets only what its lender's guest has given. That holds
/// also where words are lost with a link. It does not where a lender's guest starts anew, until its
/// balloon has filled, and of what a cell still holds that was declared gone().
class Loans {
 public:
  /// How long it takes at least from one word to a peer to the next that says the same.
  static constexpr agree::Time kRepeat = 1'000'000'000;
  /// For so long after the last change the kernels' figures do not show it: settling().
  static constexpr agree::Time kLag = 1'000'000'000;
  /// A loan that has not changed for so long does not count as settling any more.
  static constexpr agree::Time kSettleLimit = 10'000'000'000;

  struct Settings {
    CellId self{};
    policy::Blocks own = 0;      ///< The cell's RAM by the plan.
    policy::Blocks reserve = 0;  ///< It lends nothing that would leave it less than that.
    policy::Blocks room = 0;     ///< How much it can be lent at most; 0: nothing.
  };

  explicit Loans(const Settings& settings);

  // What happens to the own VMM.

  /// A VMM starts, which LIFE stands for from now on: never 0, and never used before by this cell,
  /// in this monitor or an earlier one. It starts with balloon_target() and spare_target() as they
  /// are after this call. A VMM that ran has ended.
  void vmm_started(std::uint64_t life, agree::Time now);
  /// Nothing is borrowed any more; what is lent is recalled.
  void vmm_ended(agree::Time now);
  /// TARGET is the balloon target that the VMM has, GIVEN what its guest has really given, in whole
  /// blocks. GIVEN is not older than TARGET: of two words that somebody else writes, TARGET is read
  /// first. Call it whenever either has changed.
  void note_balloon(policy::Blocks target, policy::Blocks given, agree::Time now);
  /// The same for spare memory: TARGET is what the VMM lets its guest plug, PLUGGED what it has
  /// plugged, rounded up.
  void note_spare(policy::Blocks target, policy::Blocks plugged, agree::Time now);
  /// BLOCKS, rounded up, are to be in the balloon as somebody has asked for by hand, besides loans.
  void set_by_hand(policy::Blocks blocks, agree::Time now);

  /// From now on no more than ROOM can be lent to this cell, since something else takes the rest.
  /// What it holds stays, and whoever takes the rest leaves that.
  void set_room(policy::Blocks room) { borrowing_.set_room(room); }

  // What happens to the others.

  /// PEER is a member. Before that, and after gone(), its words do not count.
  void joined(CellId peer, agree::Time now);
  /// PEER is no member, and its guest does not run: what it borrowed is home, what it lent goes
  /// back.
  void gone(CellId peer, agree::Time now);
  /// Words to and from PEER's monitor can pass, in order.
  void link_up(CellId peer, agree::Time now);
  /// Words under way are lost. Changes no loan.
  void link_lost(CellId peer, agree::Time now);
  /// WORD, which may be anything, came from PEER.
  void hear(CellId peer, const mesh::LoanWord& word, agree::Time now);

  // What is to be done, by hints or by hand.

  /// Promises BLOCKS more to BORROWER, whose state page says that it has ROOM for more. Why not,
  /// with nothing changed; nothing where it is done.
  std::optional<Refusal> lend(CellId borrower, policy::Blocks blocks, policy::Blocks room,
                              agree::Time now);
  /// Gives BLOCKS of what LENDER has lent back.
  std::optional<Refusal> give_back(CellId lender, policy::Blocks blocks, agree::Time now);
  /// Takes all back that BORROWER has, and has been promised.
  void recall(CellId borrower, agree::Time now);
  void recall_all(agree::Time now);

  /// What comes with time. Call it at deadline(), or more often.
  void tick(agree::Time now);
  /// When tick() is next needed; agree::kNever: not before another input.
  [[nodiscard]] agree::Time deadline(agree::Time now) const;

  // What it wants now.

  /// What the VMM's balloon is to hold, in blocks, by hand and for loans; at most the cell's RAM.
  /// It moves on only once the VMM has what it was.
  [[nodiscard]] policy::Blocks balloon_target() const { return lending_.balloon_target(); }
  /// What the VMM is to let its guest plug, in blocks; at most the room. It moves on only once the
  /// VMM has what it was.
  [[nodiscard]] policy::Blocks spare_target() const { return borrowing_.spare_target(); }
  /// Some linked peer that is to be told something now.
  [[nodiscard]] std::optional<CellId> needs_word(agree::Time now) const;
  /// The word for PEER, which counts as sent.
  mesh::LoanWord word_for(CellId peer, agree::Time now);
  /// What has happened since the last call, in order; of more than 64 only the first.
  std::vector<LoanNote> take_notes();

  // How things are.

  /// Sets own_blocks, reserve_blocks, room_blocks, settling, lent and borrowed.
  void fill(hive_state_shares& shares, agree::Time now) const;
  /// A loan is under way, or has changed so lately that the kernels' figures do not show it. Not
  /// for ever: kSettleLimit.
  [[nodiscard]] bool settling(agree::Time now) const;
  /// Borrowers that were to give something back long ago: Lending::kRecallLimit.
  [[nodiscard]] agree::CellSet overdue() const;
  [[nodiscard]] policy::Blocks lent(CellId borrower) const { return lending_.lent(borrower); }
  [[nodiscard]] policy::Blocks borrowed(CellId lender) const { return borrowing_.held(lender); }
  [[nodiscard]] LoanTotals totals() const;
  /// Words and reports that cannot be.
  [[nodiscard]] std::uint64_t nonsense() const { return nonsense_; }

 private:
  /// In blocks: what is between the two cells, both ways.
  using Figures = std::array<policy::Blocks, 7>;

  /// What this monitor and a peer's have said to each other over their link.
  struct Link {
    bool up = false;
    bool fresh = false;    ///< Nothing was said since it is up,
    bool answer = false;   ///< or something was heard that is to be answered.
    mesh::LoanWord said;   ///< Last. Its number goes on from link to link.
    mesh::LoanWord heard;  ///< Last, over this link; number 0: nothing.
    agree::Time said_at = 0;
    Figures figures{};        ///< As they were last looked at,
    agree::Time changed = 0;  ///< and when they had changed; 0: never.
  };

  [[nodiscard]] Link& link(CellId peer) { return links_[agree::index_of(peer)]; }
  [[nodiscard]] bool is_peer(CellId cell) const;
  [[nodiscard]] mesh::LoanWord word(CellId peer) const;
  [[nodiscard]] bool has_news(CellId peer, agree::Time now) const;
  [[nodiscard]] std::optional<Refusal> fault_of_lend(CellId borrower, policy::Blocks blocks,
                                                     policy::Blocks room) const;
  [[nodiscard]] Figures figures(CellId peer) const;
  [[nodiscard]] bool settling(CellId peer, agree::Time now) const;
  void look(agree::Time now);
  void look_at(CellId peer, agree::Time now);
  void note(NoteKind kind, CellId peer, policy::Blocks blocks);

  Settings settings_;
  Lending lending_;
  Borrowing borrowing_;
  std::uint64_t life_ = 0;  ///< Of the VMM that runs; 0: none.
  std::array<Link, kMaxCells> links_{};
  agree::CellSet members_;
  std::vector<LoanNote> notes_;
  std::uint64_t nonsense_ = 0;
};

}  // namespace hive::sharing
