// virtio-console.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/device/virtio/virtio_device.h"

namespace hive::device {

/// One port of a console device.
struct ConsolePortSetup {
  /// Empty: the console /dev/hvc0. Else the name of /dev/vport*p*, by which guests find it
  /// (HIVE_AGENT_PORT).
  std::string name;
  /// A connected stream socket: what the guest writes comes out there, what is sent there reaches
  /// the guest.
  UniqueFd socket;
  /// Told, with the device's lock held, when the guest opens or closes the port. May be empty.
  std::function<void(bool open)> on_guest_open = {};
};

/// A console with several ports (virtio 1.2, 5.3), each bridged to a stream socket. There is no
/// buffer between them: what one side does not take stays on the other side, so that a slow reader
/// slows its writer and nothing else (a console's output is dropped instead: see ConsolePort). Once
/// a port's socket is closed by its peer, the guest's output is dropped and the guest sees the port
/// closed.
class VirtioConsole : public VirtioDevice {
 public:
  static constexpr unsigned kMaxPorts = 8;

  /// Port 0 is the only one for a driver without VIRTIO_CONSOLE_F_MULTIPORT. 1 to kMaxPorts PORTS.
  explicit VirtioConsole(std::vector<ConsolePortSetup> ports);
  VirtioConsole(const VirtioConsole&) = delete;
  VirtioConsole& operator=(const VirtioConsole&) = delete;
  ~VirtioConsole() override;

  [[nodiscard]] VirtioType type() const override { return VirtioType::kConsole; }
  [[nodiscard]] std::string_view name() const override { return "console"; }
  [[nodiscard]] std::uint64_t features() const override;
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const override;
  void read_config(std::uint64_t offset, std::span<std::byte> data) const override;
  void attach(VirtioTransport& transport) override;
  void activate(std::uint64_t features) override;
  void process(unsigned index) override;
  void reset_queue(unsigned index) override;
  void reset() override;

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace hive::device
