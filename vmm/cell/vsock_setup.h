// The vsock device's part of a cell's configuration, made into a device.
#pragma once

#include <optional>

#include "vmm/cell/config.h"
#include "vmm/device/vsock/virtio_vsock.h"

namespace hive::cell {

/// A set-up without ask_host, and what a sandbox must know of it.
struct VsockParts {
  device::VirtioVsock::Setup setup;
  /// The lowest of the rings' eventfds. They are shared with other cells' VMMs, whoever has them
  /// must not be kept waiting: they must stay as they are. Nothing where there are none.
  std::optional<int> first_kept;
};

/// Takes the rings' descriptors of CONFIG. Their eventfds get numbers of their own below
/// KEPT_BELOW, or below the process's limit, and above all that come later. Throws Error where a
/// descriptor is not what it should be.
VsockParts open_vsock(const VsockConfig& config, Incarnation incarnation,
                      std::optional<int> kept_below);

}  // namespace hive::cell
