#include "vmm/cell/machine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "guests/abi/agent_protocol.h"
#include "guests/abi/wax.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/cell/vsock_setup.h"
#include "vmm/device/policy/policy_device.h"
#include "vmm/device/virtio/balloon.h"
#include "vmm/device/virtio/block.h"
#include "vmm/device/virtio/console.h"
#include "vmm/device/virtio/rng.h"
#include "vmm/device/virtio/virtio_pci_device.h"
#include "vmm/kvm/cpuid.h"
#include "vmm/memory/layout.h"

namespace hive::cell {
namespace layout = memory::layout;
namespace {

layout::UpperRanges upper_ranges_of(const CellConfig& config) {
  if (!config.global) return {};
  std::vector<std::uint64_t> sizes;
  for (const Contribution& each : config.global->contributions) sizes.push_back(each.size);
  return layout::upper_ranges(config.memory, memory::lay_out_global_memory(sizes).back().end(),
                              config.spare);
}

std::uint64_t address_limit(const kvm::Kvm& kvm) {
  return std::uint64_t{1} << kvm::physical_address_bits(kvm.supported_cpuid());
}

void check_width(const kvm::Kvm& kvm, const Range& spare) {
  if (spare.end() <= address_limit(kvm)) return;
  throw Error(
      fmt::format("{} that the guest may be lent end past this host's guest-physical "
                  "addresses; let the cell borrow less",
                  format_size(spare.size)));
}

static_assert(HIVE_WAX_ECAM == layout::kEcam.start);

void check_width(const kvm::Kvm& kvm, const layout::UpperRanges& upper) {
  const unsigned bits = kvm::physical_address_bits(kvm.supported_cpuid());
  if (upper.bars.end() <= address_limit(kvm)) return;
  throw Error(
      fmt::format("global memory: {}, and the PCI window for as much, end past the {} bits "
                  "of this host's guest-physical addresses; give the cells less shared "
                  "memory",
                  format_size(upper.global.size), bits));
}

}  // namespace

Machine::Machine(boost::asio::io_context& loop, const CellConfig& config, Progress& progress,
                 ReportSink on_report)
    : loop_(loop),
      progress_(progress.devices),
      on_report_(std::move(on_report)),
      memory_(config.memory, layout::kHole, config.backing,
              layout::spare_range(config.memory, config.spare)),
      upper_(upper_ranges_of(config)),
      vm_(kvm_),
      serial_line_(vm_, layout::kSerialGsi, progress.devices.interrupts),
      power_line_(vm_, layout::kPowerGsi, progress.devices.interrupts),
      interrupts_(vm_, progress.devices.interrupts),
      doorbells_(vm_),
      serial_link_(loop, config.serial_fd >= 0 ? config.serial_fd : STDIN_FILENO,
                   config.serial_fd >= 0 ? config.serial_fd : STDOUT_FILENO),
      serial_(serial_line_, serial_link_),
      power_(power_line_, {.power_off = once(ReportKind::kOff), .reset = once(ReportKind::kReset)}),
      pvpanic_([panicked = once(ReportKind::kPanicked)](device::PvPanic::Event event) {
        // With a crash kernel loaded the guest goes on: it saves its dump and then resets.
        if (event == device::PvPanic::kPanicked) panicked();
      }),
      keyboard_(once(ReportKind::kReset)),
      clock_([] { return static_cast<std::int64_t>(std::time(nullptr)); }),
      pci_(layout::kPciWindow, upper_.bars) {
  for (const memory::MemoryRegion& region : memory_.regions()) vm_.add_memory(region);
  if (config.spare != 0) {
    check_width(kvm_, memory_.spare().guest);
    vm_.add_memory(memory_.spare());
  }
  if (config.global) open_global(*config.global);
  attach_platform();
  attach_virtio(config, progress);
  if (config.global) attach_global(config);
  if (!config.policy && config.backing != memory::Backing::kHugePages) attach_balloon(progress);
  if (config.spare != 0) attach_spare(progress);
  if (config.policy) attach_policy(*config.policy, config.incarnation);
  serial_link_.start(serial_);
}

Machine::~Machine() { flush_output(std::chrono::milliseconds(0)); }

void Machine::open_global(const GlobalConfig& config) {
  check_width(kvm_, upper_);
  std::vector<UniqueFd> files;
  std::vector<std::uint64_t> sizes;
  for (const Contribution& each : config.contributions) {
    files.emplace_back(each.file);
    sizes.push_back(each.size);
  }
  global_.emplace(std::move(files), sizes, config.own);
  global_places_.emplace(upper_.global);
  closed_as_device_ = config.on_violation == OnViolation::kIgnore;
  std::vector<const std::byte*> starts;
  for (const Range& part : global_->contributions()) starts.push_back(global_->base() + part.start);
  vm_.cut_memory(std::move(starts));
  close_homes(config.closed);
  vm_.add_memory({upper_.global, global_->base()});
  global_alias_.emplace(vm_, *global_places_, global_->base());
}

void Machine::close_homes(std::uint64_t homes) {
  global_->close(homes);
  std::vector<kvm::Substitute> substitutes;
  for (unsigned cell = 0; cell < global_->contributions().size(); ++cell) {
    const Range& part = global_->contributions()[cell];
    if ((global_->closed() >> cell & 1) == 0) continue;
    substitutes.push_back(
        {global_->base() + part.start, global_->ones().base(), part.size, closed_as_device_});
  }
  vm_.replace_memory(std::move(substitutes));
}

void Machine::connect_global(memory::ForeignWriter& writer) {
  memory_.add_global(*global_places_, global_->base(), writer);
}

void Machine::attach_global(const CellConfig& config) {
  const GlobalConfig& global = *config.global;
  global_link_.emplace(loop_, UniqueFd(global.link),
                       [this](const hive_global_reply& reply) { global_device_->answer(reply); });
  device::GlobalMemoryDevice::Setup setup;
  setup.facts = {global.own, config.incarnation, upper_.global, {}};
  const auto parts = global_->contributions();
  setup.facts.parts.assign(parts.begin(), parts.end());
  for (const Contribution& each : global.contributions) {
    std::vector<UniqueFd>& doorbells = setup.doorbells.emplace_back();
    for (const int event_fd : each.doorbells) doorbells.emplace_back(event_fd);
  }
  setup.on_request = [this](const hive_global_request& request) {
    boost::asio::post(loop_, [this, request] { global_link_->forward(request); });
  };
  global_pin_.emplace(vm_, layout::kPciGsi);
  auto device = std::make_unique<device::GlobalMemoryDevice>(
      std::move(setup), interrupts_, *global_pin_, doorbells_, *global_alias_);
  global_device_ = device.get();
  memory_bus_.attach(upper_.bars, pci_.upper_window());
  pci_.attach(std::move(device));
}

void Machine::attach_platform() {
  ports_.attach(layout::kSerialPorts, serial_);
  ports_.attach(layout::kCmosPorts, clock_);
  ports_.attach(layout::kPvpanicPort, pvpanic_);
  ports_.attach(layout::kPowerPorts, power_);
  ports_.attach(device::KeyboardReset::kPort, keyboard_);
  ports_.attach(device::NmiStatus::kPort, nmi_status_);
  ports_.attach(device::PciConfigPorts::kPorts, pci_ports_);
  memory_bus_.attach(layout::kEcam, pci_.ecam());
  memory_bus_.attach(layout::kPciWindow, pci_.window());
}

void Machine::attach_virtio(const CellConfig& config, Progress& progress) {
  for (const DiskConfig& disk : config.disks) {
    const auto index = static_cast<std::size_t>(&disk - config.disks.data());
    auto device =
        std::make_unique<device::VirtioBlock>(device::DiskImage::open(disk.path, disk.read_only),
                                              name_of_disk(index), &progress.devices.block);
    device_faults_.add(*device);
    attach_pci(name_of_disk(index), std::move(device));
  }
  std::vector<device::ConsolePortSetup> ports;
  if (config.console_fd >= 0) ports.push_back({"", UniqueFd(config.console_fd)});
  if (config.agent_fd >= 0) {
    ports.push_back({HIVE_AGENT_PORT, UniqueFd(config.agent_fd),
                     [&progress](bool open) { progress.agent_open.store(open ? 1 : 0); }});
  }
  if (!ports.empty()) {
    attach_pci("console", std::make_unique<device::VirtioConsole>(std::move(ports)));
  }
  if (!config.policy) attach_pci("rng", std::make_unique<device::VirtioRng>());
  if (config.vsock) attach_vsock(*config.vsock, config.incarnation);
}

void Machine::attach_spare(Progress& progress) {
  auto spare = std::make_unique<device::VirtioMem>(
      memory_.spare().guest,
      device::VirtioMem::Handlers{[this](const Range& blocks) { memory_.plug(blocks); },
                                  [this](const Range& blocks) { return memory_.unplug(blocks); }},
      progress.devices.plugged_bytes);
  spare_ = spare.get();
  attach_pci("memory", std::move(spare));
}

void Machine::set_spare(std::uint64_t bytes) {
  if (spare_ != nullptr) spare_->want(bytes);
  progress_.plug_target.store(bytes, std::memory_order_release);
}

void Machine::attach_balloon(Progress& progress) {
  auto balloon = std::make_unique<device::VirtioBalloon>(memory_, progress.devices.balloon_pages,
                                                         progress.devices.balloon_target);
  balloon_ = balloon.get();
  attach_pci("balloon", std::move(balloon));
}

void Machine::set_balloon(std::uint32_t pages) {
  if (balloon_ == nullptr) {
    progress_.balloon_target.store(pages);
  } else {
    balloon_->set_target(pages);  // Which shows it.
  }
}

void Machine::attach_vsock(const VsockConfig& config, Incarnation incarnation) {
  VsockParts parts =
      open_vsock(config, incarnation, global_ ? global_->first_kept() : std::nullopt);
  first_vsock_ = parts.first_kept;
  parts.setup.ask_host = [this](std::uint32_t request, std::uint32_t port) {
    return vsock_link_->ask_host(request, port);
  };
  auto device = std::make_unique<device::VirtioVsock>(std::move(parts.setup));
  vsock_ = device.get();
  attach_pci("vsock", std::move(device));
  VsockLink::Handlers handlers;
  handlers.peer_up = [this](unsigned cell, Incarnation peer) { vsock_->peer_up(cell, peer); };
  handlers.peer_down = [this](unsigned cell, Incarnation peer) { vsock_->peer_down(cell, peer); };
  handlers.host_answer = [this](std::uint32_t request, UniqueFd socket) {
    vsock_->host_answer(request, std::move(socket));
  };
  handlers.host_call = [this](std::uint32_t port, UniqueFd socket) {
    vsock_->host_call(port, std::move(socket));
  };
  handlers.faults = [this](unsigned cell, const PathFaults& faults) {
    vsock_->set_faults(cell, faults);
  };
  std::vector<unsigned> cells;
  for (const VsockPeerConfig& peer : config.peers) cells.push_back(peer.cell);
  handlers.counts = [this, cells] {
    if (on_count_) on_count_();
    std::vector<VsockCount> counts;
    for (const unsigned cell : cells) {
      VsockCount& count = counts.emplace_back();
      count.cell = cell;
      count.counters = vsock_->counters(cell).value_or(VsockCounters{});
    }
    return counts;
  };
  handlers.guest_counts = [this] { return vsock_->guest_counters(); };
  vsock_link_.emplace(loop_, UniqueFd(config.link), std::move(handlers));
}

void Machine::attach_policy(const PolicyConfig& config, Incarnation incarnation) {
  std::vector<UniqueFd> files;
  for (const int page : config.pages) files.emplace_back(page);
  policy_pages_.emplace(config.pages);
  policy_alias_.emplace(vm_, policy_pages_->bytes());
  policy_link_.emplace(UniqueFd(config.link));
  device::PolicyDevice::Setup setup;
  setup.facts = {static_cast<std::uint32_t>(config.pages.size()), config.cpus, config.epoch,
                 incarnation, config.round_ms};
  setup.clock = [] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count());
  };
  setup.on_hint = [this](const hive_wax_hint& hint) { return policy_link_->send(hint); };
  setup.on_beat = [this](std::uint64_t rounds, std::uint64_t dropped) {
    policy_link_->tell(rounds, dropped);
  };
  pci_.attach(std::make_unique<device::PolicyDevice>(std::move(setup), policy_pages_->bytes(),
                                                     *policy_alias_));
}

std::optional<int> Machine::first_kept() const {
  // The device's are below the window's.
  if (first_vsock_) return first_vsock_;
  return global_ ? global_->first_kept() : std::nullopt;
}

void Machine::attach_pci(std::string name, std::unique_ptr<device::VirtioDevice> device) {
  auto function =
      std::make_unique<device::VirtioPciDevice>(std::move(device), memory_, interrupts_, doorbells_,
                                                loop_, [this](const std::string& detail) {
                                                  on_report_({ReportKind::kDeviceBroken, detail});
                                                });
  device_faults_.add(std::move(name), *function);
  pci_.attach(std::move(function));
}

std::function<void()> Machine::once(ReportKind kind) {
  return [this, kind] {
    const unsigned bit = 1U << static_cast<unsigned>(kind);
    if ((posted_.fetch_or(bit) & bit) != 0) return;
    boost::asio::post(loop_, [this, kind] { on_report_({kind, ""}); });
  };
}

}  // namespace hive::cell
