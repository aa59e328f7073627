// The words between a monitor and its peers.
#include <utility>

#include "cellmon/sharing/loans.h"

namespace hive::sharing {

using agree::Time;

void Loans::hear(CellId peer, const mesh::LoanWord& word, Time now) {
  if (!is_peer(peer) || !link(peer).up || !members_.contains(peer)) return;
  mesh::LoanWord& heard = link(peer).heard;
  const bool dead_one_lends = word.life == 0 && (word.granted != 0 || word.held != 0);
  if (word.number <= heard.number || word.seen > link(peer).said.number || dead_one_lends) {
    ++nonsense_;
    return;
  }
  // A word that says only that one was seen needs no answer, or two would answer for ever.
  heard.seen = word.seen;
  const bool first = std::exchange(heard.number, word.number) == 0;
  if (first || heard != word) link(peer).answer = true;
  heard = word;
  if (!lending_.hear(peer, word, now)) ++nonsense_;
  const bool for_us = life_ != 0 && word.peer_life == life_;
  if (!borrowing_.hear(peer, for_us ? word.granted : 0, now)) ++nonsense_;
  look(now);
}

mesh::LoanWord Loans::word(CellId peer) const {
  const Lending::Account& lent = lending_.account(peer);
  const Link& link = links_[agree::index_of(peer)];
  return {.number = link.said.number,
          .seen = link.heard.number,
          .life = life_,
          .peer_life = lent.life,
          .granted = lent.granted,
          .held = borrowing_.held(peer)};
}

bool Loans::has_news(CellId peer, Time now) const {
  const Link& link = links_[agree::index_of(peer)];
  if (!link.up) return false;
  if (link.fresh || link.answer || now >= link.said_at + kRepeat) return true;
  mesh::LoanWord next = word(peer);
  next.seen = link.said.seen;
  return next != link.said;
}

std::optional<CellId> Loans::needs_word(Time now) const {
  for (unsigned index = 0; index < kMaxCells; ++index) {
    const auto peer = static_cast<CellId>(index);
    if (has_news(peer, now)) return peer;
  }
  return std::nullopt;
}

mesh::LoanWord Loans::word_for(CellId peer, Time now) {
  if (!is_peer(peer)) return {};
  Link& link = this->link(peer);
  const std::uint64_t number = link.said.number + 1;
  link.said = word(peer);
  link.said.number = number;
  link.said_at = now;
  link.fresh = link.answer = false;
  lending_.told(peer, number);
  look(now);
  return link.said;
}

}  // namespace hive::sharing
