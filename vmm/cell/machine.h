// A cell's hardware.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vmm/cell/config.h"
#include "vmm/cell/device_injector.h"
#include "vmm/cell/global_link.h"
#include "vmm/cell/kvm_platform.h"
#include "vmm/cell/monitor_protocol.h"
#include "vmm/cell/policy_link.h"
#include "vmm/cell/progress.h"
#include "vmm/cell/vcpu_gate.h"
#include "vmm/cell/vcpu_thread.h"
#include "vmm/cell/vsock_link.h"
#include "vmm/device/bus.h"
#include "vmm/device/global/global_memory_device.h"
#include "vmm/device/legacy/cmos_rtc.h"
#include "vmm/device/legacy/keyboard_reset.h"
#include "vmm/device/legacy/nmi_status.h"
#include "vmm/device/legacy/power_ports.h"
#include "vmm/device/legacy/pvpanic.h"
#include "vmm/device/legacy/serial_16550.h"
#include "vmm/device/legacy/serial_link.h"
#include "vmm/device/pci/config_ports.h"
#include "vmm/device/pci/host_bridge.h"
#include "vmm/device/virtio/balloon.h"
#include "vmm/device/virtio/mem.h"
#include "vmm/device/virtio/virtio_device.h"
#include "vmm/device/vsock/virtio_vsock.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"
#include "vmm/memory/global_places.h"
#include "vmm/memory/global_window.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/layout.h"
#include "vmm/memory/page_window.h"

namespace hive::cell {

/// The KVM virtual machine of a cell with its RAM and all devices attached to their buses; no vCPU
/// yet. What the guest does to the platform (power-off, reset, panic, a broken queue) reaches
/// ON_REPORT on the thread of LOOP. Construct and destroy on that thread or while the loop does not
/// run; vCPU threads must be gone before destruction.
class Machine {
 public:
  using ReportSink = std::function<void(const Report&)>;

  /// PROGRESS outlives this object. Throws Error when anything that CONFIG names cannot be had.
  Machine(boost::asio::io_context& loop, const CellConfig& config, Progress& progress,
          ReportSink on_report);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine();

  /// Writes what is left of the serial port's output, at most for LIMIT.
  void flush_output(std::chrono::milliseconds limit) { serial_link_.flush(limit); }

  [[nodiscard]] const kvm::Kvm& kvm() const { return kvm_; }
  [[nodiscard]] kvm::Vm& vm() { return vm_; }
  [[nodiscard]] const memory::GuestMemory& memory() const { return memory_; }
  [[nodiscard]] Buses buses() { return {ports_, memory_bus_}; }
  [[nodiscard]] device::PciHostBridge& pci() { return pci_; }
  /// Global memory, or null.
  [[nodiscard]] memory::GlobalWindow* global() { return global_ ? &*global_ : nullptr; }
  /// Lets devices reach global memory, through WRITER. Only where there is any, once.
  void connect_global(memory::ForeignWriter& writer);
  /// As Cell::close_homes() has it, while no vCPU is in the guest.
  void close_homes(std::uint64_t homes);
  /// Where the guest has global memory, at any time. Only where there is any.
  [[nodiscard]] const memory::GlobalPlaces& global_places() const { return *global_places_; }
  /// To the monitor. Only where there is global memory.
  [[nodiscard]] GlobalLink& global_link() { return *global_link_; }
  /// What the guest has above its RAM.
  [[nodiscard]] const memory::layout::UpperRanges& upper() const { return upper_; }
  /// The lowest descriptor that must stay open and as it is, or nothing where there is none.
  [[nodiscard]] std::optional<int> first_kept() const;
  /// As Cell::set_balloon() has it; nothing where the RAM is of reserved huge pages.
  void set_balloon(std::uint32_t pages);
  /// As Cell::set_spare() has it; nothing where there is no spare memory.
  void set_spare(std::uint64_t bytes);
  [[nodiscard]] device::PowerPorts& power() { return power_; }
  [[nodiscard]] DeviceInjector& device_faults() { return device_faults_; }
  /// Called before the monitor is told what was counted.
  void set_on_count(std::function<void()> on_count) { on_count_ = std::move(on_count); }

 private:
  void open_global(const GlobalConfig& config);
  void attach_global(const CellConfig& config);
  void attach_platform();
  void attach_virtio(const CellConfig& config, Progress& progress);
  void attach_vsock(const VsockConfig& config, Incarnation incarnation);
  void attach_balloon(Progress& progress);
  void attach_policy(const PolicyConfig& config, Incarnation incarnation);
  void attach_spare(Progress& progress);
  /// Faults call the device NAME.
  void attach_pci(std::string name, std::unique_ptr<device::VirtioDevice> device);
  /// What hands a report of KIND to on_report_ on the loop's thread, the first time that any such
  /// is called: a guest that asks again and again must not fill the loop's queue. Callable on any
  /// thread.
  std::function<void()> once(ReportKind kind);

  boost::asio::io_context& loop_;
  DeviceProgress& progress_;
  ReportSink on_report_;
  std::atomic<unsigned> posted_{0};  ///< A bit for each kind that once() has posted.
  kvm::Kvm kvm_;
  // The VM's slots and irqfds refer to memory and devices: it goes after them.
  memory::GuestMemory memory_;
  memory::layout::UpperRanges upper_;
  std::optional<memory::GlobalWindow> global_;
  /// Where violations are ignored: KVM then shows a store to a home that is closed as one to a
  /// device, past the instruction.
  bool closed_as_device_ = false;
  std::optional<memory::GlobalPlaces> global_places_;  ///< With global_, as those that follow.
  std::optional<memory::PageWindow> policy_pages_;     ///< Of Wax's cell, as all named policy.
  kvm::Vm vm_;
  std::optional<KvmGlobalAlias> global_alias_;
  std::optional<KvmReadOnlyAlias> policy_alias_;
  std::optional<PolicyLink> policy_link_;
  std::optional<GlobalLink> global_link_;
  KvmInterruptLine serial_line_;
  KvmInterruptLine power_line_;
  std::optional<KvmLevelLine> global_pin_;  ///< With global_.
  KvmMsiController interrupts_;
  KvmDoorbells doorbells_;
  device::Bus ports_{"port"};
  device::Bus memory_bus_{"memory"};
  device::SerialLink serial_link_;
  device::Serial16550 serial_;
  device::PowerPorts power_;
  device::PvPanic pvpanic_;
  device::KeyboardReset keyboard_;
  device::NmiStatus nmi_status_;
  device::CmosRtc clock_;
  device::PciHostBridge pci_;
  device::PciConfigPorts pci_ports_{pci_.ecam()};
  device::GlobalMemoryDevice* global_device_ = nullptr;  ///< On pci_, where there is any.
  device::VirtioVsock* vsock_ = nullptr;                 ///< The same.
  device::VirtioBalloon* balloon_ = nullptr;             ///< The same.
  device::VirtioMem* spare_ = nullptr;                   ///< The same.
  std::optional<int> first_vsock_;                       ///< The lowest that vsock_ keeps.
  std::optional<VsockLink> vsock_link_;                  ///< With vsock_.
  DeviceInjector device_faults_;                         ///< On devices of pci_.
  std::function<void()> on_count_;
};

}  // namespace hive::cell
