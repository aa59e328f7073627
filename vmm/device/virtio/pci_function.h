// The PCI configuration space of a virtio device.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "vmm/device/pci/config_space.h"
#include "vmm/device/virtio/virtio_device.h"

namespace hive::device {

/// Configuration space as virtio 1.2, 4.1.2 to 4.1.4 has it: identity, one BAR, and capabilities
/// that say where in the BAR each structure is. Not thread-safe.
class VirtioPciFunction {
 public:
  /// An access to the BAR by way of configuration space (VIRTIO_PCI_CAP_PCI_CFG, 4.1.4.9).
  struct BarAccess {
    std::uint32_t offset;
    std::uint32_t width;  ///< 1, 2 or 4; OFFSET is a multiple of it.
  };

  VirtioPciFunction(VirtioType type, unsigned queues, unsigned vectors);

  [[nodiscard]] PciConfigSpace& space() { return space_; }
  [[nodiscard]] const PciConfigSpace& space() const { return space_; }

  [[nodiscard]] bool msix_enabled() const;
  [[nodiscard]] bool msix_masked() const;

  /// The BAR access that an access to LENGTH bytes at OFFSET of configuration space stands for; its
  /// data are the bytes at data_offset(). Nothing when it touches no such data or the window is not
  /// set up.
  [[nodiscard]] std::optional<BarAccess> window_access(std::uint64_t offset,
                                                       std::size_t length) const;
  [[nodiscard]] std::size_t data_offset() const;

 private:
  PciConfigSpace space_;
  std::size_t msix_ = 0;  ///< Offsets of the two capabilities that the guest writes to.
  std::size_t window_ = 0;
};

}  // namespace hive::device
