#include "cellmon/control/global_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <utility>

#include "cellmon/control/file_kinds.h"
#include "guests/abi/system_area.h"
#include "vmm/base/descriptors.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/cell/global_protocol.h"
#include "vmm/memory/shared_file.h"

namespace hive::control {
namespace {

using firewall::Contribution;
using firewall::Gatekeeper;

constexpr std::size_t kMaxLinkPacket = 256;
static_assert(sizeof(cell::GuestRequest) <= kMaxLinkPacket);

recover::DiscardPolicy policy_of(plan::Discard wanted) {
  return wanted == plan::Discard::kWritable ? recover::DiscardPolicy::kWritable
                                            : recover::DiscardPolicy::kWritten;
}

cell::OnViolation policy_of(plan::OnViolation wanted) {
  switch (wanted) {
    case plan::OnViolation::kStop:
      return cell::OnViolation::kStop;
    case plan::OnViolation::kIgnore:
      return cell::OnViolation::kIgnore;
    case plan::OnViolation::kFault:
      break;
  }
  return cell::OnViolation::kFault;
}

std::vector<UniqueFd> make_doorbells() {
  std::vector<UniqueFd> doorbells;
  for (unsigned vector = 0; vector < HIVE_GLOBAL_VECTORS; ++vector) {
    doorbells.emplace_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!doorbells.back()) throw_errno("cannot make a doorbell");
  }
  return doorbells;
}

bool are_guard_files(const std::vector<UniqueFd>& files) {
  return files.size() == 2 && is_guard(files[0]) && is_packet_socket(files[1]);
}

}  // namespace

/// The place of a home whose monitor is gone: a ledger without rights, by which all is denied.
struct GlobalMemory::Orphan {
  Orphan(boost::asio::io_context& loop, unsigned home, std::uint64_t size)
      : gatekeeper(Contribution(static_cast<CellId>(home), size / kPageSize),
                   [](const firewall::ViolationRecord&) {}),
        faults(loop, gatekeeper) {}

  Gatekeeper gatekeeper;
  FaultServer faults;
};

bool GlobalMemory::is_in(const plan::Machine& machine) {
  return std::any_of(machine.cells.begin(), machine.cells.end(),
                     [](const plan::Cell& cell) { return cell.shared > 0; });
}

GlobalMemory::GlobalMemory(boost::asio::io_context& loop, const plan::Machine& machine,
                           Siblings& siblings, OnViolation on_violation, spdlog::logger& log,
                           Heritage heritage)
    : loop_(loop),
      log_(log),
      siblings_(siblings),
      own_(siblings.own()),
      names_(siblings.cell_names()),
      policy_(policy_of(machine.on_violation)),
      on_violation_(std::move(on_violation)),
      peers_(machine.cells.size()),
      reply_limit_(loop),
      end_again_(loop) {
  for (const plan::Cell& cell : machine.cells) sizes_.push_back(cell.shared);
  take_over(std::move(heritage));
  Peer& self = peers_[own_];
  if (self.doorbells.empty()) self.doorbells = make_doorbells();
  if (sizes_[own_] > 0) {
    if (!self.file) {
      self.file = memory::make_shared_file("hive-global-" + names_[own_], sizes_[own_]);
    }
    gatekeeper_.emplace(Contribution(static_cast<CellId>(own_), sizes_[own_] / kPageSize),
                        [this](const firewall::ViolationRecord& violation) { tell(violation); });
    gatekeeper_->create_system_section();
    gatekeeper_->set_hosting(machine.cells[own_].hosted / kPageSize);
    if (sizes_[own_] >= HIVE_SYSTEM_LEAST) news_.emplace(self.file.get(), sizes_[own_]);
    doomed_.emplace(policy_of(machine.discard), sizes_[own_] / kPageSize);
    gatekeeper_->set_on_handed_out(
        [this](const firewall::PageRange& pages) { forget_noted(pages); });
    desk_.emplace(*gatekeeper_, names_);
    faults_.emplace(loop_, *gatekeeper_);
  }
  siblings_.add(*this);
}

