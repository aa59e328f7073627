#include "vmm/device/legacy/keyboard_reset.h"

#include <algorithm>

namespace hive::device {
namespace {

constexpr std::byte kStatus{0xfd};  // All of an absent device's ones but "input buffer full".
constexpr std::byte kPulseReset{0xfe};

}  // namespace

void KeyboardReset::read(std::uint64_t /*offset*/, std::span<std::byte> data) {
  std::fill(data.begin(), data.end(), kStatus);
}

void KeyboardReset::write(std::uint64_t /*offset*/, std::span<const std::byte> data) {
  if (std::find(data.begin(), data.end(), kPulseReset) != data.end()) on_reset_();
}

}  // namespace hive::device
