#include "vmm/device/global/global_memory_device.h"

#include <linux/pci_regs.h>

#include <algorithm>
#include <utility>

#include "vmm/base/error.h"
#include "vmm/memory/layout.h"

namespace hive::device {
namespace {

enum Bar : unsigned { kRegisters = 0, kMsix = 1, kMemory = 2 };
constexpr std::uint64_t kRegistersSize = sizeof(hive_global_registers);
constexpr std::uint32_t kMsixSize = 4096;
constexpr std::uint32_t kPendingBits = 2048;  // Within BAR1.

// As QEMU's device has them.
constexpr PciIdentity kIdentity{.vendor = HIVE_GLOBAL_VENDOR,
                                .device = HIVE_GLOBAL_DEVICE,
                                .subsystem_vendor = 0x1af4,
                                .subsystem = 0x1100,
                                .class_code = 0x050000,  // Memory controller, RAM.
                                .revision = HIVE_GLOBAL_REVISION};

}  // namespace

GlobalMemoryDevice::GlobalMemoryDevice(Setup setup, MsiController& interrupts, LevelLine& pin,
                                       DoorbellController& doorbells, MemoryAlias& alias)
    : config_(kIdentity),
      doorbells_(std::move(setup.doorbells), doorbells),
      registers_(setup.facts, std::move(setup.on_request),
                 [this](std::uint32_t value) { rung_ = value; }),
      msix_(interrupts, HIVE_GLOBAL_VECTORS),
      pin_(pin),
      alias_(alias) {
  config_.add_bar(kRegisters, kRegistersSize, BarWidth::k32);
  config_.add_bar(kMsix, kMsixSize, BarWidth::k32);
  config_.add_bar(kMemory, memory::layout::global_bar_size(setup.facts.window.size),
                  BarWidth::k64Prefetchable);
  add_msix_capability();
  config_.enable_memory();
  config_.add_interrupt_pin(memory::layout::kPciGsi);
  connect_own_doorbells(setup.facts.cell);
}

void GlobalMemoryDevice::connect_own_doorbells(unsigned cell) {
  const std::vector<UniqueFd>& own = doorbells_.events(cell);
  for (unsigned vector = 0; vector < own.size() && vector < msix_.entries(); ++vector) {
    msix_.connect(vector, own[vector].get());
    pin_.connect(own[vector].get());
  }
}

GlobalMemoryDevice::~GlobalMemoryDevice() { alias_.unmap(); }

void GlobalMemoryDevice::add_msix_capability() {
  struct {
    std::uint8_t id, next;
    std::uint16_t control;
    std::uint32_t table, pending;
  } body{0, 0, static_cast<std::uint16_t>(msix_.entries() - 1), kMsix, kPendingBits | kMsix};
  auto writable = decltype(body){};
  writable.control = PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL;
  static_assert(sizeof body == PCI_CAP_MSIX_SIZEOF);
  const auto after_list = [](const auto& capability) {
    return std::as_bytes(std::span(&capability, 1)).subspan(2);
  };
  msix_capability_ =
      config_.add_capability(PCI_CAP_ID_MSIX, after_list(body), after_list(writable));
}

void GlobalMemoryDevice::answer(const hive_global_reply& reply) {
  const std::lock_guard lock(registers_mutex_);
  registers_.answer(reply);
}

std::uint64_t GlobalMemoryDevice::bar_size(unsigned index) const { return config_.bar_size(index); }

bool GlobalMemoryDevice::bar_prefetchable(unsigned index) const { return index == kMemory; }

void GlobalMemoryDevice::assign_bar(unsigned index, std::uint64_t address) {
  const std::lock_guard lock(config_mutex_);
  config_.assign_bar(index, address);
}

std::optional<std::uint64_t> GlobalMemoryDevice::bar_address(unsigned index) {
  const std::lock_guard lock(config_mutex_);
  return config_.bar_address(index);
}

void GlobalMemoryDevice::read_config(std::uint64_t offset, std::span<std::byte> data) {
  const std::lock_guard lock(config_mutex_);
  config_.read(offset, data);
}

void GlobalMemoryDevice::write_config(std::uint64_t offset, std::span<const std::byte> data) {
  {
    const std::lock_guard lock(config_mutex_);
    config_.write(offset, data);
  }
  update_interrupts();
}

void GlobalMemoryDevice::update_interrupts() {
  // Held all the time, so that what was seen last is done last.
  const std::lock_guard order(msix_mutex_);
  std::uint16_t control = 0;
  bool pin = false;
  {
    const std::lock_guard lock(config_mutex_);
    control = config_.get16(msix_capability_ + PCI_MSIX_FLAGS);
    const bool wanted = config_.interrupt_enabled() || pin_always_.load();
    pin = (control & PCI_MSIX_FLAGS_ENABLE) == 0 && wanted;
    config_.set_interrupt_status(pin);
  }
  // An eventfd has one listener at a time.
  if (!pin) follow_pin(false);
  msix_.set_control((control & PCI_MSIX_FLAGS_ENABLE) != 0,
                    (control & PCI_MSIX_FLAGS_MASKALL) != 0);
  if (pin) follow_pin(true);
}

void GlobalMemoryDevice::follow_pin(bool wanted) {
  if (wanted == pin_enabled_) return;
  try {
    pin_.enable(wanted);
    pin_enabled_ = wanted;
  } catch (const Error&) {
    // The machine cannot: doorbells stay pending, until the pin is next enabled.
  }
}

void GlobalMemoryDevice::read_bar(unsigned index, std::uint64_t offset, std::span<std::byte> data) {
  if (index == kRegisters) {
    const std::lock_guard lock(registers_mutex_);
    return registers_.read(offset, data);
  }
  if (index == kMsix) {
    const std::lock_guard lock(msix_mutex_);
    if (offset < kPendingBits) return msix_.read_table(offset, data);
    return msix_.read_pending(offset - kPendingBits, data);
  }
  std::fill(data.begin(), data.end(), std::byte{0xff});
}

void GlobalMemoryDevice::write_bar(unsigned index, std::uint64_t offset,
                                   std::span<const std::byte> data) {
  if (index == kRegisters) write_registers(offset, data);
  if (index != kMsix) return;
  const std::lock_guard lock(msix_mutex_);
  msix_.write_table(offset, data);
}

void GlobalMemoryDevice::write_registers(std::uint64_t offset, std::span<const std::byte> data) {
  std::optional<std::uint32_t> rung;
  bool other_pin = false;
  {
    const std::lock_guard lock(registers_mutex_);
    registers_.write(offset, data);
    rung = std::exchange(rung_, std::nullopt);
    const bool always = (registers_.pin_mode() & HIVE_GLOBAL_PIN_ALWAYS) != 0;
    other_pin = pin_always_.exchange(always) != always;
  }
  if (other_pin) update_interrupts();
  if (!rung) return;
  const std::lock_guard lock(doorbells_mutex_);
  doorbells_.ring(*rung);
}

void GlobalMemoryDevice::bar_moved(unsigned index, std::optional<memory::GuestAddress> address) {
  if (index == kRegisters) {
    const std::uint64_t bell = offsetof(hive_global_registers, doorbell);
    const std::lock_guard lock(doorbells_mutex_);
    doorbells_.move(address ? std::optional(*address + bell) : std::nullopt);
  }
  if (index != kMemory) return;
  if (address) {
    alias_.map(*address);
  } else {
    alias_.unmap();
  }
}

}  // namespace hive::device
