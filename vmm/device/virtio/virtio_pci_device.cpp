#include "vmm/device/virtio/virtio_pci_device.h"

#include <algorithm>
#include <array>
#include <utility>

#include "vmm/device/virtio/pci_layout.h"
#include "vmm/device/virtio/pci_transport.h"

namespace hive::device {

using pci_layout::kRegionSize;

void VirtioPciDevice::Transport::assign_bar(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  function_.space().assign_bar(pci_layout::kBar, address);
}

std::optional<std::uint64_t> VirtioPciDevice::Transport::bar_address() {
  const std::lock_guard lock(mutex_);
  return function_.space().bar_address(pci_layout::kBar);
}

void VirtioPciDevice::Transport::read_config(std::uint64_t offset, std::span<std::byte> data) {
  const std::lock_guard lock(mutex_);
  function_.space().read(offset, data);
  const auto access = function_.window_access(offset, data.size());
  if (!access) return;
  std::array<std::byte, 4> window{};
  load_registers(access->offset, std::span(window).first(access->width));
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::uint64_t at = offset + i - function_.data_offset();
    if (at < access->width) data[i] = window[at];
  }
}

void VirtioPciDevice::Transport::write_config(std::uint64_t offset,
                                              std::span<const std::byte> data) {
  run([&] {
    function_.space().write(offset, data);
    msix_.set_control(function_.msix_enabled(), function_.msix_masked());
    const auto access = function_.window_access(offset, data.size());
    if (!access) return;
    std::array<std::byte, 4> window{};
    function_.space().read(function_.data_offset(), window);
    store_registers(access->offset, std::span(window).first(access->width));
  });
}

void VirtioPciDevice::Transport::read_bar(std::uint64_t offset, std::span<std::byte> data) {
  const std::lock_guard lock(mutex_);
  load_registers(offset, data);
}

void VirtioPciDevice::Transport::write_bar(std::uint64_t offset, std::span<const std::byte> data) {
  // A doorbell that could not be attached: no lock, no work on the vCPU.
  const std::uint64_t bell = (offset - pci_layout::kNotify) / pci_layout::kNotifyMultiplier;
  if (offset >= pci_layout::kNotify && bell < queues_.size())
    return poke(static_cast<unsigned>(bell));
  run([&] { store_registers(offset, data); });
}

void VirtioPciDevice::Transport::load_registers(std::uint64_t offset, std::span<std::byte> data) {
  const std::uint64_t inside = offset % kRegionSize;
  std::fill(data.begin(), data.end(), std::byte{0});
  switch (offset - inside) {
    case pci_layout::kCommonConfig:
      return common_.read(inside, data);
    case pci_layout::kIsr:
      // Reading it acknowledges (virtio 1.2, 4.1.4.5).
      if (inside == 0 && !data.empty()) data[0] = std::byte{std::exchange(isr_, std::uint8_t{0})};
      return;
    case pci_layout::kDeviceConfig:
      return device_->read_config(inside, data);
    case pci_layout::kMsixTable:
      return msix_.read_table(inside, data);
    case pci_layout::kMsixPending:
      return msix_.read_pending(inside, data);
    default:
      return;
  }
}

void VirtioPciDevice::Transport::store_registers(std::uint64_t offset,
                                                 std::span<const std::byte> data) {
  const std::uint64_t inside = offset % kRegionSize;
  switch (offset - inside) {
    case pci_layout::kCommonConfig:
      return write_common(inside, data);
    case pci_layout::kDeviceConfig:
      return device_->write_config(inside, data);
    case pci_layout::kNotify:
      if (inside / pci_layout::kNotifyMultiplier < queues_.size()) {
        poke(static_cast<unsigned>(inside / pci_layout::kNotifyMultiplier));
      }
      return;
    case pci_layout::kMsixTable:
      return msix_.write_table(inside, data);
    default:
      return;
  }
}

VirtioPciDevice::VirtioPciDevice(std::unique_ptr<VirtioDevice> device,
                                 const memory::GuestMemory& memory, MsiController& interrupts,
                                 DoorbellController& doorbells, boost::asio::io_context& loop,
                                 OnBroken on_broken)
    : transport_(std::make_unique<Transport>(std::move(device), memory, interrupts, doorbells, loop,
                                             std::move(on_broken))) {}

VirtioPciDevice::~VirtioPciDevice() = default;

std::uint64_t VirtioPciDevice::bar_size(unsigned index) const {
  return index == pci_layout::kBar ? pci_layout::kBarSize : 0;
}
void VirtioPciDevice::assign_bar(unsigned /*index*/, std::uint64_t address) {
  transport_->assign_bar(address);
}
std::optional<std::uint64_t> VirtioPciDevice::bar_address(unsigned index) {
  return index == pci_layout::kBar ? transport_->bar_address() : std::nullopt;
}
void VirtioPciDevice::read_config(std::uint64_t offset, std::span<std::byte> data) {
  transport_->read_config(offset, data);
}
void VirtioPciDevice::write_config(std::uint64_t offset, std::span<const std::byte> data) {
  transport_->write_config(offset, data);
}
void VirtioPciDevice::read_bar(unsigned /*index*/, std::uint64_t offset,
                               std::span<std::byte> data) {
  transport_->read_bar(offset, data);
}
void VirtioPciDevice::write_bar(unsigned /*index*/, std::uint64_t offset,
                                std::span<const std::byte> data) {
  transport_->write_bar(offset, data);
}
void VirtioPciDevice::bar_moved(unsigned /*index*/, std::optional<memory::GuestAddress> address) {
  transport_->bar_moved(address);
}
void VirtioPciDevice::quiesce(const std::function<void()>& done) { transport_->quiesce(done); }
void VirtioPciDevice::resume() { transport_->resume(); }
void VirtioPciDevice::lose_interrupts(const FaultShare& share) {
  transport_->lose_interrupts(share);
}

}  // namespace hive::device