GlobalMemory::~GlobalMemory() = default;

std::vector<int> GlobalMemory::files() const {
  const Peer& self = peers_[own_];
  std::vector<int> files;
  if (self.file) files.push_back(self.file.get());
  for (const UniqueFd& doorbell : self.doorbells) files.push_back(doorbell.get());
  return files;
}

bool GlobalMemory::on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& files) {
  const auto index = static_cast<std::size_t>(cell);
  const std::uint64_t size = sizes_[index];
  const std::size_t wanted = HIVE_GLOBAL_VECTORS + (size > 0 ? 1 : 0);
  if (hello.contribution != size || files.size() < wanted) return false;
  if (size > 0 && !memory::is_shared_file(files.front().get(), size)) return false;
  Peer& peer = peers_[index];
  const bool is_later = peer.life != hello.life;
  const bool returns = !is_later || (size > 0 && is_same_file(peer.file, files.front()));
  // A later one has granted nothing yet.
  if (is_later && returns && peer.guard && !try_shut(index)) return false;
  peer.life = hello.life;
  if (is_later) peer.made.clear();
  auto next = files.begin();
  const auto end = next + static_cast<std::ptrdiff_t>(wanted);
  if (size > 0) peer.file = std::move(*next++);
  peer.doorbells.assign(std::make_move_iterator(next), std::make_move_iterator(end));
  files.erase(files.begin(), end);
  if (returns && peer.guard) {
    if (!peer.cut_off) peer.orphan.reset();
    send_guard(static_cast<unsigned>(cell));
  }
  undo_abandoned(static_cast<unsigned>(cell), is_later);
  return true;
}

Siblings::State GlobalMemory::peer_state(unsigned cell) const {
  return siblings_.state(static_cast<CellId>(cell));
}

cell::GlobalConfig GlobalMemory::config() const {
  cell::GlobalConfig config;
  config.own = own_;
  config.on_violation = policy_;
  config.closed = wanted_closed();
  for (std::size_t cell = 0; cell < peers_.size(); ++cell) {
    cell::Contribution part;
    part.file = peers_[cell].file.get();
    part.size = sizes_[cell];
    for (const UniqueFd& doorbell : peers_[cell].doorbells) {
      part.doorbells.push_back(doorbell.get());
    }
    config.contributions.push_back(std::move(part));
  }
  return config;
}

void GlobalMemory::attach(UniqueFd link, Incarnation incarnation) {
  incarnation_ = incarnation;
  failures_before_ += std::exchange(failures_, 0);
  note_closed(wanted_closed());  // As config() has just told it.
  if (gatekeeper_ && !is_untouched()) begin_anew();
  if (news_) news_->begin(incarnation);
  wire::PacketSocket::Handlers handlers;
  handlers.on_packet = [this](std::string_view bytes, std::vector<UniqueFd> files) {
    take_link_packet(bytes, std::move(files));
  };
  link_ = std::make_unique<wire::PacketSocket>(loop_, std::move(link), kMaxLinkPacket,
                                               std::move(handlers));
}

void GlobalMemory::detach() {
  if (incarnation_ == 0) return;
  link_.reset();
  closed_ = 0;
  asked_.reset();
  abandon_request();
  reply_limit_.disarm();
  for (Peer& peer : peers_) {
    peer.orphan.reset();
    peer.guard.reset();
  }
  if (gatekeeper_) begin_anew();
  incarnation_ = 0;
}

