#include "tests/sim/schedule.h"

#include <algorithm>

#include "tests/sim/world.h"

namespace hive::sim {

using namespace agree;

namespace {

/// How long after the last failure everything must be settled: the cases that are open, one after
/// the other, each within a few ballots.
constexpr Time kPatience = 20'000 * kMilli;
constexpr Time kStep = 20 * kMilli;

class Schedule {
 public:
  Schedule(std::uint64_t seed, unsigned members, bool witness, bool trace,
           const MakeExtension& make)
      : world_(seed, members, witness, trace), random_(world_.random()) {
    if (make) extension_ = make(world_, [this](CellId cell) { return can_lose(cell); });
    world_.extend(extension_.get());
  }

  ScheduleResult run();

 private:
  [[nodiscard]] CellId any() {
    return CellId{static_cast<std::uint8_t>(random_.below(world_.all().size()))};
  }
  /// Whether enough are left when CELL is gone.
  [[nodiscard]] bool can_lose(CellId cell) const;
  [[nodiscard]] bool is_enough(CellSet running) const;
  [[nodiscard]] CellSet core() const;
  [[nodiscard]] bool is_known(CellSet core) const;
  void go_wrong();
  void lie();
  void let_rejoin();
  void calm_down();
  void watch();
  [[nodiscard]] bool is_quiet() const;
  [[nodiscard]] bool is_bad(CellId cell) const;
  [[nodiscard]] bool must_go(CellId cell) const;

