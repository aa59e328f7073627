#include "vmm/device/legacy/power_ports.h"

#include "vmm/memory/layout.h"

namespace hive::device {
namespace {

namespace layout = memory::layout;
constexpr std::uint64_t kBase = layout::kPowerPorts.start;
constexpr std::uint8_t kSleepBits = 0x3c;  // SLP_EN and SLP_TYP; the rest is reserved.

}  // namespace

void PowerPorts::read(std::uint64_t offset, std::span<std::byte> data) {
  for (std::size_t i = 0; i < data.size(); ++i) {
    const bool events = kBase + offset + i == layout::kPowerEvents;
    data[i] = std::byte{events ? events_.exchange(0) : std::uint8_t{0}};
  }
}

void PowerPorts::write(std::uint64_t offset, std::span<const std::byte> data) {
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::uint64_t port = kBase + offset + i;
    const auto value = std::to_integer<std::uint8_t>(data[i]);
    if (port == layout::kSleepControl && (value & kSleepBits) == layout::kSleepOff) {
      requests_.power_off();
    }
    if (port == layout::kResetPort && value == layout::kResetValue) requests_.reset();
  }
}

void PowerPorts::press_power_button() {
  events_ |= layout::kPowerButtonEvent;
  line_.raise();
}

}  // namespace hive::device
