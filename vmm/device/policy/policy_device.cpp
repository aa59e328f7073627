#include "vmm/device/policy/policy_device.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace hive::device {
namespace {

enum Bar : unsigned { kRegisters = 0, kView = 2 };

constexpr PciIdentity kWaxIdentity{.vendor = HIVE_WAX_VENDOR,
                                   .device = HIVE_WAX_DEVICE,
                                   .subsystem_vendor = 0x1af4,
                                   .subsystem = 0x1100,
                                   .class_code = 0x088000,  // System peripheral, other.
                                   .revision = HIVE_WAX_VERSION};

}  // namespace

PolicyDevice::PolicyDevice(Setup setup, std::span<const std::byte> view, MemoryAlias& alias)
    : config_(kWaxIdentity),
      registers_(setup.facts, std::move(setup.clock), std::move(setup.on_hint),
                 std::move(setup.on_beat)),
      view_(view),
      alias_(alias) {
  config_.add_bar(kRegisters, sizeof(hive_wax_registers), BarWidth::k32);
  config_.add_bar(kView, view_.size(), BarWidth::k32);
  config_.enable_memory();
}

PolicyDevice::~PolicyDevice() { alias_.unmap(); }

std::uint64_t PolicyDevice::bar_size(unsigned index) const { return config_.bar_size(index); }

void PolicyDevice::assign_bar(unsigned index, std::uint64_t address) {
  const std::lock_guard lock(config_mutex_);
  config_.assign_bar(index, address);
}

std::optional<std::uint64_t> PolicyDevice::bar_address(unsigned index) {
  const std::lock_guard lock(config_mutex_);
  return config_.bar_address(index);
}

void PolicyDevice::read_config(std::uint64_t offset, std::span<std::byte> data) {
  const std::lock_guard lock(config_mutex_);
  config_.read(offset, data);
}

void PolicyDevice::write_config(std::uint64_t offset, std::span<const std::byte> data) {
  const std::lock_guard lock(config_mutex_);
  config_.write(offset, data);
}

void PolicyDevice::read_bar(unsigned index, std::uint64_t offset, std::span<std::byte> data) {
  if (index == kRegisters) {
    const std::lock_guard lock(registers_mutex_);
    return registers_.read(offset, data);
  }
  if (index != kView) {
    std::fill(data.begin(), data.end(), std::byte{0xff});
    return;
  }
  // Only where the machine could not show it as memory.
  std::memcpy(data.data(), view_.data() + offset, data.size());
}

void PolicyDevice::write_bar(unsigned index, std::uint64_t offset,
                             std::span<const std::byte> data) {
  if (index != kRegisters) return;  // Nobody writes the view.
  const std::lock_guard lock(registers_mutex_);
  registers_.write(offset, data);
}

void PolicyDevice::bar_moved(unsigned index, std::optional<memory::GuestAddress> address) {
  if (index != kView) return;
  if (address) {
    alias_.map(*address);
  } else {
    alias_.unmap();
  }
}

}  // namespace hive::device
