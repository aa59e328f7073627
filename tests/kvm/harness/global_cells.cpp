#include "tests/kvm/harness/global_cells.h"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <utility>

#include "vmm/base/units.h"
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
  gatekeeper_.admit(
      cell, memory::WriteGuard(std::move(link.guard.descriptor), link.guard.base, link.guard.size),
      std::move(link.denials));
}

void Home::grant(CellId cell, const firewall::PageRange& range) {
  const std::scoped_lock lock(mutex_);
  if (!gatekeeper_.grant(cell, {&range, 1}).ok()) throw std::runtime_error("grant refused");
}

void Home::revoke(CellId cell, const firewall::PageRange& range) {
  const std::scoped_lock lock(mutex_);
  if (!gatekeeper_.revoke(cell, {&range, 1}).ok()) throw std::runtime_error("revoke refused");
}

firewall::PageRanges Home::written_by(CellId cell) {
  const std::scoped_lock lock(mutex_);
  return gatekeeper_.ledger().written_by(cell);
}

std::vector<ViolationRecord> Home::await_violations(std::size_t count) {
  for (int turn = 0; turn < 10'000 && violations().size() < count; ++turn) {
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
                         const std::vector<cell::DiskConfig>& disks) {
  const auto count = static_cast<unsigned>(scripts.size());
  for (unsigned index = 0; index < count; ++index) {
    homes_.push_back(std::make_unique<Home>(static_cast<CellId>(index), contribution));
  }
  for (unsigned index = 0; index < count; ++index) {
    cell::GlobalConfig global;
    global.own = index;
    global.on_violation = on_violation;
    for (const auto& home : homes_) {
      global.contributions.push_back({home->file().release(), contribution, {}});
    }
    cells_.push_back(std::make_unique<MicroCell>(
        scripts[index], index == 1 ? disks : std::vector<cell::DiskConfig>{}, MicroCell::kMemory,
        std::move(global)));
    for (cell::Cell::HomeLink& link : cells_.back()->cell().take_home_links()) {
      const unsigned home = link.guard.home;
      homes_[home]->admit(static_cast<CellId>(index), std::move(link));
    }
  }
}

void GlobalCells::start() {
  for (const auto& each : cells_) each->cell().start();
}

std::uint64_t GlobalCells::address(unsigned home, std::uint64_t offset,
                                   std::uint64_t contribution) {
  return memory::layout::global_memory_start(MicroCell::kMemory) +
         home * align_up(contribution, kHugePageSize) + offset;
}

}  // namespace hive::test
