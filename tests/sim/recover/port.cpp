// What a simulated survivor does to its world.
#include <algorithm>

#include "tests/sim/recover/survivors.h"

namespace hive::sim {

using agree::CellSet;
using agree::index_of;
using recover::Order;
using recover::Phase;
using recover::Step;

Site::Site(Survivors& all, CellId cell, recover::DiscardPolicy policy)
    : memory(cell, policy), all_(all), cell_(cell) {}

void Site::send(CellId to, const recover::Message& message) {
  World& world = all_.world();
  Random& random = world.random();
  const recover::Wire wire = recover::encode(message);
  const std::optional<recover::Message> parsed = recover::decode(wire);
  if (!parsed || *parsed != message) {
    throw Violation(name_of(cell_) + " sends what cannot be parsed");
  }
  if (world.trace().on()) {
    world.say(cell_, "-> " + name_of(to) + ": recovery message " +
                         std::to_string(static_cast<unsigned>(message.kind)) + " of epoch " +
                         std::to_string(message.epoch) + ", phase " +
                         std::to_string(static_cast<unsigned>(message.phase)));
  }
  if (!world.linked(cell_, to) || random.percent(3)) return;
  for (unsigned copies = random.percent(5) ? 2 : 1; copies > 0; --copies) {
    const Time takes = random.percent(3) ? random.below(60 * kMilli) : world.delay();
    all_.later(world.now() + takes, to, [this, to, message = *parsed] {
      all_.site(to).recovery->receive(cell_, message, all_.world().now());
    });
  }
}

void Site::perform(const Order& asked) {
  World& world = all_.world();
  Random& random = world.random();
  if (asked.step == Step::kDiscard) all_.check_all_passed(cell_, Phase::kFenced, "discards");
  // What an earlier order has begun is awaited or taken back.
  if (task != 0 && order.step != Step::kResume && random.percent(50)) take_effect(order);
  task = ++last_task_;
  order = asked;
  world.say(cell_, "is to do step " + std::to_string(static_cast<unsigned>(asked.step)) +
                       " of epoch " + std::to_string(asked.epoch));
  const Time takes = random.percent(3) ? random.between(5 * kMilli, 40 * kMilli)
                                       : random.between(5 * kMicro, 500 * kMicro);
  all_.later(world.now() + takes, cell_, [this, due = task] { carry_out(due); });
}

void Site::carry_out(std::uint64_t due) {
  if (task != due || all_.may_crash(cell_)) return;
  const Order now = order;
  task = 0;
  take_effect(now);
  if (all_.may_crash(cell_)) return;
  recovery->done(now.epoch, now.step, all_.world().now());
  (void)all_.may_crash(cell_);
}

void Site::take_effect(const Order& now) {
  switch (now.step) {
    case Step::kSuspend:
      held = true;
      return;
    case Step::kStop:
      if (now.casualties.cells.contains(cell_)) guest_exists = false;
      return;
    case Step::kClose:
      now.casualties.cells.for_each([&](CellId cell) { mapped[index_of(cell)] = 0; });
      return;
    case Step::kRevoke:
      return memory.revoke(now);
    case Step::kDiscard:
      return memory.discard();
    case Step::kGenerations: {
      const std::uint64_t before = memory.discards();
      memory.bump_generations();
      all_.totals().discards += memory.discards() - before;
      return;
    }
    case Step::kLocks:
    case Step::kCalls:
    case Step::kAgents:
      return;
    case Step::kAdmit:
      return admit();
    case Step::kResume:
      return resume();
  }
}

void Site::admit() {
  const agree::View& view = all_.world().node(cell_).agreement->view();
  view.members.for_each(
      [&](CellId cell) { mapped[index_of(cell)] = view.incarnations[index_of(cell)]; });
}

/// Promise 1: before anybody resumes, all have dropped what a failed cell could have written.
void Site::resume() {
  const agree::View& view = all_.world().node(cell_).agreement->view();
  all_.survivors_of(cell_).for_each([&](CellId home) {
    all_.world().all().for_each([&](CellId cell) {
      all_.site(home).memory.check_clean(cell, recover::ended(view, cell), recovery->epoch());
    });
  });
  held = false;
}

void Site::leave() {
  World& world = all_.world();
  task = 0;
  const Time takes = world.random().between(10 * kMicro, 3 * kMilli);
  all_.later(world.now() + takes, cell_, [this] {
    guest_exists = false;
    memory.clear();
    mapped = {};
    held = false;
    recovery->left(all_.world().now());
  });
}

void Site::rejoin() {
  all_.world().say(cell_, "is told that the others have recovered");
  // Whoever has the coordinator's word knows that nobody of its own view is behind.
  all_.later(all_.world().now(), cell_, [this] { all_.world().rejoin(cell_); });
}

void Site::boot(Incarnation booted) {
  World& world = all_.world();
  world.say(cell_, "boots as incarnation " + std::to_string(booted));
  ++all_.totals().boots;
  if (guest_exists) throw Violation(name_of(cell_) + " boots a second guest");
  all_.check_all_passed(cell_, Phase::kResumed, "boots");
  resume();
  all_.survivors_of(cell_).for_each([&](CellId home) {
    const recover::Recovery& other = *all_.site(home).recovery;
    if (other.epoch() == recovery->epoch() && other.casualties().cells.contains(cell_)) {
      throw Violation(name_of(cell_) + " boots before " + name_of(home) + " has recovered from it");
    }
  });
  guest_exists = true;
  incarnation = booted;
}

void Site::recovered(std::uint64_t epoch) {
  all_.world().say(cell_, "says that epoch " + std::to_string(epoch) + " has recovered");
  ++all_.totals().recoveries;
  all_.check_all_passed(cell_, Phase::kResumed, "ends recovery");
}

void Site::late(CellSet late) {
  late.for_each([&](CellId cell) { all_.world().hint_at(cell, kMilli); });
}

void Site::replace(CellId cell) {
  World& world = all_.world();
  all_.check_all_passed(cell_, Phase::kResumed, "replaces a monitor");
  ++all_.totals().replaced;
  const Time takes = world.random().between(100 * kMicro, 5 * kMilli);
  world.say(cell_, "replaces " + name_of(cell) + "'s monitor");
  all_.later(world.now() + takes, cell_, [this, cell] {
    World& machine = all_.world();
    const agree::Life known = machine.node(cell_).agreement->view().lives[index_of(cell)];
    const Node& node = machine.node(cell);
    if (node.runs() && node.life > known) return;  // somebody else's, and it lives
    machine.kill(cell);
    machine.restart(cell);
  });
}

void Site::stop_machine(CellId cell) {
  all_.world().say(cell_, "stops the machine for " + name_of(cell));
  all_.stop_machine();
}

}  // namespace hive::sim