void GlobalMemory::take_link_packet(std::string_view bytes, std::vector<UniqueFd> files) {
  cell::GlobalMessage message{};
  if (bytes.size() < sizeof message) return;
  std::memcpy(&message, bytes.data(), sizeof message);
  if (message == cell::GlobalMessage::kGuard) return take_guard(bytes, std::move(files));
  if (message == cell::GlobalMessage::kClosedHomes) return take_closed(bytes);
  if (message == cell::GlobalMessage::kMemoryFailures) return take_failures(bytes);
  if (message != cell::GlobalMessage::kRequest || bytes.size() != sizeof(cell::GuestRequest)) {
    return;
  }
  cell::GuestRequest request;
  std::memcpy(&request, bytes.data(), sizeof request);
  take_request(request.request);
}

void GlobalMemory::take_guard(std::string_view bytes, std::vector<UniqueFd> files) {
  cell::GuardOffer guard;
  if (bytes.size() != sizeof guard || !are_guard_files(files)) return;
  std::memcpy(&guard, bytes.data(), sizeof guard);
  // One for each home, once: what the VMM offers later, it may have been told to by its guest.
  if (guard.home >= peers_.size() || guard.home == own_ || peers_[guard.home].guard ||
      guard.size != sizes_[guard.home] || guard.size == 0) {
    log_.warn("the VMM offered a guard that does not fit, for home {}", guard.home);
    return;
  }
  peers_[guard.home].guard = Guard{std::move(files[0]), std::move(files[1]), guard.base};
  offer(guard.home);
}

void GlobalMemory::offer(unsigned home) {
  if (peer_state(home) != Siblings::State::kJoined) return adopt(home);
  send_guard(home);
  if (peers_[home].cut_off) adopt(home);
}

void GlobalMemory::send_guard(unsigned home) {
  const Guard& guard = *peers_[home].guard;
  peers_[home].guard_life = peers_[home].life;
  const std::array<int, 2> files{guard.descriptor.get(), guard.denials.get()};
  const mesh::Admit admit{mesh::Kind::kAdmit, incarnation_, guard.base, sizes_[home]};
  // Where it is not taken, the peer is lost, and adopt() follows.
  (void)siblings_.send(static_cast<CellId>(home), admit, files);
}

memory::WriteGuard GlobalMemory::shut(unsigned home) {
  const Guard& guard = *peers_[home].guard;
  memory::WriteGuard copy(copy_fd(guard.descriptor.get()), guard.base, sizes_[home]);
  (void)copy.protect({0, sizes_[home]});
  return copy;
}

bool GlobalMemory::try_shut(std::size_t home) {
  try {
    (void)shut(static_cast<unsigned>(home));
    return true;
  } catch (const std::exception& error) {
    log_.error("the pages of {} cannot be protected: {}", names_[home], error.what());
    return false;
  }
}

void GlobalMemory::adopt(unsigned home) {
  Peer& peer = peers_[home];
  if (!peer.guard || peer.orphan) return;
  log_.warn("{} is {}: all writes to its pages are denied", names_[home],
            peer.cut_off ? "out" : "gone");
  try {
    memory::WriteGuard guard = shut(home);
    // A write of which the home's monitor had read, and no more, asks again.
    (void)guard.wake({0, sizes_[home]});
    peer.orphan = std::make_unique<Orphan>(loop_, home, sizes_[home]);
    peer.orphan->faults.admit(static_cast<CellId>(own_), std::move(guard),
                              copy_fd(peer.guard->denials.get()));
  } catch (const std::exception& error) {
    log_.error("writes to the pages of {} wait, since nobody can deny them: {}", names_[home],
               error.what());
  }
}

void GlobalMemory::on_lost(CellId cell) {
  const auto index = static_cast<unsigned>(cell);
  drop(cell);
  if (faults_) faults_->dismiss(cell);
  adopt(index);
  give_up_request(index, "the monitor of cell " + names_[index] + " is gone");
}

void GlobalMemory::on_cut_off(CellId cell) {
  const auto index = static_cast<unsigned>(cell);
  peers_[index].cut_off = true;
  // Its VMM may still run: the guard of its mapping stays, and stops what it writes.
  drop(cell);
  adopt(index);
  give_up_request(index, "cell " + names_[index] + " has failed");
}

