#include "cellmon/member/state_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <limits>
#include <new>

#include "vmm/base/error.h"
#include "vmm/memory/shared_file.h"

namespace hive::member {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

void* map_page(int file, int protection) {
  void* const page = ::mmap(nullptr, StatePage::kBytes, protection, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) throw_errno("cannot map a cell's state page");
  return page;
}

}  // namespace

OwnPage::OwnPage(CellId cell)
    : file_(::memfd_create("hive-state", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
  if (!file_ || ::ftruncate(file_.get(), StatePage::kBytes) != 0) {
    throw_errno("cannot make a cell's state page");
  }
  page_ = new (map_page(file_.get(), PROT_READ | PROT_WRITE)) StatePage{};
  page_->magic = StatePage::kMagic;
  page_->version = StatePage::kVersion;
  page_->cell = static_cast<std::uint32_t>(cell);
  if (::fcntl(file_.get(), F_ADD_SEALS, kSeals) != 0) {
    const int error = errno;
    ::munmap(page_, StatePage::kBytes);
    throw_errno("cannot seal a cell's state page", error);
  }
}

OwnPage::~OwnPage() { ::munmap(page_, StatePage::kBytes); }

void OwnPage::set_guest(const GuestFigures& figures) {
  page_->guest_beat.store(figures.beat);
  page_->guest_exits.store(figures.exits);
  page_->guest_ran.store(figures.ran);
  page_->guest_waited.store(figures.waited);
}

void OwnPage::set_memory(const MemoryFigures& figures) {
  // A sequence lock: the figures of one moment go together. Who reads one of them sees the odd
  // turn.
  const auto words = std::bit_cast<MemoryWords>(figures);
  const std::uint64_t turn = page_->memory_turn.load(std::memory_order_relaxed);
  page_->memory_turn.store(turn + 1, std::memory_order_relaxed);
  for (std::size_t index = 0; index < words.size(); ++index) {
    page_->memory.at(index).store(words.at(index), std::memory_order_release);
  }
  page_->memory_turn.store(turn + 2, std::memory_order_release);
}

bool PeerPage::is_page(int file) { return memory::is_shared_file(file, StatePage::kBytes); }

PeerPage::PeerPage(int file, CellId cell)
    : page_(static_cast<const StatePage*>(map_page(file, PROT_READ))), cell_(cell) {}

PeerPage::~PeerPage() { ::munmap(const_cast<StatePage*>(page_), StatePage::kBytes); }

std::optional<PeerPage::Sample> PeerPage::read() const {
  const volatile StatePage& head = *page_;
  if (head.magic != StatePage::kMagic || head.version != StatePage::kVersion ||
      head.cell != static_cast<std::uint32_t>(cell_)) {
    return std::nullopt;
  }
  Sample sample;
  sample.heartbeat = page_->heartbeat.load(std::memory_order_acquire);
  const std::uint64_t incarnation = page_->incarnation.load();
  if (incarnation > std::numeric_limits<Incarnation>::max()) return std::nullopt;
  sample.incarnation = static_cast<Incarnation>(incarnation);
  sample.epoch = page_->epoch.load();
  sample.guest = {page_->guest_beat.load(), page_->guest_exits.load(), page_->guest_ran.load(),
                  page_->guest_waited.load()};
  sample.memory = read_memory();
  return sample;
}

std::optional<MemoryFigures> PeerPage::read_memory() const {
  // The writer takes far less than a microsecond, unless it is stopped or ends in the middle.
  constexpr unsigned kTries = 100;
  for (unsigned tries = 0; tries < kTries; ++tries) {
    const std::uint64_t turn = page_->memory_turn.load(std::memory_order_acquire);
    if (turn % 2 != 0) continue;
    MemoryWords words;
    for (std::size_t index = 0; index < words.size(); ++index) {
      words.at(index) = page_->memory.at(index).load(std::memory_order_acquire);
    }
    if (page_->memory_turn.load(std::memory_order_relaxed) == turn) {
      return std::bit_cast<MemoryFigures>(words);
    }
  }
  return std::nullopt;
}

}  // namespace hive::member
