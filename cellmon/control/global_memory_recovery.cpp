// What recovery does to this home's pages, and to the guest's view of the others'.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "cellmon/control/global_memory.h"
#include "guests/abi/system_area.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/cell/global_protocol.h"

namespace hive::control {

std::vector<GlobalFileNumbers> GlobalMemory::heritage() const {
  std::vector<GlobalFileNumbers> all;
  for (std::size_t cell = 0; cell < peers_.size(); ++cell) {
    const Peer& peer = peers_[cell];
    if (peer.doorbells.empty()) continue;
    GlobalFileNumbers numbers{static_cast<CellId>(cell), {}};
    if (peer.file) numbers.files.push_back(peer.file.get());
    for (const UniqueFd& doorbell : peer.doorbells) numbers.files.push_back(doorbell.get());
    all.push_back(std::move(numbers));
  }
  return all;
}

void GlobalMemory::take_over(Heritage heritage) {
  for (auto& [cell, files] : heritage) {
    Peer& peer = peers_[static_cast<std::size_t>(cell)];
    peer.file = std::move(files.contribution);
    peer.doorbells = std::move(files.doorbells);
  }
  // The incarnation that has left its content is over.
  const firewall::PageRange all{0, sizes_[own_] / kPageSize};
  if (peers_[own_].file && !drop_content({all})) {
    throw Error("the host cannot discard what the cell's last incarnation has left");
  }
}

void GlobalMemory::begin_anew() {
  gatekeeper_->clear();
  gatekeeper_->create_system_section();
  if (on_sections_ended_) on_sections_ended_();
}

bool GlobalMemory::is_untouched() const {
  const std::vector<firewall::Section> sections = gatekeeper_->sections().list();
  return gatekeeper_->ledger().holders().empty() &&
         std::all_of(sections.begin(), sections.end(), [](const firewall::Section& section) {
           return firewall::is_reserved_name(section.name);
         });
}

void GlobalMemory::drop(CellId cell) {
  if (!gatekeeper_) return;
  note_lost(cell, gatekeeper_->drop_cell(cell));
  if (on_dropped_) on_dropped_(cell);
}

std::uint64_t GlobalMemory::condemn(agree::CellSet failed) {
  if (!gatekeeper_) return 0;
  failed.for_each([&](CellId cell) {
    if (static_cast<unsigned>(cell) == own_) {
      const firewall::PageRanges all{gatekeeper_->ledger().all()};
      return doomed_->note({all, all});
    }
    drop(cell);
    const auto lost = lost_.extract(cell);
    if (lost.empty()) return;
    const firewall::PageRanges pages = lost.mapped().pages();
    doomed_->note({pages, pages});
  });
  return doomed_->count();
}

std::uint64_t GlobalMemory::wanted_closed() const {
  std::uint64_t homes = 0;
  for (std::size_t cell = 0; cell < peers_.size(); ++cell) {
    if (peers_[cell].cut_off && sizes_[cell] > 0 && cell != own_) homes |= std::uint64_t{1} << cell;
  }
  return homes;
}

bool GlobalMemory::close_homes() {
  if (!link_) return true;
  const std::uint64_t wanted = wanted_closed();
  if (asked_.value_or(closed_) != wanted) {
    cell::ClosedHomes order;
    order.homes = wanted;
    if (link_->send(wire::as_packet(order))) asked_ = wanted;
  }
  return !asked_ && closed_ == wanted;
}

void GlobalMemory::take_closed(std::string_view bytes) {
  cell::ClosedHomes done;
  if (bytes.size() != sizeof done) return;
  std::memcpy(&done, bytes.data(), sizeof done);
  if (!asked_ || done.homes != *asked_) return;  // Of an order before the last.
  asked_.reset();
  note_closed(done.homes);
  if (on_closed_) on_closed_();
}

void GlobalMemory::take_failures(std::string_view bytes) {
  cell::MemoryFailures failures;
  if (bytes.size() != sizeof failures) return;
  std::memcpy(&failures, bytes.data(), sizeof failures);
  failures_ = failures.count;
}

void GlobalMemory::note_closed(std::uint64_t homes) {
  for (std::size_t cell = 0; cell < peers_.size(); ++cell) {
    const std::uint64_t bit = std::uint64_t{1} << cell;
    if ((homes & ~closed_ & bit) != 0) ++peers_[cell].closings;
  }
  closed_ = homes;
}

bool GlobalMemory::discard() { return !doomed_ || drop_content(doomed_->pages()); }

void GlobalMemory::forget_noted(const firewall::PageRange& pages) {
  const auto forget = [&](recover::DoomedPages& noted) {
    for (const firewall::PageRange& range : noted.pages()) {
      const std::uint64_t first = std::max(range.first, pages.first);
      const std::uint64_t end = std::min(range.end(), pages.end());
      if (first < end) (void)drop_content(firewall::PageRange{first, end - first});
    }
    noted.forget(pages);
  };
  forget(*doomed_);
  for (auto& [cell, lost] : lost_) forget(lost);
}

void GlobalMemory::note_view(const agree::View& view) {
  if (news_) news_->note_view(view);
}

void GlobalMemory::abandon_locks(agree::CellSet cells) {
  if (!news_) return;
  cells.for_each([this](CellId cell) { news_->note_out(cell); });
}

void GlobalMemory::renew(agree::CellSet failed, std::uint64_t epoch) {
  if (!doomed_) return;
  const firewall::PageRanges pages = doomed_->pages();
  gatekeeper_->discard(pages);
  for (const firewall::PageRange& range : pages) discarded_ += range.count;
  doomed_->discarded(pages);
  if (!news_ || failed.empty()) return;
  for (const firewall::PageRange& range : pages) news_->add(range, failed, epoch);
  // Who waits for these, or for a lock, looks as soon as the guest goes on.
  const std::uint64_t ring = 1;
  (void)!::write(peers_[own_].doorbells[HIVE_WAKE_VECTOR].get(), &ring, sizeof ring);
}

void GlobalMemory::discard_all() {
  if (!gatekeeper_) return;
  doomed_->forget(gatekeeper_->ledger().all());
  lost_.clear();
  (void)drop_content({gatekeeper_->ledger().all()});
}

bool GlobalMemory::lose_all() { return drop_content({gatekeeper_->ledger().all()}); }

bool GlobalMemory::drop_content(const firewall::PageRanges& ranges) {
  return std::all_of(ranges.begin(), ranges.end(),
                     [this](const firewall::PageRange& range) { return drop_content(range); });
}

bool GlobalMemory::drop_content(const firewall::PageRange& range) {
  const int file = peers_[own_].file.get();
  const auto first = static_cast<off_t>(range.first * kPageSize);
  const auto size = static_cast<off_t>(range.count * kPageSize);
  if (::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first, size) == 0) return true;
  const int error = errno;
  if (zero_content(range)) return true;
  log_.error("{} pages from page {} cannot be discarded: {}", range.count, range.first,
             std::strerror(error));
  return false;
}

bool GlobalMemory::zero_content(const firewall::PageRange& range) const {
  static constexpr std::array<char, kPageSize> kZeros{};
  for (firewall::PageIndex page = range.first; page < range.end(); ++page) {
    const auto at = static_cast<off_t>(page * kPageSize);
    if (::pwrite(peers_[own_].file.get(), kZeros.data(), kZeros.size(), at) !=
        static_cast<ssize_t>(kPageSize)) {
      return false;
    }
  }
  return true;
}

}  // namespace hive::control
