// The control protocol of a console device with several ports.
#pragma once

#include <linux/virtio_console.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hive::device {

/// What a console device and its driver tell each other of the ports (virtio 1.2, 5.3.6.2).
/// Messages that are due to the driver are kept as a bit each, so that a driver that takes none of
/// them cannot make them pile up. Pure; not thread-safe.
class ConsoleControl {
 public:
  struct Message {
    virtio_console_control header{};
    std::string_view name;  ///< Follows the header.
  };

  /// NAMES of the ports; an empty one is a console.
  explicit ConsoleControl(std::vector<std::string> names);

  /// The driver has sent HEADER. Returns the port whose guest_open() has changed, if any.
  std::optional<unsigned> receive(const virtio_console_control& header);
  /// The next message to the driver, which is due no longer.
  [[nodiscard]] std::optional<Message> next();
  [[nodiscard]] bool any_due() const;

  /// Whether somebody in the guest has the port open.
  [[nodiscard]] bool guest_open(unsigned port) const { return ports_[port].guest_open; }
  void set_guest_open(unsigned port) { ports_[port].guest_open = true; }
  /// The host's end is connected. True at first.
  void set_host_open(unsigned port, bool open);

  /// Forgets all that the driver has said.
  void reset();

 private:
  struct Port {
    std::string name;
    std::uint8_t due = 0;  ///< Messages, in the order in which they are sent.
    bool ready = false;    ///< The driver knows the port.
    bool guest_open = false;
    bool host_open = true;
  };
  std::vector<Port> ports_;
};

}  // namespace hive::device
