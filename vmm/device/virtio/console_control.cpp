#include "vmm/device/virtio/console_control.h"

#include <algorithm>
#include <utility>

namespace hive::device {
namespace {

enum Due : std::uint8_t { kAdd = 1, kConsole = 2, kName = 4, kOpen = 8 };

}  // namespace

ConsoleControl::ConsoleControl(std::vector<std::string> names) {
  for (std::string& name : names) ports_.push_back({.name = std::move(name)});
}

std::optional<unsigned> ConsoleControl::receive(const virtio_console_control& header) {
  const bool yes = header.value != 0;
  if (header.event == VIRTIO_CONSOLE_DEVICE_READY) {
    for (Port& port : ports_) port.due = yes ? kAdd : 0;
    return std::nullopt;
  }
  if (header.id >= ports_.size()) return std::nullopt;
  Port& port = ports_[header.id];
  if (header.event == VIRTIO_CONSOLE_PORT_READY) {
    port.ready = yes;
    const unsigned what = port.name.empty() ? kConsole : kName;
    port.due = yes ? static_cast<std::uint8_t>(what | kOpen) : 0;
  } else if (header.event == VIRTIO_CONSOLE_PORT_OPEN && port.guest_open != yes) {
    port.guest_open = yes;
    return header.id;
  }
  return std::nullopt;
}

std::optional<ConsoleControl::Message> ConsoleControl::next() {
  for (unsigned id = 0; id < ports_.size(); ++id) {
    Port& port = ports_[id];
    if (port.due == 0) continue;
    const unsigned first = port.due & -unsigned{port.due};
    port.due = static_cast<std::uint8_t>(port.due & ~first);
    switch (first) {
      case kAdd:
        return Message{{id, VIRTIO_CONSOLE_PORT_ADD, 1}, {}};
      case kConsole:
        return Message{{id, VIRTIO_CONSOLE_CONSOLE_PORT, 1}, {}};
      case kName:
        return Message{{id, VIRTIO_CONSOLE_PORT_NAME, 1}, port.name};
      default:
        return Message{{id, VIRTIO_CONSOLE_PORT_OPEN, port.host_open}, {}};
    }
  }
  return std::nullopt;
}

bool ConsoleControl::any_due() const {
  return std::any_of(ports_.begin(), ports_.end(), [](const Port& port) { return port.due != 0; });
}

void ConsoleControl::set_host_open(unsigned port, bool open) {
  ports_[port].host_open = open;
  if (ports_[port].ready) ports_[port].due |= kOpen;
}

void ConsoleControl::reset() {
  for (Port& port : ports_) {
    port.due = 0;
    port.ready = port.guest_open = false;
  }
}

}  // namespace hive::device