  World world_;
  Random& random_;
  bool careless_ = false;
  std::unique_ptr<Extension> extension_;  ///< Or none.
};

bool Schedule::is_enough(CellSet running) const {
  const View& view = world_.latest_view();
  const unsigned twice = 2 * (running & view.members).size();
  if (twice != view.members.size()) return twice > view.members.size();
  bool rest_over = true;
  (view.members - running).for_each([&](CellId cell) {
    const Node& node = world_.node(cell);
    rest_over = rest_over && (!node.alive || node.life != view.lives[index_of(cell)]);
  });
  return rest_over;
}

/// The members that run and are linked with each other.
CellSet Schedule::core() const {
  const View& view = world_.latest_view();
  CellSet core;
  view.members.for_each([&](CellId cell) {
    const Node& node = world_.node(cell);
    bool fits = node.runs() && node.life == view.lives[index_of(cell)];
    core.for_each([&](CellId other) { fits = fits && world_.linked(cell, other); });
    if (fits) core.insert(cell);
  });
  return core;
}

bool Schedule::can_lose(CellId cell) const {
  CellSet left = core();
  left.erase(cell);
  const CellSet members = world_.latest_view().members;
  return careless_ || 2 * left.size() > members.size() ||
         (2 * left.size() == members.size() && is_enough(left));
}

/// Whether the latest decision did not die with those that knew it.
bool Schedule::is_known(CellSet core) const {
  bool known = false;
  world_.all().for_each([&](CellId cell) {
    const Node& node = world_.node(cell);
    bool tells = node.runs() && node.agreement->view() == world_.latest_view();
    core.for_each([&](CellId peer) { tells = tells && world_.linked(cell, peer); });
    known = known || tells;
  });
  return known;
}

void Schedule::go_wrong() {
  const CellId cell = any();
  const CellId other = any();
  const std::uint64_t kind = random_.below(100);
  const Time later = world_.now() + random_.between(kMilli, 150 * kMilli);
  if (kind < 30) {
    if (!can_lose(cell)) return;
    world_.at(world_.now(), What::kKill, cell);
  } else if (kind < 50) {
    world_.at(world_.now(), What::kFailGuest, cell);
  } else if (kind < 70) {
    if (!can_lose(cell)) return;
    world_.at(world_.now(), What::kStop, cell);
    if (random_.percent(70)) world_.at(later, What::kContinue, cell);
  } else if (kind < 80) {
    if (cell == other || !can_lose(cell)) return;
    world_.at(world_.now(), What::kCut, cell, other);
    if (random_.percent(60)) world_.at(later, What::kHeal, cell, other);
  } else {
    let_rejoin();
  }
}

void Schedule::let_rejoin() {
  world_.all().for_each([&](CellId cell) {
    Node& node = world_.node(cell);
    const Time soon = world_.now() + random_.below(20 * kMilli);
    if (!random_.percent(60)) return;
    if (!node.alive) world_.at(soon, What::kRestart, cell);
    // Else recovery says when.
    if (!extension_ && node.runs() && !node.is_member()) world_.at(soon, What::kRejoin, cell);
  });
}

void Schedule::lie() {
  world_.all().for_each([&](CellId cell) {
    Node& node = world_.node(cell);
    node.victims.for_each([&](CellId victim) {
      if (random_.percent(30)) world_.at(world_.now(), What::kLie, cell, victim);
    });
  });
}

/// Nothing more fails; what is stopped or cut may stay so.
void Schedule::calm_down() {
  world_.all().for_each([&](CellId cell) {
    if (random_.percent(50)) world_.at(world_.now(), What::kContinue, cell);
    world_.all().for_each([&](CellId peer) {
      if (cell >= peer || world_.linked(cell, peer)) return;
      // Who cannot reach the coordinator of recovery keeps it from its end.
      if (extension_ || random_.percent(60)) {
        world_.at(world_.now(), What::kHeal, cell, peer);
      }
    });
  });
}

bool Schedule::is_bad(CellId cell) const {
  const Node& node = world_.node(cell);
  return !node.runs() || node.guest != Guest::kSound ||
         node.life != world_.latest_view().lives[index_of(cell)];
}

/// Whether the view must lose CELL. With two voters left it takes conclusive evidence.
bool Schedule::must_go(CellId cell) const {
  const Node& node = world_.node(cell);
  const bool proven = !node.alive || node.guest == Guest::kPanicked ||
                      node.life != world_.latest_view().lives[index_of(cell)];
  return is_bad(cell) && (proven || world_.latest_view().members.size() > 2);
}

/// Detection goes on: whatever is bad and a member is noticed again.
void Schedule::watch() {
  core().for_each([&](CellId cell) {
    world_.latest_view().members.for_each([&](CellId other) {
      if (is_bad(other)) world_.at(world_.now() + random_.below(kMilli), What::kHint, cell, other);
    });
  });
}

bool Schedule::is_quiet() const {
  const CellSet core = this->core();
  bool quiet = true;
  core.for_each([&](CellId cell) {
    const Agreement& agreement = *world_.node(cell).agreement;
    quiet = quiet && !agreement.is_active() && agreement.view() == world_.latest_view();
  });
  world_.latest_view().members.for_each([&](CellId cell) { quiet = quiet && !must_go(cell); });
  world_.all().for_each([&](CellId cell) {
    const Node& node = world_.node(cell);
    bool wants_in = node.runs() && node.joining;
    core.for_each([&](CellId peer) { wants_in = wants_in && world_.linked(cell, peer); });
    quiet = quiet && !wants_in;
  });
  return quiet && (!extension_ || extension_->is_quiet(core));
}

ScheduleResult Schedule::run() {
  careless_ = random_.percent(10);
  if (random_.percent(40)) {
    const CellId liar = any();
    CellSet victims = CellSet::of(any()) | CellSet::of(any());
    victims.erase(liar);
    world_.node(liar).victims = victims;
  }
  const std::uint64_t troubles = random_.between(1, 8);
  const Time spacing = random_.percent(50) ? 2 * kMilli : 40 * kMilli;
  for (std::uint64_t trouble = 0; trouble < troubles; ++trouble) {
    world_.run_until(world_.now() + random_.below(spacing));
    go_wrong();
    lie();
  }
  if (extension_) {
    world_.run_until(world_.now());
    extension_->calm_down();
  }
  calm_down();
  world_.run_until(world_.now() + kStep);

  ScheduleResult result;
  const Time calm = world_.now();
  while (!is_quiet()) {
    const bool must_end = is_enough(core()) && is_known(core());
    if (must_end && world_.now() > calm + kPatience) {
      throw Violation("no end: a quorum is up, and yet something stays open");
    }
    if (!must_end && world_.now() > calm + kPatience / 20) break;
    watch();
    world_.run_until(world_.now() + kStep);
  }
  result.must_end = is_quiet();
  result.ended_after = world_.now() - calm;
  result.events = world_.events();
  result.members = world_.all().size();
  result.slots = world_.checker().slots();
  result.views = world_.checker().views();
  result.trials = world_.checker().trials();
  result.halves = world_.checker().halves();
  return result;
}

unsigned members_for(Random& random) {
  if (random.percent(5)) return static_cast<unsigned>(random.between(9, 16));
  if (random.percent(10)) return 2;
  return static_cast<unsigned>(random.between(3, random.percent(30) ? 8 : 5));
}

}  // namespace

ScheduleResult run_schedule(std::uint64_t seed, bool trace, const MakeExtension& make) {
  Random random(seed ^ 0x5eed);
  const unsigned members = members_for(random);
  const bool witness = members == 3 && random.percent(40);
  Schedule schedule(random.next(), members, witness, trace, make);
  return schedule.run();
}

}  // namespace hive::sim
