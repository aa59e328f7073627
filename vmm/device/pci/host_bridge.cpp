#include "vmm/device/pci/host_bridge.h"

#include <fmt/format.h>

#include <algorithm>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::device {
namespace {

constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

// ECAM: an offset is bus, device, function, register (PCI Express 5.0, 7.2.2).
constexpr unsigned kDeviceShift = 15;
constexpr unsigned kFunctionMask = 0x7;
constexpr unsigned kFunctionShift = 12;
constexpr std::uint64_t kRegisterMask = 0xfff;

/// Function 0 of device 0: a generic host bridge, as QEMU names its own.
class HostBridgeFunction : public PciDevice {
 public:
  [[nodiscard]] std::uint64_t bar_size(unsigned /*index*/) const override { return 0; }
  void assign_bar(unsigned /*index*/, std::uint64_t /*address*/) override {}
  [[nodiscard]] std::optional<std::uint64_t> bar_address(unsigned /*index*/) override {
    return std::nullopt;
  }
  void read_config(std::uint64_t offset, std::span<std::byte> data) override {
    const std::lock_guard lock(mutex_);
    config_.read(offset, data);
  }
  void write_config(std::uint64_t offset, std::span<const std::byte> data) override {
    const std::lock_guard lock(mutex_);
    config_.write(offset, data);
  }
  void read_bar(unsigned /*index*/, std::uint64_t /*offset*/, std::span<std::byte> data) override {
    std::fill(data.begin(), data.end(), std::byte{0xff});
  }
  void write_bar(unsigned /*index*/, std::uint64_t /*offset*/,
                 std::span<const std::byte> /*data*/) override {}

 private:
  std::mutex mutex_;
  PciConfigSpace config_{{.vendor = 0x1b36,
                          .device = 0x0008,
                          .subsystem_vendor = 0x1af4,
                          .subsystem = 0x1100,
                          .class_code = 0x060000}};
};

}  // namespace

PciHostBridge::PciHostBridge(Range window, Range upper)
    : lower_(*this, window), upper_(*this, upper) {
  devices_[0] = std::make_unique<HostBridgeFunction>();
}

PciHostBridge::~PciHostBridge() = default;

unsigned PciHostBridge::attach(std::unique_ptr<PciDevice> device) {
  if (next_device_ > kMaxDevices) {
    throw Error(fmt::format("PCI bus: no room for more than {} devices; give the cell fewer disks",
                            kMaxDevices));
  }
  const unsigned number = next_device_;
  for (unsigned index = 0; index < PciConfigSpace::kBars; ++index) add_bar(*device, number, index);
  devices_[number] = std::move(device);
  ++next_device_;
  update_bars(number);
  return number;
}

void PciHostBridge::add_bar(PciDevice& device, unsigned number, unsigned index) {
  const std::uint64_t size = device.bar_size(index);
  if (size == 0) return;
  device.assign_bar(index, (device.bar_prefetchable(index) ? upper_ : lower_).take(size));
  auto slot = std::make_unique<BarSlot>();
  slot->device = &device;
  slot->device_number = number;
  slot->index = index;
  slot->size = size;
  slot->base = kNowhere;
  bars_.push_back(std::move(slot));
}

void PciHostBridge::update_bars(unsigned device_number) {
  for (const auto& slot : bars_) {
    if (slot->device_number != device_number) continue;
    auto address = slot->device->bar_address(slot->index);
    const bool inside =
        address && (lower_.contains(*address, slot->size) || upper_.contains(*address, slot->size));
    if (!inside) address.reset();
    const std::uint64_t base = address.value_or(kNowhere);
    if (slot->base.load(std::memory_order_relaxed) == base) continue;
    // An access that another vCPU began before this store still reaches the device at its old
    // place, as it could on hardware. The slot and the device outlive it.
    slot->base.store(base, std::memory_order_release);
    slot->device->bar_moved(slot->index,
                            address ? std::optional(memory::GuestAddress{base}) : std::nullopt);
  }
}

PciHostBridge::BarSlot* PciHostBridge::find(std::uint64_t address, std::size_t length,
                                            std::uint64_t& offset) {
  for (const auto& slot : bars_) {
    const std::uint64_t base = slot->base.load(std::memory_order_acquire);
    if (address < base || !fits_within(address - base, length, slot->size)) continue;
    offset = address - base;
    return slot.get();
  }
  return nullptr;
}

void PciHostBridge::quiesce(const std::function<void()>& done) {
  // One count for each device, and one for this loop, so that DONE cannot come before its end.
  auto pending = std::make_shared<unsigned>(next_device_ + 1);
  const std::function<void()> one_done = [pending, done] {
    if (--*pending == 0) done();
  };
  for (unsigned number = 0; number < next_device_; ++number) devices_[number]->quiesce(one_done);
  one_done();
}

void PciHostBridge::resume() {
  for (unsigned number = 0; number < next_device_; ++number) devices_[number]->resume();
}

PciDevice* PciHostBridge::function_at(std::uint64_t ecam_offset) const {
  const auto number = static_cast<std::size_t>(ecam_offset >> kDeviceShift);
  const bool function_0 = (ecam_offset >> kFunctionShift & kFunctionMask) == 0;
  return function_0 && number < devices_.size() ? devices_[number].get() : nullptr;
}

void PciHostBridge::Ecam::read(std::uint64_t offset, std::span<std::byte> data) {
  PciDevice* device = bridge_.function_at(offset);
  const std::uint64_t reg = offset & kRegisterMask;
  if (device == nullptr || !fits_within(reg, data.size(), kPageSize)) {
    std::fill(data.begin(), data.end(), std::byte{0xff});
    return;
  }
  device->read_config(reg, data);
}

void PciHostBridge::Ecam::write(std::uint64_t offset, std::span<const std::byte> data) {
  PciDevice* device = bridge_.function_at(offset);
  const std::uint64_t reg = offset & kRegisterMask;
  if (device == nullptr || !fits_within(reg, data.size(), kPageSize)) return;
  const std::lock_guard lock(bridge_.config_mutex_);
  device->write_config(reg, data);
  bridge_.update_bars(static_cast<unsigned>(offset >> kDeviceShift));
}

std::uint64_t PciHostBridge::Window::take(std::uint64_t size) {
  const std::uint64_t base = align_up(next_base_, std::max(size, kPageSize));
  if (!contains(base, size)) {
    throw Error(fmt::format("PCI bus: no room for a BAR of {}", format_size(size)));
  }
  next_base_ = base + size;
  return base;
}

void PciHostBridge::Window::read(std::uint64_t offset, std::span<std::byte> data) {
  std::uint64_t in_bar = 0;
  BarSlot* slot = bridge_.find(range_.start + offset, data.size(), in_bar);
  if (slot == nullptr) {
    std::fill(data.begin(), data.end(), std::byte{0xff});
    return;
  }
  slot->device->read_bar(slot->index, in_bar, data);
}

void PciHostBridge::Window::write(std::uint64_t offset, std::span<const std::byte> data) {
  std::uint64_t in_bar = 0;
  BarSlot* slot = bridge_.find(range_.start + offset, data.size(), in_bar);
  if (slot != nullptr) slot->device->write_bar(slot->index, in_bar, data);
}

}  // namespace hive::device
