#include "vmm/device/pci/config_ports.h"

#include <algorithm>
#include <cstring>

namespace hive::device {
namespace {

constexpr std::uint64_t kDataOffset = 4;
constexpr std::uint32_t kEnable = 1U << 31;
constexpr std::uint32_t kWritable = 0x80ff'fffc;

}  // namespace

std::uint32_t PciConfigPorts::address() {
  const std::scoped_lock lock(mutex_);
  return address_;
}

/// Where an access to the data ports leads; nothing when it leads nowhere.
std::optional<std::uint64_t> PciConfigPorts::ecam_offset(std::uint64_t port_offset,
                                                         std::size_t length) {
  const std::uint32_t target = address();
  const std::uint32_t bus = (target >> 16) & 0xff;
  if ((target & kEnable) == 0 || bus != 0) return std::nullopt;
  if (port_offset < kDataOffset || port_offset + length > kDataOffset + 4) return std::nullopt;
  const std::uint64_t function = (target >> 8) & 0xff;
  return (function << 12) | ((target & 0xfc) + (port_offset - kDataOffset));
}

void PciConfigPorts::read(std::uint64_t offset, std::span<std::byte> data) {
  std::fill(data.begin(), data.end(), std::byte{0xff});
  if (offset == 0 && data.size() == sizeof(std::uint32_t)) {
    const std::uint32_t value = address();
    std::memcpy(data.data(), &value, sizeof(value));
  } else if (const auto target = ecam_offset(offset, data.size())) {
    ecam_.read(*target, data);
  }
}

void PciConfigPorts::write(std::uint64_t offset, std::span<const std::byte> data) {
  // Only a 32-bit store reaches the address register; others belong to other devices on a PC.
  if (offset == 0 && data.size() == sizeof(std::uint32_t)) {
    std::uint32_t value = 0;
    std::memcpy(&value, data.data(), sizeof(value));
    const std::scoped_lock lock(mutex_);
    address_ = value & kWritable;
  } else if (const auto target = ecam_offset(offset, data.size())) {
    ecam_.write(*target, data);
  }
}

}  // namespace hive::device
