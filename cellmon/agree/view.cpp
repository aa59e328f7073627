#include "cellmon/agree/view.h"

namespace hive::agree {

View founding_view(CellSet members, CellSet witnesses) {
  View view;
  view.epoch = 1;
  view.members = members;
  view.witnesses = witnesses;
  members.for_each([&](CellId cell) {
    view.incarnations[index_of(cell)] = 1;
    view.lives[index_of(cell)] = kFounder;
  });
  return view;
}

CellId leader_of(const View& view, std::uint32_t ballot) {
  unsigned turn = (ballot - 1) % view.members.size();
  CellSet in_turn = view.members - view.witnesses;
  if (turn >= in_turn.size()) {
    turn -= in_turn.size();
    in_turn = view.members & view.witnesses;
  }
  for (; turn > 0; --turn) in_turn.erase(in_turn.first());
  return in_turn.first();
}

std::uint32_t next_ballot(const View& view, std::uint32_t ballot, CellSet avoid) {
  if (avoid.covers(view.members)) return ballot;
  while (avoid.contains(leader_of(view, ballot))) ++ballot;
  return ballot;
}

CellId recovery_coordinator(const View& view) {
  const CellSet cells = view.members - view.witnesses;
  return cells.empty() ? CellId{kMaxCells} : cells.first();
}

}  // namespace hive::agree
