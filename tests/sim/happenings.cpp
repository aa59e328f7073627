// What goes wrong in a simulated machine, and is mended.
#include <algorithm>

#include "tests/sim/world.h"

namespace hive::sim {

using namespace agree;

void World::happen(const Event& event) {
  Node& target = node(event.node);
  if (event.what != What::kCut && event.what != What::kHeal && target.process != event.process) {
    return;
  }
  switch (event.what) {
    case What::kKill:
      return kill(event.node);
    case What::kStop:
      if (!target.runs()) return;
      say(event.node, "is stopped");
      target.stopped = target.tainted = true;
      return hint_at(event.node, 20 * kMilli);
    case What::kContinue:
      if (!target.stopped) return;
      say(event.node, "continues");
      target.stopped = false;
      for (Event& held : held_) {
        if (held.node == event.node && held.what != What::kTick) {
          held.time = now_;
          queue_.push(held);
        }
      }
      std::erase_if(held_, [&](const Event& held) { return held.node == event.node; });
      target.tick_at = kNever;
      return after_input(event.node);
    case What::kFailGuest:
      if (!target.alive || target.witness) return;
      target.guest = random_.percent(50) ? Guest::kPanicked : Guest::kHung;
      say(event.node, target.guest == Guest::kHung ? "has a hung guest" : "has a panicked guest");
      target.tainted = true;
      return hint_at(event.node, 10 * kMilli);
    case What::kRestart:
      return restart(event.node);
    case What::kCut:
      return cut(event.node, event.other, random_.percent(50));
    case What::kHeal:
      return heal(event.node, event.other);
    default:
      return;
  }
}

void World::kill(CellId cell) {
  Node& target = node(cell);
  if (!target.alive) return;
  say(cell, "is killed");
  target.alive = target.stopped = target.joining = false;
  target.tainted = true;
  target.suspended = false;
  if (extension_ != nullptr) extension_->killed(cell);
  for (const Event& held : held_) {
    if (held.node == cell && held.what == What::kDeliver) free_messages_.push_back(held.message);
  }
  std::erase_if(held_, [&](const Event& held) { return held.node == cell; });
  all_.for_each([&](CellId peer) {
    if (peer != cell && linked(cell, peer)) cut(cell, peer, true);
  });
  hint_at(cell, 10 * kMilli);
}

/// Ends the link between A and B; what is under way still arrives if DRAIN.
void World::cut(CellId a, CellId b, bool drain) {
  if (!link(a, b).up) return;
  say(a, "loses its link with " + name_of(b));
  for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
    Link& way = link(from, to);
    way.up = false;
    if (!drain) ++way.generation;
    way.last_arrival = std::max(way.last_arrival + 1, now_ + delay());
    at(way.last_arrival, What::kLinkLost, to, from);
    if (node(from).alive && node(to).alive) node(from).tainted = node(to).tainted = true;
  }
}

void World::heal(CellId a, CellId b) {
  if (link(a, b).up || !node(a).alive || !node(b).alive) return;
  say(a, "has a new link with " + name_of(b));
  for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
    Link& way = link(from, to);
    way.up = true;
    way.last_arrival = std::max(way.last_arrival + 1, now_ + delay());
    at(way.last_arrival, What::kLinkUp, to, from);
  }
}

/// A new process for CELL, after it was killed.
void World::restart(CellId cell) {
  Node& target = node(cell);
  if (target.alive) return;
  ++target.process;
  target.alive = true;
  target.guest = Guest::kSound;
  target.tick_at = kNever;
  const Settings settings{cell, 0, target.witness, kRound};
  target.agreement = std::make_unique<Agreement>(settings, target);
  say(cell, "is started anew");
  if (extension_ != nullptr) extension_->started(cell);
  rejoin(cell);
  all_.for_each([&](CellId peer) {
    if (peer != cell) heal(cell, peer);
  });
}

/// CELL's monitor, which is out of the view, asks to be let in.
void World::rejoin(CellId cell) {
  Node& target = node(cell);
  if (!target.alive || target.agreement->is_member() || target.joining) return;
  ++target.life;
  target.tainted = target.stopped;
  target.guest = Guest::kSound;
  target.joining = true;
  all_.for_each([&](CellId peer) { target.tainted = target.tainted || !linked(cell, peer); });
  say(cell, "asks to join as life " + std::to_string(target.life));
  target.agreement->join(target.life, now_);
  after_input(cell);
}

}  // namespace hive::sim
