#include "cellmon/control/vsock/ring_routes.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "cellmon/control/file_kinds.h"
#include "vmm/base/error.h"
#include "vmm/memory/ring_file.h"
#include "vmm/memory/shared_file.h"

namespace hive::control {
namespace {

/// More than any cell reaches: a monitor that tells of later ones is broken.
constexpr Incarnation kMaxIncarnation = 1U << 30;

UniqueFd make_event() {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) throw_errno("cannot make an event for a ring");
  return event;
}

bool are_ring_files(const std::vector<UniqueFd>& files) {
  return files.size() == 3 && memory::is_shared_file(files[0].get(), memory::kRingFileBytes) &&
         is_event(files[1]) && is_event(files[2]);
}

}  // namespace

RingRoutes::RingRoutes(const plan::Machine& machine, Siblings& siblings, OnLife on_life,
                       spdlog::logger& log)
    : siblings_(siblings),
      own_(static_cast<CellId>(siblings.own())),
      packets_per_second_(machine.rpc.packets_per_second),
      on_life_(std::move(on_life)),
      log_(log),
      peers_(machine.cells.size()) {
  for (std::size_t cell = 0; cell < peers_.size(); ++cell) {
    cids_.push_back(machine.cells[cell].cid);
    peers_[cell].may_call = plan::may_call(machine, own_, static_cast<CellId>(cell));
    peers_[cell].may_be_called = plan::may_call(machine, static_cast<CellId>(cell), own_);
  }
  siblings_.add(*this);
}

bool RingRoutes::is_pair(CellId cell) const {
  const Peer& peer = peers_[static_cast<std::size_t>(cell)];
  return peer.may_call || peer.may_be_called;
}

bool RingRoutes::has_all_of(CellId cell) const {
  const Peer& peer = peers_[static_cast<std::size_t>(cell)];
  // Only the others know which incarnations of this cell are over.
  if (siblings_.is_later() && !peer.has_told_last) return false;
  return !is_pair(cell) || peer.out.has_value();
}

cell::VsockConfig RingRoutes::config() const {
  cell::VsockConfig config;
  config.own = static_cast<unsigned>(own_);
  config.cid = cids_[config.own];
  config.packets_per_second = packets_per_second_;
  for (unsigned cell = 0; cell < peers_.size(); ++cell) {
    const Peer& peer = peers_[cell];
    if (!peer.in || !peer.out) continue;
    config.peers.push_back({cell, siblings_.names()[cell], cids_[cell], peer.may_call,
                            peer.may_be_called, peer.out->config(), peer.in->config()});
  }
  return config;
}

RingRoutes::Ring RingRoutes::make_ring(CellId from) const {
  const auto& names = siblings_.names();
  const std::string name = fmt::format("hive-ring-{}-{}", names[static_cast<std::size_t>(from)],
                                       names[static_cast<std::size_t>(own_)]);
  return {memory::make_shared_file(name, memory::kRingFileBytes), make_event(), make_event()};
}

void RingRoutes::offer_ring(CellId to) {
  Peer& peer = peers_[static_cast<std::size_t>(to)];
  if (!peer.in) peer.in = make_ring(to);
  (void)siblings_.send(to, mesh::Rings{}, peer.in->files());  // Who does not take it is lost.
}

void RingRoutes::keep_ring(CellId to) {
  const Peer& peer = peers_[static_cast<std::size_t>(to)];
  const mesh::KeptRing kept{mesh::Kind::kKeptRing, peer.life.incarnation};
  if (!peer.kept) return (void)siblings_.send(to, kept);
  (void)siblings_.send(to, kept, peer.out->files());
}

bool RingRoutes::on_joined(CellId cell, const mesh::Hello& hello,
                           std::vector<UniqueFd>& /*files*/) {
  Peer& peer = peers_[static_cast<std::size_t>(cell)];
  if (peer.monitor_life != 0 && peer.monitor_life != hello.life) {
    peer.kept = peer.out.has_value();
    peer.was_up = false;
  }
  peer.linked_again = peer.monitor_life == hello.life;
  peer.monitor_life = hello.life;
  if (hello.life != agree::kFounder) keep_ring(cell);
  if (!is_pair(cell)) return true;
  try {
    offer_ring(cell);
  } catch (const std::exception& error) {
    log_.error("no packets can come from {}: {}", siblings_.names()[static_cast<std::size_t>(cell)],
               error.what());
    return false;
  }
  return true;
}

