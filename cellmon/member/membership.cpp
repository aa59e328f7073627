#include "cellmon/member/membership.h"

#include <algorithm>
#include <utility>

#include "cellmon/detect/ring.h"

namespace hive::member {
namespace {

using agree::Evidence;

CellSet all_of(const Names& names) {
  CellSet cells;
  for (std::size_t cell = 0; cell < names.size(); ++cell) {
    cells.insert(CellId{static_cast<std::uint8_t>(cell)});
  }
  return cells;
}

agree::View founding_view(const MemberSettings& settings) {
  return settings.life == agree::kFounder
             ? agree::founding_view(all_of(settings.names), settings.witnesses)
             : agree::View();
}

agree::Agreement make_agreement(const MemberSettings& settings, agree::Port& port) {
  agree::Settings part;
  part.self = settings.self;
  part.life = settings.life;
  part.round = settings.round;
  if (settings.life != agree::kFounder) return agree::Agreement(part, port);
  return agree::Agreement(part, founding_view(settings), port);
}

}  // namespace

Membership::Membership(MemberSettings settings, Surroundings& surroundings)
    : settings_(std::move(settings)),
      surroundings_(surroundings),
      agreement_(make_agreement(settings_, *this)),
      known_(founding_view(settings_)) {}

void Membership::link_up(CellId peer, Life life, Time now) {
  if (!agree::is_cell(peer)) return;
  now_ = now;
  Peer& state = at(peer);
  if (life != state.process) state.spoken = life;
  state.process = life;
  state.linked = true;
  state.link_deadline = agree::kNever;
  state.watch.reset();
  state.is_malformed = false;
  if (state.asked != 0) surroundings_.ask(peer, state.asked);
  agreement_.link_up(peer, now);
  run(now);
}

void Membership::link_lost(CellId peer, Time now) {
  if (!agree::is_cell(peer)) return;
  now_ = now;
  at(peer).linked = false;
  at(peer).watch.reset();
  at(peer).link_deadline = now + patience(peer, settings_.link_limit);
  at(peer).link_has_grace = true;
  agreement_.link_lost(peer, now);
  run(now);
}

void Membership::process_ended(CellId peer, Time now) {
  if (!agree::is_cell(peer)) return;
  now_ = now;
  Peer& state = at(peer);
  state.over = std::max(state.over, state.spoken);
  state.link_deadline = agree::kNever;
  if (is_over(peer)) {
    raise(peer, Evidence::kMonitorDeath, now);
    if (state.asked != 0) finish_question(peer, Evidence::kMonitorDeath, now);
  }
  run(now);
}

void Membership::receive(CellId from, const agree::Message& message, Time now) {
  now_ = now;
  const agree::Header& header = agree::header_of(message);
  if (header.from == from && agree::is_cell(from)) {
    at(from).spoken = std::max(at(from).spoken, header.life);
  }
  agreement_.receive(from, message, now);
  run(now);
}

void Membership::answered(CellId from, std::uint32_t number, EvidenceSet evidence, Time now) {
  if (!agree::is_cell(from) || number == 0 || at(from).asked != number) return;
  now_ = now;
  if ((evidence | agree::kAllEvidence) != agree::kAllEvidence) return;
  // Whoever answers is not over, whatever it says of itself.
  const EvidenceSet sound(
      static_cast<std::uint16_t>(evidence.bits() & ~agree::kVoterIsOver.bits()));
  finish_question(from, sound, now);
  run(now);
}

void Membership::set_own_evidence(EvidenceSet evidence, Time now) {
  now_ = now;
  const EvidenceSet before = std::exchange(own_evidence_, evidence);
  // In a machine of one cell there is nobody to tell.
  if (evidence.empty() || evidence == before || settings_.names.size() < 2) return;
  if (is_member()) raise(settings_.self, evidence, now);
  run(now);
}

void Membership::suspended(Time now) {
  if (!holding_ || still_) return;
  now_ = now;
  still_ = true;
  still_since_ = now;
  run(now);
}

void Membership::recovered(Time now) {
  now_ = now;
  recovering_ = false;
  run(now);
}

void Membership::doubt(CellId cell, EvidenceSet evidence, Time now) {
  if (!agree::is_cell(cell) || cell == settings_.self) return;
  now_ = now;
  hint(cell, evidence, now);
  run(now);
}

void Membership::accuse(CellId suspect, EvidenceSet evidence, Time now) {
  now_ = now;
  raise(suspect, evidence, now);
  run(now);
}

void Membership::join(Time now) {
  if (joining_ || is_member()) return;
  now_ = now;
  joining_ = true;
  const Life known = view().lives[agree::index_of(settings_.self)];
  agreement_.join(std::max({now, agreement_.life() + 1, known + 1}), now);
  run(now);
}

void Membership::observe(CellId peer, const std::optional<PeerPage::Sample>& sample, Time own_delay,
                         Time now) {
  if (!agree::is_cell(peer)) return;
  now_ = now;
  Peer& state = at(peer);
  if (!watched().contains(peer)) {
    state.watch.reset();
    return;
  }
  if (!sample) {
    if (!std::exchange(state.is_malformed, true)) hint(peer, Evidence::kCarefulRead, now);
    return run(now);
  }
  if (!state.watch) state.watch.emplace(settings_.heartbeat, settings_.alarm);
  if (state.watch->look(sample->heartbeat, own_delay, now)) state.is_hushed = false;
  if (state.watch->is_late(now) && !state.is_hushed) hint(peer, Evidence::kHeartbeat, now);
  run(now);
}

void Membership::tick(Time now) {
  now_ = now;
  if (now >= deadline() && now - deadline() >= settings_.heartbeat / 2) wait_anew(now);
  for (unsigned index = 0; index < settings_.names.size(); ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    if (is_due(cell, now)) give_up_waiting(cell, now);
  }
  agreement_.tick(now);
  run(now);
}

Time Membership::deadline() const {
  Time next = agreement_.deadline();
  for (const Peer& peer : peers_) next = std::min({next, peer.answer_deadline, peer.link_deadline});
  return next;
}

bool Membership::may_start() const {
  return is_member() && !suspects().contains(settings_.self) && !holding_;
}

CellSet Membership::watched() const {
  return is_member() ? CellSet(detect::watched_by(settings_.self, view().members.bits()))
                     : CellSet();
}

double Membership::suspicion(CellId cell, Time now) const {
  return agree::is_cell(cell) && at(cell).watch ? at(cell).watch->suspicion(now) : 0;
}

bool Membership::is_over(CellId cell) const {
  const Life life = view().lives[agree::index_of(cell)];
  return life != 0 && life <= at(cell).over;
}

bool Membership::may_accuse(CellId cell) const {
  return is_member() && !going_down_ && view().members.contains(cell);
}

}  // namespace hive::member
