#include "vmm/device/virtio/pci_function.h"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include <cstring>

#include "vmm/base/range.h"
#include "vmm/device/virtio/pci_layout.h"

namespace hive::device {
namespace {

constexpr std::uint16_t kVirtioVendor = 0x1af4;
constexpr std::uint16_t kModernDevice = 0x1040;  // Plus the device type.

std::uint32_t class_code(VirtioType type) {
  switch (type) {
    case VirtioType::kNet:
      return 0x020000;  // Ethernet controller.
    case VirtioType::kBlock:
      return 0x018000;  // Mass storage, other.
    case VirtioType::kConsole:
      return 0x078000;  // Communication, other.
    default:
      return 0xff0000;  // In no class.
  }
}

PciIdentity identity(VirtioType type) {
  const auto number = static_cast<std::uint16_t>(type);
  return {.vendor = kVirtioVendor,
          .device = static_cast<std::uint16_t>(kModernDevice + number),
          .subsystem_vendor = kVirtioVendor,
          .subsystem = static_cast<std::uint16_t>(0x40 + number),
          .class_code = class_code(type),
          .revision = 1};
}

/// The bytes of a capability structure that follow the two of the list.
template <typename T>
std::span<const std::byte> body(const T& capability) {
  return std::as_bytes(std::span(&capability, 1)).subspan(2);
}

virtio_pci_cap structure(std::uint8_t kind, std::uint32_t offset, std::uint32_t length) {
  virtio_pci_cap capability{};
  capability.cap_len = sizeof capability;
  capability.cfg_type = kind;
  capability.bar = pci_layout::kBar;
  capability.offset = offset;
  capability.length = length;
  return capability;
}

}  // namespace

VirtioPciFunction::VirtioPciFunction(VirtioType type, unsigned queues, unsigned vectors)
    : space_(identity(type)) {
  using namespace pci_layout;
  space_.add_bar(kBar, kBarSize, BarWidth::k32);

  struct {
    std::uint8_t id, next;
    std::uint16_t control;
    std::uint32_t table, pending;
  } msix{0, 0, static_cast<std::uint16_t>(vectors - 1), kMsixTable | kBar, kMsixPending | kBar};
  auto msix_writable = decltype(msix){};
  msix_writable.control = PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL;
  static_assert(sizeof msix == PCI_CAP_MSIX_SIZEOF);
  msix_ = space_.add_capability(PCI_CAP_ID_MSIX, body(msix), body(msix_writable));

  const auto common = structure(VIRTIO_PCI_CAP_COMMON_CFG, kCommonConfig, kRegionSize);
  space_.add_capability(PCI_CAP_ID_VNDR, body(common));
  const auto isr = structure(VIRTIO_PCI_CAP_ISR_CFG, kIsr, kRegionSize);
  space_.add_capability(PCI_CAP_ID_VNDR, body(isr));
  const auto device = structure(VIRTIO_PCI_CAP_DEVICE_CFG, kDeviceConfig, kRegionSize);
  space_.add_capability(PCI_CAP_ID_VNDR, body(device));
  virtio_pci_notify_cap notify{
      structure(VIRTIO_PCI_CAP_NOTIFY_CFG, kNotify, queues * kNotifyMultiplier), kNotifyMultiplier};
  notify.cap.cap_len = sizeof notify;
  space_.add_capability(PCI_CAP_ID_VNDR, body(notify));

  virtio_pci_cfg_cap window{structure(VIRTIO_PCI_CAP_PCI_CFG, 0, 0), {}};
  window.cap.cap_len = sizeof window;
  virtio_pci_cfg_cap window_writable{};
  window_writable.cap.bar = 0xff;
  window_writable.cap.offset = window_writable.cap.length = ~0U;
  std::memset(window_writable.pci_cfg_data, 0xff, sizeof window_writable.pci_cfg_data);
  window_ = space_.add_capability(PCI_CAP_ID_VNDR, body(window), body(window_writable));
}

bool VirtioPciFunction::msix_enabled() const {
  return (space_.get16(msix_ + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_ENABLE) != 0;
}

bool VirtioPciFunction::msix_masked() const {
  return (space_.get16(msix_ + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_MASKALL) != 0;
}

std::size_t VirtioPciFunction::data_offset() const {
  return window_ + offsetof(virtio_pci_cfg_cap, pci_cfg_data);
}

std::optional<VirtioPciFunction::BarAccess> VirtioPciFunction::window_access(
    std::uint64_t offset, std::size_t length) const {
  const Range data{data_offset(), sizeof(virtio_pci_cfg_cap::pci_cfg_data)};
  if (!data.overlaps({offset, length})) return std::nullopt;
  const std::uint32_t bar = space_.get16(window_ + VIRTIO_PCI_CAP_BAR) & 0xff;
  const BarAccess access{space_.get32(window_ + VIRTIO_PCI_CAP_OFFSET),
                         space_.get32(window_ + VIRTIO_PCI_CAP_LENGTH)};
  const bool width_valid = access.width == 1 || access.width == 2 || access.width == 4;
  if (bar != pci_layout::kBar || !width_valid || access.offset % access.width != 0 ||
      !fits_within(access.offset, access.width, pci_layout::kBarSize)) {
    return std::nullopt;
  }
  return access;
}

}  // namespace hive::device