void GlobalMemory::on_admitted(CellId cell) {
  Peer& peer = peers_[static_cast<std::size_t>(cell)];
  peer.cut_off = false;
  // A home that has its guard decides again.
  const bool is_there = siblings_.state(cell) == Siblings::State::kJoined;
  if (is_there && peer.guard_life == peer.life) peer.orphan.reset();
}

/// Its VMM has ended; its monitor decides, or will.
void GlobalMemory::take_leave(CellId cell) {
  Peer& peer = peers_[static_cast<std::size_t>(cell)];
  peer.told = 0;
  drop(cell);
  if (faults_) faults_->dismiss(cell);
}

void GlobalMemory::on_packet(CellId cell, const mesh::Packet& packet,
                             std::vector<UniqueFd>& files) {
  if (const auto* guard = std::get_if<mesh::Admit>(&packet)) {
    admit(cell, *guard, std::move(files));
  } else if (const auto* up = std::get_if<mesh::Up>(&packet)) {
    peers_[static_cast<std::size_t>(cell)].going_down = false;
    if (news_) news_->note_up(cell, up->incarnation);
  } else if (const auto* leave = std::get_if<mesh::Leave>(&packet)) {
    take_leave(cell);
    if (news_) news_->note_end(cell, leave->incarnation);
  } else if (std::holds_alternative<mesh::Down>(packet)) {
    peers_[static_cast<std::size_t>(cell)].going_down = true;
  } else if (const auto* asked = std::get_if<mesh::Request>(&packet)) {
    serve(cell, *asked);
  } else if (const auto* over = std::get_if<mesh::Undo>(&packet)) {
    undo(cell, over->sequence);
  } else if (const auto* answer = std::get_if<mesh::Reply>(&packet)) {
    take_reply(cell, *answer);
  }
}

void GlobalMemory::admit(CellId cell, const mesh::Admit& admit, std::vector<UniqueFd> files) {
  if (!gatekeeper_ || admit.size != sizes_[own_] || !are_guard_files(files)) {
    log_.warn("the monitor of {} sent a guard that does not fit",
              names_[static_cast<std::size_t>(cell)]);
    return;
  }
  (void)gatekeeper_->drop_cell(cell);  // What it was granted while it had no VMM.
  Peer& peer = peers_[static_cast<std::size_t>(cell)];
  // The VMM before this one did not fail, or has been recovered from.
  if (!peer.cut_off && admit.incarnation > peer.admitted) lost_.erase(cell);
  peer.admitted = std::max(peer.admitted, admit.incarnation);
  try {
    faults_->admit(cell, memory::WriteGuard(std::move(files[0]), admit.base, admit.size),
                   std::move(files[1]));
  } catch (const std::exception& error) {
    log_.error("writes of {} wait, since its guard cannot be served: {}",
               names_[static_cast<std::size_t>(cell)], error.what());
  }
}

void GlobalMemory::tell(const firewall::ViolationRecord& violation) {
  // Its programs could not know yet: the denial is how they learn of it.
  if (violation.is_late) return;
  const auto cell = static_cast<std::size_t>(violation.cell);
  if (peers_[cell].told >= kMaxTold) return;
  ++peers_[cell].told;
  std::string where = fmt::format("page {}", violation.page);
  if (const auto section = gatekeeper_->sections().at(violation.page)) {
    where += fmt::format(" (page {} of section {})", violation.page - section->range.first,
                         section->name);
  }
  const std::string who = violation.vcpu < 0
                              ? "a device"
                              : fmt::format("vCPU {} at rip {:#x}", violation.vcpu, violation.rip);
  on_violation_(violation.cell, fmt::format("{} of cell {} wrote to {}, which it may not: stopped",
                                            who, names_[cell], where));
}

}  // namespace hive::control
