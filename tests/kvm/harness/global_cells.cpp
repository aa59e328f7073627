#include "tests/kvm/harness/global_cells.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "guests/abi/global_memory.h"
#include "vmm/base/units.h"
#include "vmm/cell/global_protocol.h"
#include "vmm/memory/layout.h"

namespace hive::test {

using firewall::Gatekeeper;
using firewall::ViolationRecord;

Home::Home(CellId cell, std::uint64_t size)
    : file_(::memfd_create("contribution", MFD_CLOEXEC)),
      size_(size),
      gatekeeper_(firewall::Contribution(cell, size / kPageSize),
                  [this](const ViolationRecord& violation) { violations_.push_back(violation); }) {
  if (!file_ || ::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) {
    throw std::runtime_error("cannot make a contribution");
  }
  void* mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
  if (mapped == MAP_FAILED) throw std::runtime_error("cannot map a contribution");
  content_ = static_cast<std::byte*>(mapped);
  for (unsigned i = 0; i < HIVE_GLOBAL_VECTORS; ++i) {
    doorbells_.emplace_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  }
  thread_ = std::thread([this] { serve(); });
}

Home::~Home() {
  ended_ = true;
  thread_.join();
  ::munmap(content_, size_);
}

UniqueFd Home::file() const { return UniqueFd(::dup(file_.get())); }

void Home::admit(CellId cell, cell::Cell::HomeLink link) {
  const std::scoped_lock lock(mutex_);
  guards_[cell] = {UniqueFd(::fcntl(link.guard.descriptor.get(), F_DUPFD_CLOEXEC, 0)),
                   link.guard.base};
  gatekeeper_.admit(
      cell, memory::WriteGuard(std::move(link.guard.descriptor), link.guard.base, link.guard.size),
      std::move(link.denials));
}

void Home::grant(CellId cell, const firewall::PageRange& range) { grant(cell, {&range, 1}); }

void Home::revoke(CellId cell, const firewall::PageRange& range) { revoke(cell, {&range, 1}); }

void Home::grant(CellId cell, std::span<const firewall::PageRange> pattern) {
  const std::scoped_lock lock(mutex_);
  if (!gatekeeper_.grant(cell, pattern).ok()) throw std::runtime_error("grant refused");
}

void Home::revoke(CellId cell, std::span<const firewall::PageRange> pattern) {
  const std::scoped_lock lock(mutex_);
  if (!gatekeeper_.revoke(cell, pattern).ok()) throw std::runtime_error("revoke refused");
}

firewall::Section Home::create_section(std::string_view name, std::uint64_t pages) {
  const std::scoped_lock lock(mutex_);
  const auto section = gatekeeper_.create_section(name, pages);
  if (!section.ok()) throw std::runtime_error("section refused");
  return section.value();
}

firewall::PageRanges Home::writable_by(CellId cell) {
  const std::scoped_lock lock(mutex_);
  return gatekeeper_.ledger().writable_by(cell);
}

firewall::PageRanges Home::written_by(CellId cell) {
  const std::scoped_lock lock(mutex_);
  return gatekeeper_.ledger().written_by(cell);
}

std::vector<ViolationRecord> Home::await_violations(std::size_t count) {
  for (int turn = 0; turn < 30'000 && violations().size() < count; ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return violations();
}

std::vector<ViolationRecord> Home::violations() {
  const std::scoped_lock lock(mutex_);
  return violations_;
}

void Home::serve() {
  while (!ended_) {
    std::vector<Gatekeeper::Descriptors> descriptors;
    std::vector<pollfd> waiting;
    {
      const std::scoped_lock lock(mutex_);
      descriptors = gatekeeper_.descriptors();
    }
    for (const auto& each : descriptors) {
      waiting.push_back({each.faults, POLLIN, 0});
      waiting.push_back({each.answers, POLLIN, 0});
    }
    if (::poll(waiting.data(), waiting.size(), 1) <= 0) continue;
    if (hung_) {
      ::usleep(1000);
      continue;
    }
    const std::scoped_lock lock(mutex_);
    for (const auto& each : descriptors) gatekeeper_.serve(each.cell);
  }
}

GlobalCells::GlobalCells(const std::vector<std::vector<std::vector<micro::Action>>>& scripts,
                         std::uint64_t contribution, cell::OnViolation on_violation,
                         const std::vector<cell::DiskConfig>& disks, bool linked)
    : links_(linked ? scripts.size() : 0) {
  const auto count = static_cast<unsigned>(scripts.size());
  for (unsigned index = 0; index < count; ++index) {
    homes_.push_back(std::make_unique<Home>(static_cast<CellId>(index), contribution));
  }
  for (unsigned index = 0; index < count; ++index) {
    cell::GlobalConfig global = config(index, contribution);
    global.on_violation = on_violation;
    cells_.push_back(std::make_unique<MicroCell>(
        scripts[index], index == 1 ? disks : std::vector<cell::DiskConfig>{}, MicroCell::kMemory,
        std::move(global)));
    if (linked) continue;
    for (cell::Cell::HomeLink& link : cells_.back()->cell().take_home_links()) {
      const unsigned home = link.guard.home;
      homes_[home]->admit(static_cast<CellId>(index), std::move(link));
    }
  }
}

cell::GlobalConfig GlobalCells::config(unsigned index, std::uint64_t contribution) {
  cell::GlobalConfig global;
  global.own = index;
  for (const auto& home : homes_) {
    cell::Contribution& part = global.contributions.emplace_back();
    part.file = home->file().release();
    part.size = contribution;
    for (unsigned i = 0; i < HIVE_GLOBAL_VECTORS; ++i) {
      part.doorbells.push_back(::dup(home->doorbell(i)));
    }
  }
  if (links_.empty()) return global;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw std::runtime_error("socketpair");
  }
  links_[index].reset(ends[0]);
  global.link = ends[1];
  return global;
}

void GlobalCells::start() {
  for (unsigned index = 0; index < cells_.size(); ++index) {
    cells_[index]->cell().start();
    if (!links_.empty()) take_offers(index);
  }
}

void GlobalCells::take_offers(unsigned index) {
  for (std::size_t count = 1; count < homes_.size(); ++count) {
    cell::GuardOffer offer;
    std::array<int, 2> descriptors{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptors)> control{};
    iovec body{&offer, sizeof offer};
    msghdr message{};
    message.msg_iov = &body;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(link(index), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    const cmsghdr* rights = CMSG_FIRSTHDR(&message);
    if (size != sizeof offer || offer.message != cell::GlobalMessage::kGuard || rights == nullptr ||
        rights->cmsg_len != CMSG_LEN(sizeof descriptors)) {
      throw std::runtime_error("a cell does not offer its guards");
    }
    std::memcpy(descriptors.data(), CMSG_DATA(rights), sizeof descriptors);
    cell::Cell::HomeLink link;
    link.guard = {offer.home, UniqueFd(descriptors[0]), offer.base, offer.size};
    link.denials.reset(descriptors[1]);
    homes_.at(offer.home)->admit(static_cast<CellId>(index), std::move(link));
  }
}

std::uint64_t GlobalCells::address(unsigned home, std::uint64_t offset,
                                   std::uint64_t contribution) {
  return memory::layout::global_memory_start(MicroCell::kMemory) +
         home * align_up(contribution, kHugePageSize) + offset;
}

}  // namespace hive::test
