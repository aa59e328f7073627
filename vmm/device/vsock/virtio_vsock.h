// virtio-vsock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vmm/base/ids.h"
#include "vmm/base/unique_fd.h"
#include "vmm/device/virtio/virtio_device.h"
#include "vmm/device/vsock/counters.h"
#include "vmm/device/vsock/host_limits.h"
#include "vmm/device/vsock/outgoing.h"
#include "vmm/device/vsock/path_faults.h"
#include "vmm/device/vsock/switch.h"

namespace hive::device {

/// Sockets between the guest, its siblings and the host (virtio 1.2, 5.10). Packets of siblings go
/// from VMM to VMM through rings; those for the host (CID 2) end here, in stream sockets. A sibling
/// that takes nothing delays nobody but those who talk with it.
class VirtioVsock : public VirtioDevice {
 public:
  struct Peer {
    vsock::PeerRights rights;
    std::string name;
    vsock::RingFiles out;  ///< To it.
    vsock::RingFiles in;   ///< From it.
  };
  struct Setup {
    Cid cid = 0;
    Incarnation incarnation = 0;           ///< Of this VMM.
    std::uint32_t packets_per_second = 0;  ///< From each sibling; 0: no limit.
    std::vector<Peer> peers;
    /// Asks for a socket for a call to the host's PORT, to be given to host_answer(). False: nobody
    /// can.
    std::function<bool(std::uint32_t request, std::uint32_t port)> ask_host;
    vsock::HostLimits host_limits;
  };

  explicit VirtioVsock(Setup setup);
  VirtioVsock(const VirtioVsock&) = delete;
  VirtioVsock& operator=(const VirtioVsock&) = delete;
  ~VirtioVsock() override;

  [[nodiscard]] VirtioType type() const override { return VirtioType::kVsock; }
  [[nodiscard]] std::string_view name() const override { return "vsock"; }
  [[nodiscard]] std::uint64_t features() const override;
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const override;
  void read_config(std::uint64_t offset, std::span<std::byte> data) const override;
  /// Maps the rings.
  void attach(VirtioTransport& transport) override;
  void activate(std::uint64_t features) override;
  void process(unsigned index) override;
  void reset_queue(unsigned index) override;
  void reset() override;

  // What the monitor says, on the loop's thread and without the device's lock, once attached. Cells
  // that are no siblings are passed over.

  /// INCARNATION of sibling CELL is there; or is no more.
  void peer_up(unsigned cell, Incarnation incarnation);
  void peer_down(unsigned cell, Incarnation incarnation);
  /// The answer to ask_host: a connected stream socket, or none.
  void host_answer(std::uint32_t request, UniqueFd socket);
  /// A program on the host, behind SOCKET, calls the guest's PORT.
  void host_call(std::uint32_t port, UniqueFd socket);
  void set_faults(unsigned cell, const vsock::PathFaults& faults);
  /// Nothing where CELL is no sibling.
  [[nodiscard]] std::optional<vsock::VsockCounters> counters(unsigned cell);
  [[nodiscard]] vsock::GuestCounters guest_counters();

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace hive::device
