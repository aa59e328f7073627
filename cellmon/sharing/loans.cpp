#include "cellmon/sharing/loans.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vmm/base/units.h"

namespace hive::sharing {
namespace {

using agree::Time;
using policy::Blocks;

constexpr std::size_t kMostNotes = 64;

std::string size_of(std::uint64_t blocks) { return format_size(blocks * policy::kBlockBytes); }

NoteKind kind_of(Lending::Event::Kind kind) {
  switch (kind) {
    case Lending::Event::Kind::kGranted:
      return NoteKind::kGranted;
    case Lending::Event::Kind::kReturned:
      return NoteKind::kReturned;
    case Lending::Event::Kind::kShort:
      return NoteKind::kShort;
    case Lending::Event::Kind::kOverdue:
      break;
  }
  return NoteKind::kOverdue;
}

}  // namespace

Loans::Loans(const Settings& settings)
    : settings_(settings), lending_(settings.own, settings.reserve), borrowing_(settings.room) {}

bool Loans::is_peer(CellId cell) const { return agree::is_cell(cell) && cell != settings_.self; }

void Loans::vmm_started(std::uint64_t life, Time now) {
  lending_.vmm_started(now);
  borrowing_.vmm_started(now);
  life_ = life;
  look(now);
}

void Loans::vmm_ended(Time now) {
  lending_.vmm_ended(now);
  borrowing_.vmm_ended(now);
  life_ = 0;
  look(now);
}

void Loans::note_balloon(Blocks target, Blocks given, Time now) {
  if (!lending_.note_balloon(target, given, now)) ++nonsense_;
  look(now);
}

void Loans::note_spare(Blocks target, Blocks plugged, Time now) {
  if (!borrowing_.note_spare(target, plugged, now)) ++nonsense_;
  look(now);
}

void Loans::set_by_hand(Blocks blocks, Time now) {
  lending_.set_by_hand(blocks, now);
  look(now);
}

void Loans::joined(CellId peer, Time /*now*/) {
  if (!is_peer(peer)) return;
  members_.insert(peer);
  link(peer).fresh = true;
}

void Loans::gone(CellId peer, Time now) {
  if (!is_peer(peer)) return;
  members_.erase(peer);
  lending_.gone(peer, now);
  borrowing_.hear(peer, 0, now);
  look(now);
}

void Loans::link_up(CellId peer, Time /*now*/) {
  if (!is_peer(peer)) return;
  link(peer).up = true;
  link(peer).fresh = true;
  link(peer).answer = false;
  link(peer).heard = {};
}

void Loans::link_lost(CellId peer, Time /*now*/) {
  if (is_peer(peer)) link(peer).up = false;
}

std::optional<Refusal> Loans::fault_of_lend(CellId borrower, Blocks blocks, Blocks room) const {
  if (blocks == 0) return Refusal{Reason::kRange, "no blocks"};
  if (borrower == settings_.self) return Refusal{Reason::kRange, "a cell cannot be its own peer"};
  if (!is_peer(borrower) || !members_.contains(borrower)) {
    return Refusal{Reason::kNotLive, "no such peer, or it is down"};
  }
  if (life_ == 0) return Refusal{Reason::kNotLive, "the lender's guest does not run"};
  if (!links_[agree::index_of(borrower)].up) {
    return Refusal{Reason::kNotLive, "the borrower's monitor cannot be reached"};
  }
  const Lending::Account& account = lending_.account(borrower);
  if (account.life == 0) {
    return Refusal{Reason::kNotLive, "the borrower's guest does not run"};
  }
  if (!account.settled()) {
    return Refusal{Reason::kBusy, "the last loan between the two is still under way"};
  }
  if (blocks > lending_.lendable()) {
    return Refusal{
        Reason::kReserve,
        fmt::format("it would leave the lender less than its reserve: it can lend {} at most",
                    size_of(lending_.lendable()))};
  }
  if (blocks > room) {
    return Refusal{Reason::kRoom,
                   fmt::format("the borrower has room for {} at most", size_of(room))};
  }
  return std::nullopt;
}

std::optional<Refusal> Loans::lend(CellId borrower, Blocks blocks, Blocks room, Time now) {
  auto fault = fault_of_lend(borrower, blocks, room);
  if (fault) return fault;
  lending_.promise(borrower, blocks, now);
  look(now);
  return std::nullopt;
}

std::optional<Refusal> Loans::give_back(CellId lender, Blocks blocks, Time now) {
  if (blocks == 0) return Refusal{Reason::kRange, "no blocks"};
  if (lender == settings_.self) return Refusal{Reason::kRange, "a cell cannot be its own peer"};
  const Blocks wanted = is_peer(lender) ? borrowing_.account(lender).wanted : 0;
  if (blocks > wanted) {
    return Refusal{Reason::kUnknownLoan,
                   fmt::format("more than was lent: {} are left to give back", size_of(wanted))};
  }
  borrowing_.give_back(lender, blocks, now);
  look(now);
  return std::nullopt;
}

void Loans::recall(CellId borrower, Time now) {
  if (!is_peer(borrower)) return;
  lending_.recall(borrower, now);
  look(now);
}

void Loans::recall_all(Time now) {
  for (unsigned index = 0; index < kMaxCells; ++index) {
    lending_.recall(static_cast<CellId>(index), now);
  }
  look(now);
}

void Loans::tick(Time now) {
  lending_.tick(now);
  const Blocks unused = borrowing_.tick(now);
  if (unused != 0) note(NoteKind::kUnused, settings_.self, unused);
  look(now);
}

Time Loans::deadline(Time now) const {
  Time next = std::min(lending_.deadline(), borrowing_.deadline());
  for (unsigned index = 0; index < kMaxCells; ++index) {
    if (!links_[index].up) continue;
    next = std::min(
        next, has_news(static_cast<CellId>(index), now) ? now : links_[index].said_at + kRepeat);
  }
  return next;
}

void Loans::look_at(CellId peer, Time now) {
  const Figures present = figures(peer);
  Link& link = this->link(peer);
  if (present != link.figures) {
    link.figures = present;
    link.changed = now;
  }
  const Lending::Event event = lending_.take_event(peer);
  if (event.blocks != 0) note(kind_of(event.kind), peer, event.blocks);
}

void Loans::look(Time now) {
  for (unsigned index = 0; index < kMaxCells; ++index) look_at(static_cast<CellId>(index), now);
  const Blocks uncovered = lending_.take_uncovered();
  if (uncovered != 0) note(NoteKind::kUncovered, settings_.self, uncovered);
}

void Loans::note(NoteKind kind, CellId peer, Blocks blocks) {
  if (notes_.size() >= kMostNotes) return;
  notes_.push_back(note_of(kind, peer, blocks, lending_.lent(peer)));
}

std::vector<LoanNote> Loans::take_notes() { return std::exchange(notes_, {}); }

}  // namespace hive::sharing
