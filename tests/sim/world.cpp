#include "tests/sim/world.h"

#include <algorithm>
#include <utility>

namespace hive::sim {

using namespace agree;

namespace {

CellSet first_cells(unsigned count) {
  CellSet set;
  for (unsigned cell = 0; cell < count; ++cell) set.insert(CellId{static_cast<std::uint8_t>(cell)});
  return set;
}

CellSet witnesses_of(unsigned members, bool witness) {
  return witness ? CellSet::of(CellId{static_cast<std::uint8_t>(members - 1)}) : CellSet();
}

}  // namespace

World::World(std::uint64_t seed, unsigned members, bool witness, bool trace)
    : random_(seed),
      trace_(trace),
      all_(first_cells(members)),
      links_(std::size_t{members} * members),
      checker_(
          founding_view(all_, witnesses_of(members, witness)),
          {[this](CellId cell, Life life) {
             return node(cell).life == life && !node(cell).tainted;
           },
           [this](CellId cell, Life life) { return node(cell).life != life || !node(cell).alive; },
           [this](CellId cell) { return node(cell).suspended || node(cell).witness; }}) {
  const View founding = checker_.latest().view;
  all_.for_each([&](CellId cell) {
    nodes_.push_back(std::make_unique<Node>(*this, cell));
    node(cell).witness = founding.witnesses.contains(cell);
    const Settings settings{cell, kFounder, node(cell).witness, kRound};
    node(cell).agreement = std::make_unique<Agreement>(settings, founding, node(cell));
  });
  all_.for_each([&](CellId cell) {
    all_.for_each([&](CellId peer) {
      if (peer != cell) node(cell).agreement->link_up(peer, now_);
    });
  });
}

Link& World::link(CellId from, CellId to) {
  return links_[index_of(from) * nodes_.size() + index_of(to)];
}

bool World::linked(CellId a, CellId b) const {
  return a == b || links_[index_of(a) * nodes_.size() + index_of(b)].up;
}

void World::at(Time time, What what, CellId node_id, CellId other) {
  Event event;
  event.time = time;
  event.order = order_++;
  event.what = what;
  event.node = node_id;
  event.other = other;
  event.process = node(node_id).process;
  queue_.push(event);
}

void World::post(Time time, CellId cell, std::function<void()> work) {
  Event event;
  event.time = std::max(time, now_);
  event.order = order_++;
  event.what = What::kExtension;
  event.node = cell;
  event.process = node(cell).process;
  event.message = static_cast<std::uint32_t>(work_.size());
  work_.push_back(std::move(work));
  queue_.push(event);
}

std::uint32_t World::store(const Message& message) {
  if (free_messages_.empty()) {
    free_messages_.push_back(static_cast<std::uint32_t>(messages_.size()));
    messages_.emplace_back();
  }
  const std::uint32_t place = free_messages_.back();
  free_messages_.pop_back();
  messages_[place] = message;
  return place;
}

Time World::delay() {
  if (now_ < slow_until_) return random_.between(kMilli, 40 * kMilli);
  return random_.percent(2) ? random_.between(kMilli, 30 * kMilli)
                            : random_.between(10 * kMicro, 200 * kMicro);
}

void World::deliver(CellId from, CellId to, const Message& message) {
  if (trace_.on()) say(from, "-> " + name_of(to) + ": " + describe(message));
  Link& way = link(from, to);
  if (!way.up) return;
  const std::optional<Message> parsed = parse_message(as_bytes(message));
  if (!parsed) throw Violation(name_of(from) + " sends what cannot be parsed");
  Event event;
  event.time = way.last_arrival = std::max(way.last_arrival + 1, now_ + delay());
  event.order = order_++;
  event.what = What::kDeliver;
  event.node = to;
  event.other = from;
  event.process = node(to).process;
  event.generation = way.generation;
  event.message = store(*parsed);
  queue_.push(event);
}

void World::run_until(Time time) {
  while (!queue_.empty() && queue_.top().time <= time) {
    const Event event = queue_.top();
    queue_.pop();
    now_ = std::max(now_, event.time);
    ++handled_;
    handle(event);
  }
  now_ = std::max(now_, time);
}

void World::handle(const Event& event) {
  if (event.what >= What::kKill) return happen(event);
  Node& target = node(event.node);
  const bool current = target.alive && target.process == event.process;
  const bool lost =
      event.what == What::kDeliver && event.generation < link(event.other, event.node).generation;
  if (current && target.stopped && !lost) {
    held_.push_back(event);
    return;
  }
  if (current && !lost) {
    tell(target, event);
    after_input(event.node);
  }
  if (event.what == What::kDeliver) free_messages_.push_back(event.message);
}

/// One input to the monitor of NODE.
void World::tell(Node& target, const Event& event) {
  Agreement& agreement = *target.agreement;
  switch (event.what) {
    case What::kDeliver: {
      if (trace_.on()) {
        say(event.node, "<- " + name_of(event.other) + ": " + describe(messages_[event.message]));
      }
      const Message message = messages_[event.message];
      return agreement.receive(event.other, message, now_);
    }
    case What::kLinkUp:
      if (link(event.node, event.other).up) agreement.link_up(event.other, now_);
      return;
    case What::kLinkLost:
      if (link(event.node, event.other).up) return;
      agreement.link_lost(event.other, now_);
      if (extension_ != nullptr && !node(event.other).alive) {
        extension_->saw_end(event.node, event.other);
      }
      if (agreement.view().members.contains(event.other) && random_.percent(70)) {
        say(event.node, "accuses " + name_of(event.other) + ": its link is lost");
        agreement.accuse(event.other, Evidence::kLinkLost | truth(event.node, event.other), now_);
      }
      return;
    case What::kSuspended:
      target.suspended = true;
      return agreement.suspended(now_);
    case What::kProbed: {
      EvidenceSet found = truth(event.node, event.other);
      if (target.victims.contains(event.other)) found = found | Evidence::kHeartbeat;
      say(event.node, "finds " + name_of(event.other) + ": " + describe(found));
      return agreement.probed(event.other, found, now_);
    }
    case What::kTick:
      if (event.time != target.tick_at) return;
      target.tick_at = kNever;
      return agreement.tick(now_);
    case What::kRejoin:
      return rejoin(event.node);
    case What::kExtension:
      return std::exchange(work_[event.message], {})();
    default:
      return tell_hint(target, event);
  }
}

void World::tell_hint(Node& target, const Event& event) {
  EvidenceSet evidence = truth(event.node, event.other);
  if (event.what == What::kLie && target.victims.contains(event.other)) {
    evidence = evidence | Evidence::kHeartbeat;
  }
  if (evidence.empty() || !target.agreement->view().members.contains(event.other)) return;
  say(event.node, "accuses " + name_of(event.other) + ": " + describe(evidence));
  target.agreement->accuse(event.other, evidence, now_);
}

void World::after_input(CellId cell) {
  Node& target = node(cell);
  checker_.member(cell, *target.agreement);
  if (target.joining && !target.agreement->is_joining()) {
    target.joining = false;
    if (!target.is_member()) at(now_ + kMilli, What::kRejoin, cell);
  }
  const Time due = target.agreement->deadline();
  if (due >= target.tick_at || due == kNever) return;
  target.tick_at = std::max(due, now_);
  at(target.tick_at, What::kTick, cell);
}

EvidenceSet World::truth(CellId observer, CellId about) const {
  const Node& other = node(about);
  const Life known = node(observer).agreement->view().lives[index_of(about)];
  if (observer != about && (!other.alive || other.life > known)) return Evidence::kMonitorDeath;
  if (other.guest == Guest::kPanicked) return Evidence::kPanic;
  if (other.guest == Guest::kHung) return Evidence::kHeartbeat | Evidence::kVcpuStuck;
  return other.stopped ? EvidenceSet(Evidence::kNoAnswer) : EvidenceSet();
}

void World::hint_at(CellId cell, Time within) {
  const std::uint64_t watchers = random_.between(1, 3);
  for (std::uint64_t watcher = 0; watcher < watchers; ++watcher) {
    const CellId who{static_cast<std::uint8_t>(random_.below(nodes_.size()))};
    at(now_ + random_.below(within), What::kHint, who, cell);
  }
  if (node(cell).guest != Guest::kSound) at(now_ + random_.below(within), What::kHint, cell, cell);
}

void World::say(CellId cell, const std::string& text) const {
  if (trace_.on()) trace_.line(now_, name_of(cell) + " " + text);
}

}  // namespace hive::sim
