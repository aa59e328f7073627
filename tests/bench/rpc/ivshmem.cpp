#include "tests/bench/rpc/ivshmem.h"

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace hive::bench {
namespace {

namespace files = std::filesystem;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int open_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) fail(path);
  return file;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (!file) throw std::runtime_error("cannot write to " + path);
}

files::path find_function() {
  for (const auto& entry : files::directory_iterator("/sys/bus/pci/devices")) {
    std::string id;
    std::ifstream(entry.path() / "device") >> id;
    if (id == "0x1110") return entry.path();
  }
  throw std::runtime_error("no ivshmem device");
}

void bind_driver(const files::path& function, const std::string& driver) {
  const files::path bound = function / "driver";
  if (files::exists(bound)) {
    if (files::canonical(bound).filename() == driver) return;
    write_file(bound / "unbind", function.filename());
  }
  write_file(function / "driver_override", driver);
  write_file("/sys/bus/pci/drivers_probe", function.filename());
}

std::byte* map_file(const std::string& path, std::size_t size) {
  const int file = open_file(path);
  void* mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) fail("mmap of " + path);
  ::close(file);
  return static_cast<std::byte*>(mapped);
}

class VfioSleeper : public Sleeper {
 public:
  explicit VfioSleeper(const files::path& function) {
    bind_driver(function, "vfio-pci");
    container_ = open_file("/dev/vfio/vfio");
    group_ =
        open_file("/dev/vfio/" + files::read_symlink(function / "iommu_group").filename().string());
    if (::ioctl(group_, VFIO_GROUP_SET_CONTAINER, &container_) != 0)
      fail("VFIO_GROUP_SET_CONTAINER");
    if (::ioctl(container_, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) != 0) fail("VFIO_SET_IOMMU");
    device_ = ::ioctl(group_, VFIO_GROUP_GET_DEVICE_FD, function.filename().c_str());
    if (device_ < 0) fail("VFIO_GROUP_GET_DEVICE_FD");
    event_ = ::eventfd(0, EFD_CLOEXEC);
    take_interrupts();
    enable_memory();
  }

  void sleep() override {
    std::uint64_t count = 0;
    if (::read(event_, &count, sizeof count) != sizeof count) fail("read of an eventfd");
  }

 private:
  void take_interrupts() const {
    std::array<std::uint32_t, (sizeof(vfio_irq_set) + sizeof(int)) / 4> request{};
    vfio_irq_set head{};
    head.argsz = sizeof request;
    head.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
    head.index = VFIO_PCI_MSIX_IRQ_INDEX;
    head.count = 1;
    std::memcpy(request.data(), &head, sizeof head);
    std::memcpy(reinterpret_cast<char*>(request.data()) + sizeof head, &event_, sizeof event_);
    if (::ioctl(device_, VFIO_DEVICE_SET_IRQS, request.data()) != 0) fail("VFIO_DEVICE_SET_IRQS");
  }

  void enable_memory() const {
    vfio_region_info region{};
    region.argsz = sizeof region;
    region.index = VFIO_PCI_CONFIG_REGION_INDEX;
    if (::ioctl(device_, VFIO_DEVICE_GET_REGION_INFO, &region) != 0) fail("no configuration space");
    const auto at = static_cast<off_t>(region.offset + PCI_COMMAND);
    std::uint16_t command = 0;
    if (::pread(device_, &command, sizeof command, at) != sizeof command) fail("PCI_COMMAND");
    command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    if (::pwrite(device_, &command, sizeof command, at) != sizeof command) fail("PCI_COMMAND");
  }

  int container_ = -1, group_ = -1, device_ = -1, event_ = -1;
};

class UioSleeper : public Sleeper {
 public:
  explicit UioSleeper(const files::path& function) {
    bind_driver(function, "uio_pci_generic");
    file_ = open_file("/dev/" +
                      files::directory_iterator(function / "uio")->path().filename().string());
  }

  void sleep() override {
    std::uint32_t count = 0;
    if (::read(file_, &count, sizeof count) != sizeof count) fail("read of a uio device");
  }

 private:
  int file_ = -1;
};

std::unique_ptr<Sleeper> make_sleeper(Sleep sleep, const files::path& function) {
  if (sleep == Sleep::kVfio) return std::make_unique<VfioSleeper>(function);
  return std::make_unique<UioSleeper>(function);
}

}  // namespace

Ivshmem::Ivshmem(Sleep sleep) {
  const files::path function = find_function();
  sleeper_ = make_sleeper(sleep, function);
  const std::string bar = function / "resource2_wc";
  struct stat status {};
  if (::stat(bar.c_str(), &status) != 0) fail(bar);
  half_ = static_cast<std::size_t>(status.st_size) / 2;
  if (half_ < kArea) throw std::runtime_error(bar + ": too little memory");
  memory_ = map_file(bar, 2 * half_);
  registers_ = reinterpret_cast<volatile std::uint32_t*>(
      map_file(function / "resource0", static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))));
  // Else each sleep would have to unmask what the driver has masked.
  if (sleep == Sleep::kUio) registers_[kPinMode] = HIVE_GLOBAL_PIN_ALWAYS;
  position_ = registers_[kPosition];
  if (position_ > 1) throw std::runtime_error("no peer 0 or 1");
}

}  // namespace hive::bench
