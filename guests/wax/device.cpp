#include "guests/wax/device.h"

#include <cstring>

namespace hive::wax {
namespace {

constexpr std::uint64_t kDeviceStride = 1 << 15;
constexpr unsigned kDevices = 32;
constexpr std::uint32_t kIdentity = HIVE_WAX_DEVICE << 16 | HIVE_WAX_VENDOR;

// Configuration space (PCI 3.0, chapter 6).
constexpr std::uint64_t kBar0 = 0x10;
constexpr std::uint64_t kBar2 = 0x18;
constexpr std::uint32_t kBarFlags = 0xf;

std::uint32_t config(unsigned number, std::uint64_t offset) {
  return *reinterpret_cast<volatile std::uint32_t*>(HIVE_WAX_ECAM + number * kDeviceStride +
                                                    offset);
}

/// Where BAR OFFSET of device NUMBER is.
std::uint64_t bar(unsigned number, std::uint64_t offset) {
  return config(number, offset) & ~kBarFlags;
}

const char* fault_of(const Device& device) {
  const volatile hive_wax_registers& registers = *device.registers;
  if (registers.magic != HIVE_WAX_MAGIC) return "its device has another magic number";
  if (registers.version != HIVE_WAX_VERSION) return "its device is of another version";
  if (device.cells > HIVE_GLOBAL_MAX_CELLS) return "its device has too many cells";
  if (device.round_ms < HIVE_WAX_MIN_ROUND || device.round_ms > HIVE_WAX_MAX_ROUND) {
    return "its device names a round that is not 10 to 4000 ms";
  }
  return nullptr;
}

}  // namespace

const char* find_device(Device& device) {
  for (unsigned number = 0; number < kDevices; ++number) {
    if (config(number, 0) != kIdentity) continue;
    device.registers = reinterpret_cast<volatile hive_wax_registers*>(bar(number, kBar0));
    device.pages = reinterpret_cast<const hive_state_page*>(bar(number, kBar2));
    device.cells = device.registers->cells;
    device.round_ms = device.registers->round_ms;
    return fault_of(device);
  }
  return "there is no device 1af4:10f5 on its PCI bus";
}

void submit(volatile hive_wax_registers& registers, const hive_wax_hint& hint) {
  constexpr unsigned kWords = sizeof hint / sizeof(std::uint64_t);
  std::uint64_t words[kWords];
  memcpy(words, &hint, sizeof hint);
  auto* mailbox = reinterpret_cast<volatile std::uint64_t*>(&registers.hint);
  for (unsigned i = 0; i < kWords; ++i) mailbox[i] = words[i];
  registers.submit = 1;
}

}  // namespace hive::wax
