#include "tests/unit/sharing/world.h"

namespace hive::sharing {
namespace {

CellId id(unsigned index) { return static_cast<CellId>(index); }

}  // namespace

World::World(std::uint64_t seed) : random_(seed), seed_(seed), cells_(2 + seed % 7) {
  for (unsigned index = 0; index < cells_.size(); ++index) {
    const auto own = static_cast<Blocks>(32 + below(168));
    const auto reserve = static_cast<Blocks>(below(own / 2));
    cells_[index].settings = {id(index), own, reserve, static_cast<Blocks>(below(300))};
    change_mood(cells_[index]);
    start_monitor(index);
    start_vmm(index);
    for (unsigned other = 0; other < index; ++other) wire(other, index);
  }
}

void World::start_monitor(unsigned index) {
  Cell& cell = cells_[index];
  cell.loans = std::make_unique<Loans>(cell.settings);
  cell.news.clear();
  for (unsigned other = 0; other < cells_.size(); ++other) {
    cell.lost[other] = out(other, index);
    if (cells_[other].in_view) cell.loans->joined(id(other), now_);
  }
}

void World::kill_monitor(unsigned index) {
  end_vmm(index);
  cells_[index].loans.reset();
  for (unsigned other = 0; other < cells_.size(); ++other) {
    if (other == index) continue;
    Wire& line = wire(index, other);
    lose(line);
    line.knows[index < other ? 0 : 1] = false;
  }
}

void World::start_vmm(unsigned index) {
  Cell& cell = cells_[index];
  cell.runs = true;
  cell.loans->vmm_started(++lives_, now_);
  cell.balloon_target = cell.loans->balloon_target();
  cell.spare_target = cell.loans->spare_target();
  for (unsigned other = 0; other < cells_.size(); ++other) cell.lost[other] = out(other, index);
}

void World::end_vmm(unsigned index) {
  Cell& cell = cells_[index];
  if (!cell.runs) return;
  cell.runs = false;
  cell.balloon_target = cell.given = cell.spare_target = cell.plugged = 0;
  cell.reports.clear();
  cell.loans->vmm_ended(now_);
  for (Cell& other : cells_) other.written_off[index] = false;
}

void World::set_in_view(unsigned index, bool in_view) {
  cells_[index].in_view = in_view;
  for (unsigned other = 0; other < cells_.size(); ++other) {
    if (other != index) cells_[other].news.emplace_back(id(index), in_view);
  }
}

void World::tell(unsigned index, bool all) {
  Cell& cell = cells_[index];
  while (cell.loans && !cell.news.empty() && (all || chance(30))) {
    const auto [who, in_view] = cell.news.front();
    cell.news.pop_front();
    const auto other = static_cast<unsigned>(who);
    if (in_view) {
      cell.loans->joined(who, now_);
    } else {
      cell.loans->gone(who, now_);
      cell.written_off[other] = cells_[other].runs;
    }
  }
}

void World::hint() {
  const unsigned self = any();
  const unsigned peer = any();
  Cell& cell = cells_[self];
  if (!cell.loans || !cells_[peer].loans) return;
  hive_state_shares shares{};
  cells_[peer].loans->fill(shares, now_);
  const auto blocks = static_cast<Blocks>(below(cell.settings.own / 3));
  if (chance(60)) {
    cell.loans->lend(id(peer), blocks, shares.room_blocks, now_);
  } else if (chance(85)) {
    const Blocks most = cell.loans->borrowed(id(peer));
    cell.loans->give_back(id(peer), static_cast<Blocks>(below(most + 2)), now_);
  } else if (chance(60)) {
    cell.loans->recall(id(peer), now_);
  } else {
    const Blocks most = cell.settings.own - cell.settings.reserve;
    cell.loans->set_by_hand(chance(50) ? 0 : static_cast<Blocks>(below(most / 2 + 1)), now_);
  }
}

void World::change_mood(Cell& cell) {
  const Blocks own = cell.settings.own;
  cell.most_given = chance(60) ? own : static_cast<Blocks>(below(own));
  cell.most_plugged = chance(70) ? ~0U : static_cast<Blocks>(below(100));
  cell.least_plugged = chance(60) ? 0 : static_cast<Blocks>(below(60));
}

void World::lose(Wire& wire) {
  wire.up = false;
  for (auto& words : wire.words) words.clear();
}

void World::break_something() {
  const unsigned index = any();
  Cell& cell = cells_[index];
  if (chance(8)) change_mood(cell);
  if (chance(3)) lose(wire(index, (index + 1) % static_cast<unsigned>(cells_.size())));
  if (chance(1)) end_vmm(index);
  if (cell.loans && chance(1)) {
    kill_monitor(index);
    if (chance(50)) set_in_view(index, false);
  }
  // It is put out of the view, and does not know yet.
  if (cell.in_view && below(300) == 0) set_in_view(index, false);
}

void World::repair_something() {
  const unsigned index = any();
  Cell& cell = cells_[index];
  if (!cell.loans && chance(20)) start_monitor(index);
  if (!cell.in_view && chance(50)) end_vmm(index);
  if (cell.loans && !cell.in_view && chance(10)) set_in_view(index, true);
  if (cell.loans && cell.in_view && !cell.runs && chance(30)) start_vmm(index);
}

void World::pass_words() {
  for (auto& [pair, line] : wires_) {
    const unsigned ends[] = {pair.first, pair.second};
    for (const unsigned side : {0U, 1U}) {
      Cell& cell = cells_[ends[side]];
      const CellId peer = id(ends[1 - side]);
      if (line.knows[side] && !line.up && chance(50)) {
        line.knows[side] = false;
        if (cell.loans) cell.loans->link_lost(peer, now_);
      }
    }
    const bool both = cells_[ends[0]].loans && cells_[ends[1]].loans;
    if (!line.up && !line.knows[0] && !line.knows[1] && both && chance(20)) {
      line.up = line.knows[0] = line.knows[1] = true;
      for (const unsigned side : {0U, 1U}) {
        cells_[ends[side]].loans->link_up(id(ends[1 - side]), now_);
      }
    }
    for (const unsigned side : {0U, 1U}) {
      while (line.up && !line.words[side].empty() && chance(60)) {
        const mesh::LoanWord word = line.words[side].front();
        line.words[side].pop_front();
        cells_[ends[side]].loans->hear(id(ends[1 - side]), word, now_);
      }
    }
  }
  for (unsigned index = 0; index < cells_.size(); ++index) {
    Cell& cell = cells_[index];
    if (!cell.loans) continue;
    for (unsigned left = 100; chance(90); --left) {
      const auto peer = cell.loans->needs_word(now_);
      if (!peer) break;
      const mesh::LoanWord word = cell.loans->word_for(*peer, now_);
      Wire& line = wire(index, static_cast<unsigned>(*peer));
      if (line.up) line.words[index < static_cast<unsigned>(*peer) ? 1 : 0].push_back(word);
      if (left == 0) return complain("cell " + std::to_string(index) + " talks for ever");
    }
  }
}

void World::pass_reports(unsigned index) {
  Cell& cell = cells_[index];
  if (!cell.runs) return;
  if (chance(50)) cell.balloon_target = cell.loans->balloon_target();
  if (chance(50)) cell.spare_target = cell.loans->spare_target();
  if (chance(40)) cell.reports.push_back({true, cell.balloon_target, cell.given});
  if (chance(40)) cell.reports.push_back({false, cell.spare_target, cell.plugged});
  while (!cell.reports.empty() && chance(60)) {
    const Report report = cell.reports.front();
    cell.reports.pop_front();
    if (report.balloon) {
      cell.loans->note_balloon(report.target, report.value, now_);
    } else {
      cell.loans->note_spare(report.target, report.value, now_);
    }
  }
}

void World::move_guest(unsigned index) {
  Cell& cell = cells_[index];
  if (!cell.runs || chance(40)) return;
  const auto step = static_cast<Blocks>(1 + below(12));
  if (cell.given > cell.balloon_target) {
    cell.given -= std::min(step, cell.given - cell.balloon_target);
  } else if (cell.given < std::min(cell.balloon_target, cell.most_given)) {
    cell.given += std::min(step, std::min(cell.balloon_target, cell.most_given) - cell.given);
  }
  const Blocks least = std::max(cell.spare_target, cell.least_plugged);
  const Blocks most = std::min(cell.spare_target, cell.most_plugged);
  if (cell.plugged > least) {
    cell.plugged -= std::min(step, cell.plugged - least);
  } else if (cell.plugged < most) {
    const Blocks more = std::min(step, most - cell.plugged);
    cell.plugged += more;
    plugged_ever_ += more;
  }
}

void World::chaos_step() {
  if (chance(40)) hint();
  check();
  break_something();
  repair_something();
  check();
  quiet_step(90);
}

void World::quiet_step(unsigned most_ms) {
  ++steps_;
  now_ += (1 + below(most_ms)) * 1'000'000;
  pass_words();
  check();
  for (unsigned index = 0; index < cells_.size(); ++index) {
    tell(index, false);
    pass_reports(index);
    check();
    move_guest(index);
    check();
    if (cells_[index].loans && chance(90)) cells_[index].loans->tick(now_);
    if (cells_[index].loans) cells_[index].loans->take_notes();
  }
  check();
}

void World::mend() {
  for (unsigned index = 0; index < cells_.size(); ++index) {
    Cell& cell = cells_[index];
    if (!cell.in_view) end_vmm(index);
    if (!cell.loans) start_monitor(index);
    if (!cell.in_view) set_in_view(index, true);
    if (!cell.runs) start_vmm(index);
    cell.most_given = cell.settings.own;
    cell.most_plugged = ~0U;
    cell.least_plugged = 0;
  }
  for (unsigned index = 0; index < cells_.size(); ++index) tell(index, true);
}

void World::recall_all() {
  for (Cell& cell : cells_) {
    if (!cell.loans) continue;
    cell.loans->recall_all(now_);
    cell.loans->set_by_hand(0, now_);
  }
}

}  // namespace hive::sharing
