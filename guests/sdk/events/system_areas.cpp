#include "guests/sdk/events/system_areas.h"

#include <cstddef>
#include <cstring>

#include "guests/sdk/guard.h"
#include "vmm/base/units.h"

namespace hive::sdk {
namespace {

constexpr std::uint32_t kGone = 0xffffffff;

/// The 4 bytes at ADDRESS, or GONE.
std::uint32_t load_carefully(const unsigned char* address) {
  std::uint32_t value = 0;
  return guarded_load_word(address, value) ? value : kGone;
}

}  // namespace

SystemAreas::SystemAreas(const Device& device)
    : cells_(device.facts.cells), cell_(device.facts.cell), incarnation_(device.facts.incarnation) {
  unsigned char* window = device.window.address();
  if (window == nullptr) return;
  for (std::uint32_t cell = 0; cell < cells_; ++cell) {
    const hive_global_part& part = device.facts.parts[cell];
    if (part.size < HIVE_SYSTEM_LEAST) continue;
    areas_[cell] = window + part.offset + part.size - sizeof(hive_system_area);
  }
  if (areas_[cell_] == nullptr) return;
  own_offset_ = device.facts.parts[cell_].size - sizeof(hive_system_area);
  if (device.read_only) return;
  own_ = reinterpret_cast<hive_system_area*>(areas_[device.facts.cell]);
}

void SystemAreas::renew() {
  hive_system_header& header = own_->header;
  const bool current = __atomic_load_n(&header.magic, __ATOMIC_ACQUIRE) == HIVE_SYSTEM_MAGIC &&
                       header.incarnation == incarnation_;
  if (current) return;
  std::memset(own_, 0, offsetof(hive_system_area, news));
  header.version = HIVE_SYSTEM_VERSION;
  header.incarnation = incarnation_;
  __atomic_store_n(&header.magic, HIVE_SYSTEM_MAGIC, __ATOMIC_RELEASE);
}

void SystemAreas::add_waiter(const WaitKey& key) {
  __atomic_fetch_add(&own_->slots[hive_wait_slot_of(key.home, key.offset)].waiters, 1,
                     __ATOMIC_SEQ_CST);
}

void SystemAreas::remove_waiter(const WaitKey& key) {
  __atomic_fetch_sub(&own_->slots[hive_wait_slot_of(key.home, key.offset)].waiters, 1,
                     __ATOMIC_SEQ_CST);
}

bool SystemAreas::has_waiters(std::uint32_t cell, const WaitKey& key) const {
  if (cell >= cells_ || areas_[cell] == nullptr) return false;
  const std::size_t slot = hive_wait_slot_of(key.home, key.offset);
  const std::uint32_t waiters = load_carefully(areas_[cell] + offsetof(hive_system_area, slots) +
                                               slot * sizeof(hive_wait_slot));
  return waiters != 0 && waiters != kGone;
}

std::uint32_t SystemAreas::incarnation(std::uint32_t cell) const {
  if (cell >= cells_ || areas_[cell] == nullptr) return 0;
  const unsigned char* header = areas_[cell];
  if (load_carefully(header + offsetof(hive_system_header, magic)) != HIVE_SYSTEM_MAGIC) return 0;
  const std::uint32_t told = load_carefully(header + offsetof(hive_system_header, incarnation));
  return told == kGone ? 0 : told;
}

std::optional<std::uint64_t> SystemAreas::sips_section(std::uint32_t cell,
                                                       std::uint32_t port) const {
  if (cell >= cells_ || areas_[cell] == nullptr || port >= HIVE_SIPS_PORTS) return std::nullopt;
  const std::uint32_t entry =
      load_carefully(areas_[cell] + offsetof(hive_system_header, sips_ports) + port * 4U);
  if (entry == 0 || entry == kGone) return std::nullopt;
  return std::uint64_t{entry - 1} * kPageSize;
}

void SystemAreas::set_sips_section(std::uint32_t port, std::uint64_t first) {
  __atomic_store_n(&own_->header.sips_ports[port], static_cast<std::uint32_t>(first + 1),
                   __ATOMIC_RELEASE);
}

void SystemAreas::clear_sips_section(std::uint32_t port) {
  __atomic_store_n(&own_->header.sips_ports[port], 0, __ATOMIC_RELEASE);
}

RecoveryNews SystemAreas::news() const {
  const auto* area = reinterpret_cast<const hive_system_area*>(areas_[cell_]);
  return {area == nullptr ? nullptr : &area->news, incarnation_};
}

WaitKey SystemAreas::news_key() const {
  return {cell_,
          own_offset_ + offsetof(hive_system_area, news) + offsetof(hive_recovery_news, discards)};
}

}  // namespace hive::sdk
