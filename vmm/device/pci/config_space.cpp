#include "vmm/device/pci/config_space.h"

#include <linux/pci_regs.h>

#include <algorithm>
#include <cstring>

namespace hive::device {
namespace {

constexpr std::uint16_t kWritableCommand = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                           PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
                                           PCI_COMMAND_INTX_DISABLE;

constexpr std::size_t bar_offset(unsigned index) { return PCI_BASE_ADDRESS_0 + 4U * index; }

std::uint32_t bar_flags(BarWidth width) {
  switch (width) {
    case BarWidth::k32:
      return PCI_BASE_ADDRESS_MEM_TYPE_32;
    case BarWidth::k64:
      return PCI_BASE_ADDRESS_MEM_TYPE_64;
    case BarWidth::k64Prefetchable:
      return PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH;
  }
  return 0;
}

template <typename T>
void store_le(std::span<std::byte> bytes, std::size_t offset, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i) {
    bytes[offset + i] = static_cast<std::byte>(value >> (8 * i));
  }
}

template <typename T>
T load_le(std::span<const std::byte> bytes, std::size_t offset) {
  T value = 0;
  for (std::size_t i = sizeof value; i-- > 0;) {
    value = static_cast<T>(value << 8 | std::to_integer<T>(bytes[offset + i]));
  }
  return value;
}

}  // namespace

PciConfigSpace::PciConfigSpace(const PciIdentity& identity) {
  put16(PCI_VENDOR_ID, identity.vendor);
  put16(PCI_DEVICE_ID, identity.device);
  put32(PCI_CLASS_REVISION, identity.class_code << 8 | identity.revision);
  put16(PCI_SUBSYSTEM_VENDOR_ID, identity.subsystem_vendor);
  put16(PCI_SUBSYSTEM_ID, identity.subsystem);
  store_le(writable_, PCI_COMMAND, kWritableCommand);
  // Scratch registers without a function here, which guests expect to hold what they wrote.
  writable_[PCI_CACHE_LINE_SIZE] = std::byte{0xff};
  writable_[PCI_INTERRUPT_LINE] = std::byte{0xff};
}

void PciConfigSpace::add_bar(unsigned index, std::uint64_t size, BarWidth width) {
  bars_[index] = {size, width};
  put32(bar_offset(index), bar_flags(width));
  const std::uint64_t writable = ~(size - 1);
  store_le(writable_, bar_offset(index), static_cast<std::uint32_t>(writable));
  if (width == BarWidth::k32) return;
  store_le(writable_, bar_offset(index + 1), static_cast<std::uint32_t>(writable >> 32));
}

std::uint64_t PciConfigSpace::bar_size(unsigned index) const { return bars_[index].size; }

void PciConfigSpace::assign_bar(unsigned index, std::uint64_t address) {
  const std::uint32_t flags = get32(bar_offset(index)) & ~std::uint32_t(PCI_BASE_ADDRESS_MEM_MASK);
  put32(bar_offset(index), static_cast<std::uint32_t>(address) | flags);
  if (bars_[index].width != BarWidth::k32) {
    put32(bar_offset(index + 1), static_cast<std::uint32_t>(address >> 32));
  }
}

void PciConfigSpace::enable_memory() {
  put16(PCI_COMMAND, get16(PCI_COMMAND) | PCI_COMMAND_MEMORY);
}

void PciConfigSpace::add_interrupt_pin(std::uint8_t line) {
  bytes_[PCI_INTERRUPT_PIN] = std::byte{1};
  bytes_[PCI_INTERRUPT_LINE] = std::byte{line};
  put16(PCI_COMMAND, get16(PCI_COMMAND) | PCI_COMMAND_INTX_DISABLE);
}

bool PciConfigSpace::interrupt_enabled() const {
  return bytes_[PCI_INTERRUPT_PIN] != std::byte{0} &&
         (get16(PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE) == 0;
}

void PciConfigSpace::set_interrupt_status(bool asserted) {
  const auto status = static_cast<std::uint16_t>(get16(PCI_STATUS) & ~PCI_STATUS_INTERRUPT);
  put16(PCI_STATUS, asserted ? status | PCI_STATUS_INTERRUPT : status);
}

std::optional<std::uint64_t> PciConfigSpace::bar_address(unsigned index) const {
  if (bars_[index].size == 0 || (get16(PCI_COMMAND) & PCI_COMMAND_MEMORY) == 0) return std::nullopt;
  std::uint64_t address = get32(bar_offset(index)) & std::uint32_t(PCI_BASE_ADDRESS_MEM_MASK);
  if (bars_[index].width != BarWidth::k32) {
    address |= std::uint64_t{get32(bar_offset(index + 1))} << 32;
  }
  return address;
}

std::size_t PciConfigSpace::add_capability(std::uint8_t id, std::span<const std::byte> body,
                                           std::span<const std::byte> writable) {
  const std::size_t offset = next_capability_;
  bytes_[last_link_] = static_cast<std::byte>(offset);
  last_link_ = offset + PCI_CAP_LIST_NEXT;
  next_capability_ = (offset + 2 + body.size() + 3) & ~std::size_t{3};
  bytes_[offset + PCI_CAP_LIST_ID] = std::byte{id};
  std::copy(body.begin(), body.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset + 2));
  std::copy(writable.begin(), writable.end(),
            writable_.begin() + static_cast<std::ptrdiff_t>(offset + 2));
  put16(PCI_STATUS, PCI_STATUS_CAP_LIST);
  return offset;
}

void PciConfigSpace::read(std::uint64_t offset, std::span<std::byte> data) const {
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = offset + i < kSize ? bytes_[offset + i] : std::byte{0xff};
  }
}

void PciConfigSpace::write(std::uint64_t offset, std::span<const std::byte> data) {
  for (std::size_t i = 0; i < data.size() && offset + i < kSize; ++i) {
    const std::byte mask = writable_[offset + i];
    std::byte& target = bytes_[offset + i];
    target = (target & ~mask) | (data[i] & mask);
  }
}

std::uint16_t PciConfigSpace::get16(std::size_t offset) const {
  return load_le<std::uint16_t>(bytes_, offset);
}
std::uint32_t PciConfigSpace::get32(std::size_t offset) const {
  return load_le<std::uint32_t>(bytes_, offset);
}
void PciConfigSpace::put16(std::size_t offset, std::uint16_t value) {
  store_le(bytes_, offset, value);
}
void PciConfigSpace::put32(std::size_t offset, std::uint32_t value) {
  store_le(bytes_, offset, value);
}

}  // namespace hive::device
