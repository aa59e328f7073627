#include "cellmon/member/state_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "vmm/base/error.h"
#include "vmm/memory/shared_file.h"

namespace hive::member {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

void* map_page(int file, int protection) {
  void* const page = ::mmap(nullptr, HIVE_STATE_BYTES, protection, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) throw_errno("cannot map a cell's state page");
  return page;
}

}  // namespace

OwnPage::OwnPage(CellId cell)
    : file_(::memfd_create("hive-state", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
  if (!file_ || ::ftruncate(file_.get(), HIVE_STATE_BYTES) != 0) {
    throw_errno("cannot make a cell's state page");
  }
  page_ = static_cast<hive_state_page*>(map_page(file_.get(), PROT_READ | PROT_WRITE));
  page_->magic = HIVE_STATE_MAGIC;
  page_->version = HIVE_STATE_VERSION;
  page_->cell = static_cast<std::uint32_t>(cell);
  if (::fcntl(file_.get(), F_ADD_SEALS, kSeals) != 0) {
    const int error = errno;
    ::munmap(page_, HIVE_STATE_BYTES);
    throw_errno("cannot seal a cell's state page", error);
  }
}

OwnPage::~OwnPage() { ::munmap(page_, HIVE_STATE_BYTES); }

void OwnPage::set_guest(const GuestFigures& figures, std::uint64_t now) {
  state_page::write_group(
      page_->guest_turn, page_->guest,
      hive_state_guest{now, figures.beat, figures.exits, figures.ran, figures.waited});
}

void OwnPage::set_memory(const MemoryFigures& figures, std::uint64_t now) {
  state_page::write_group(page_->memory_turn, page_->memory, hive_state_memory{now, figures});
}

void OwnPage::set_shares(Shares shares, std::uint64_t now) {
  shares.time_ns = now;
  state_page::write_group(page_->shares_turn, page_->shares, shares);
}

void OwnPage::set_sections(Sections sections, std::uint64_t now) {
  sections.time_ns = now;
  state_page::write_group(page_->sections_turn, page_->sections, sections);
}

void OwnPage::set_uses(Uses uses, std::uint64_t now) {
  uses.time_ns = now;
  state_page::write_group(page_->uses_turn, page_->uses, uses);
}

bool PeerPage::is_page(int file) { return memory::is_shared_file(file, HIVE_STATE_BYTES); }

PeerPage::PeerPage(int file, CellId cell)
    : page_(static_cast<const hive_state_page*>(map_page(file, PROT_READ))), cell_(cell) {}

PeerPage::~PeerPage() { ::munmap(const_cast<hive_state_page*>(page_), HIVE_STATE_BYTES); }

std::optional<PeerPage::Sample> PeerPage::read() const {
  Sample sample;
  if (!read_state_page(*page_, static_cast<std::uint32_t>(cell_), sample)) return std::nullopt;
  return sample;
}

}  // namespace hive::member
