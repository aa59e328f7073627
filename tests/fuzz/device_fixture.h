// A machine with one device of each kind, for fuzzing. It is built once; each input leaves it
// reset.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/device/doubles.h"
#include "vmm/base/units.h"
#include "vmm/device/pci/config_ports.h"
#include "vmm/device/pci/host_bridge.h"
#include "vmm/device/virtio/block.h"
#include "vmm/device/virtio/console.h"
#include "vmm/device/virtio/rng.h"
#include "vmm/device/virtio/virtio_pci_device.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/layout.h"

namespace hive::device::fuzz {

inline constexpr unsigned kBlock = 1;
inline constexpr unsigned kConsole = 2;
inline constexpr unsigned kRng = 3;
inline constexpr unsigned kDevices = 3;
inline constexpr std::uint64_t kStatusRegister = 0x14;
inline constexpr std::uint64_t kRingStride = 0x1000;
inline constexpr std::uint64_t kRings = 0x1000;  // Queue N's ring is in page N + 1.

class Machine {
 public:
  Machine() {
    attach(std::make_unique<VirtioBlock>(open_disk(), "fuzz"));
    std::vector<ConsolePortSetup> setups;
    for (const char* name : {"", "org.hive.agent.0"}) {
      std::array<int, 2> ends{};
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
      setups.push_back({name, UniqueFd(ends[0])});
      host.emplace_back(ends[1]);
    }
    attach(std::make_unique<VirtioConsole>(std::move(setups)));
    attach(std::make_unique<VirtioRng>());
    for (unsigned device = 1; device <= kDevices; ++device) {
      bars[device] = config<std::uint32_t>(device, 0x10);
    }
  }

  /// Where configuration space of DEVICE begins in ECAM.
  static std::uint64_t function(unsigned device) { return std::uint64_t{device} << 15; }
  template <typename T>
  T config(unsigned device, std::uint64_t reg) {
    return test::bus_read<T>(bridge.ecam(), function(device) + reg);
  }
  template <typename T>
  void set_config(unsigned device, std::uint64_t reg, T value) {
    test::bus_write<T>(bridge.ecam(), function(device) + reg, value);
  }
  template <typename T>
  T bar(unsigned device, std::uint64_t offset) {
    return test::bus_read<T>(bridge.window(), in_window(device) + offset);
  }
  template <typename T>
  void set_bar(unsigned device, std::uint64_t offset, T value) {
    test::bus_write<T>(bridge.window(), in_window(device) + offset, value);
  }
  std::uint64_t in_window(unsigned device) const {
    return bars[device] - memory::layout::kPciWindow.start;
  }

  static unsigned queues(unsigned device) { return device == kConsole ? 6 : 1; }
  /// What the device takes of SIZE.
  static std::uint16_t queue_size(unsigned device, std::uint16_t size) {
    return device == kRng ? std::min<std::uint16_t>(size, 8) : size;
  }

  /// Does what a driver does until DRIVER_OK, with those of FEATURES that are offered.
  void start(unsigned device, std::uint64_t features, std::uint16_t size) {
    set_bar<std::uint8_t>(device, kStatusRegister, 3);
    for (std::uint32_t half = 0; half < 2; ++half) {
      set_bar<std::uint32_t>(device, 0, half);
      const auto offered = bar<std::uint32_t>(device, 4);
      const auto wanted = static_cast<std::uint32_t>(features >> (32 * half)) & offered;
      set_bar<std::uint32_t>(device, 8, half);
      set_bar<std::uint32_t>(device, 0xc, half == 1 ? wanted | 1 : wanted);
    }
    set_bar<std::uint8_t>(device, kStatusRegister, 0x0b);
    for (unsigned queue = 0; queue < queues(device); ++queue) enable(device, queue, size);
    set_bar<std::uint8_t>(device, kStatusRegister, 0x0f);
  }

  void enable(unsigned device, unsigned queue, std::uint16_t size) {
    const std::uint64_t ring = kRings + queue * kRingStride;
    set_bar<std::uint16_t>(device, 0x16, static_cast<std::uint16_t>(queue));
    set_bar<std::uint16_t>(device, 0x18, queue_size(device, size));
    set_bar<std::uint64_t>(device, 0x20, ring);
    set_bar<std::uint64_t>(device, 0x28, ring + 0x800);
    set_bar<std::uint64_t>(device, 0x30, ring + 0xc00);
    set_bar<std::uint16_t>(device, 0x1c, 1);
  }

  void settle() {
    loop.restart();
    while (loop.poll() != 0) loop.restart();
  }

  /// Brings every device back to what it was. A device that does not come back is a finding.
  void reset() {
    bridge.resume();
    for (unsigned device = 1; device <= kDevices; ++device) {
      set_config<std::uint16_t>(device, 4, 0);
      set_config(device, 0x10, static_cast<std::uint32_t>(bars[device]));
      set_config<std::uint16_t>(device, 4, 2);
      set_bar<std::uint8_t>(device, kStatusRegister, 0);
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (unsigned device = 1; device <= kDevices; ++device) {
      while (bar<std::uint8_t>(device, kStatusRegister) != 0) {
        if (std::chrono::steady_clock::now() > deadline) std::abort();
        loop.restart();
        loop.run_one_for(std::chrono::milliseconds(10));
      }
    }
    settle();
    drain_host();
  }

  /// Takes what the consoles have sent.
  void drain_host() {
    std::array<char, 4096> sink;
    for (const UniqueFd& socket : host) {
      while (::recv(socket.get(), sink.data(), sink.size(), MSG_DONTWAIT) > 0) settle();
    }
  }

  memory::GuestMemory ram{2 * kMiB, memory::layout::kHole, memory::Backing::kSmallPages};
  boost::asio::io_context loop;
  test::FakeMsi msi;
  test::FakeDoorbells doorbells;
  std::vector<UniqueFd> host;
  std::array<std::uint64_t, kDevices + 1> bars{};
  unsigned breaches = 0;
  PciHostBridge bridge{memory::layout::kPciWindow};
  PciConfigPorts ports{bridge.ecam()};

 private:
  void attach(std::unique_ptr<VirtioDevice> device) {
    bridge.attach(std::make_unique<VirtioPciDevice>(std::move(device), ram, msi, doorbells, loop,
                                                    [this](const std::string&) { ++breaches; }));
  }

  /// 64 KiB in memory, so that flushes cost nothing.
  static DiskImage open_disk() {
    std::string path = "/dev/shm/hive-fuzz-XXXXXX";
    const UniqueFd created(::mkstemp(path.data()));
    if (!created || ::ftruncate(created.get(), 64 * 1024) != 0) std::abort();
    DiskImage image = DiskImage::open(path, false);
    std::filesystem::remove(path);
    return image;
  }
};

}  // namespace hive::device::fuzz
