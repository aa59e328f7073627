#include "vmm/device/vsock/virtio_vsock.h"

#include <linux/virtio_vsock.h>

#include <array>
#include <utility>

#include "vmm/device/vsock/engine.h"

namespace hive::device {
namespace {

// Virtio 1.2, 5.10.3. Linux has a name only for the second.
constexpr std::uint64_t kFeatureStream = 1U << 0;
constexpr std::uint64_t kFeatureSeqpacket = 1U << VIRTIO_VSOCK_F_SEQPACKET;

}  // namespace

VirtioVsock::VirtioVsock(Setup setup) : engine_(std::make_unique<Engine>(std::move(setup))) {}
VirtioVsock::~VirtioVsock() = default;

std::uint64_t VirtioVsock::features() const { return kFeatureStream | kFeatureSeqpacket; }
std::span<const std::uint16_t> VirtioVsock::queue_sizes() const { return Engine::kQueueSizes; }

void VirtioVsock::read_config(std::uint64_t offset, std::span<std::byte> data) const {
  virtio_vsock_config config{};
  config.guest_cid = engine_->cid();
  read_config_struct(config, offset, data);
}

void VirtioVsock::attach(VirtioTransport& transport) { engine_->attach(transport); }
void VirtioVsock::activate(std::uint64_t /*features*/) { engine_->activate(); }
void VirtioVsock::process(unsigned index) { engine_->process(index); }
void VirtioVsock::reset_queue(unsigned index) { engine_->reset_queue(index); }
void VirtioVsock::reset() { engine_->reset(); }

void VirtioVsock::peer_up(unsigned cell, Incarnation incarnation) {
  engine_->peer_up(cell, incarnation);
}
void VirtioVsock::peer_down(unsigned cell, Incarnation incarnation) {
  engine_->peer_down(cell, incarnation);
}
void VirtioVsock::host_answer(std::uint32_t request, UniqueFd socket) {
  engine_->host_answer(request, std::move(socket));
}
void VirtioVsock::host_call(std::uint32_t port, UniqueFd socket) {
  engine_->host_call(port, std::move(socket));
}
void VirtioVsock::set_faults(unsigned cell, const vsock::PathFaults& faults) {
  engine_->set_faults(cell, faults);
}
std::optional<vsock::VsockCounters> VirtioVsock::counters(unsigned cell) {
  return engine_->counters(cell);
}
vsock::GuestCounters VirtioVsock::guest_counters() { return engine_->guest_counters(); }

}  // namespace hive::device
