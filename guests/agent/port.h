// The virtio console port that leads to the monitor.
#pragma once

#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::agent {

/// The device file of port NAME: from DEV/virtio-ports where udev keeps that folder, else found by
/// the ports' names in SYS/class/virtio-ports. Empty while there is no such port.
std::string find_port(const std::string& name, const std::string& dev = "/dev",
                      const std::string& sys = "/sys");

/// Waits for port NAME and opens it, without blocking I/O. Throws Error when it cannot be opened
/// although it is there.
UniqueFd open_port(const std::string& name);

/// Waits until the host has PORT open.
void await_host(const UniqueFd& port);

}  // namespace hive::agent