void RingRoutes::on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& files) {
  if (std::holds_alternative<mesh::Rings>(packet)) {
    take_ring(cell, files);
  } else if (const auto* kept = std::get_if<mesh::KeptRing>(&packet)) {
    take_kept(cell, *kept, files);
  } else if (const auto* up = std::get_if<mesh::Up>(&packet)) {
    start(cell, up->incarnation);
  } else if (const auto* leave = std::get_if<mesh::Leave>(&packet)) {
    if (leave->incarnation == life(cell).incarnation) end(cell);
  }
}

void RingRoutes::take_ring(CellId from, std::vector<UniqueFd>& files) {
  Peer& peer = peers_[static_cast<std::size_t>(from)];
  // It has come before, or is not the one to go on with.
  if (is_pair(from) && peer.out && (peer.linked_again || peer.kept)) return files.clear();
  if (!is_pair(from) || peer.out || !are_ring_files(files)) {
    log_.warn("the monitor of {} sent a ring that does not fit",
              siblings_.names()[static_cast<std::size_t>(from)]);
    return;
  }
  peer.out = Ring{std::move(files[0]), std::move(files[1]), std::move(files[2])};
  files.clear();
}

void RingRoutes::take_kept(CellId from, const mesh::KeptRing& kept, std::vector<UniqueFd>& files) {
  Peer& peer = peers_[static_cast<std::size_t>(from)];
  const bool has_ring = !files.empty();
  const bool fits =
      kept.last <= kMaxIncarnation && (!has_ring || (is_pair(from) && are_ring_files(files)));
  const bool is_known = fits && has_ring && peer.in && is_same_file(peer.in->file, files[0]);
  const bool is_in_use = attached_ && !peer.is_new;
  if (!fits || (has_ring && is_in_use && !is_known)) {
    log_.warn("the monitor of {} kept a ring that does not fit",
              siblings_.names()[static_cast<std::size_t>(from)]);
    return;
  }
  if (has_ring && !is_known)
    peer.in = Ring{std::move(files[0]), std::move(files[1]), std::move(files[2])};
  least_ = std::max(least_, kept.last + 1);
  peer.has_told_last = true;
  files.clear();
}

void RingRoutes::start(CellId cell, Incarnation incarnation) {
  Peer& peer = peers_[static_cast<std::size_t>(cell)];
  Life& life = peer.life;
  const bool returns = std::exchange(peer.was_up, false) && incarnation == life.incarnation;
  if (incarnation <= life.incarnation && !returns) {
    log_.warn("the monitor of {} started incarnation {} after {}",
              siblings_.names()[static_cast<std::size_t>(cell)], incarnation, life.incarnation);
    return;
  }
  life = {incarnation, true};
  tell(cell);
}

void RingRoutes::end(CellId cell) {
  Life& life = peers_[static_cast<std::size_t>(cell)].life;
  if (std::exchange(life.up, false)) tell(cell);
}

void RingRoutes::tell(CellId cell) {
  if (!peers_[static_cast<std::size_t>(cell)].is_new) on_life_(cell);
}

void RingRoutes::attach() {
  attached_ = true;
  for (Peer& peer : peers_) peer.is_new = !peer.in || !peer.out;
}

void RingRoutes::on_lost(CellId cell) {
  Peer& peer = peers_[static_cast<std::size_t>(cell)];
  peer.was_up = peer.life.up;
  end(cell);
}

void RingRoutes::on_cut_off(CellId cell) {
  Peer& peer = peers_[static_cast<std::size_t>(cell)];
  peer.cut_off = true;
  if (peer.life.up) tell(cell);
}

/// What it said of its VMM meanwhile holds.
void RingRoutes::on_admitted(CellId cell) {
  Peer& peer = peers_[static_cast<std::size_t>(cell)];
  peer.cut_off = false;
  if (peer.life.up) tell(cell);
}

}  // namespace hive::control
