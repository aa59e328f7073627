#include "tests/unit/device/guest_driver.h"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include <thread>

namespace hive::device::test {

unsigned TestMachine::attach(std::unique_ptr<VirtioDevice> device) {
  auto function = std::make_unique<VirtioPciDevice>(
      std::move(device), ram, msi, doorbells, loop,
      [this](const std::string& detail) { broken.push_back(detail); });
  functions.push_back(function.get());
  return bridge.attach(std::move(function));
}

bool TestMachine::run_until(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    loop.restart();
    loop.run_one_for(std::chrono::milliseconds(10));
  }
  return true;
}

void TestMachine::settle() {
  loop.restart();
  while (loop.poll() != 0) loop.restart();
}

GuestQueue::GuestQueue(const memory::GuestMemory& ram, std::uint64_t address, std::uint16_t size)
    : ram_(&ram), address_(address), size_(size) {
  const std::vector<std::byte> zeroes(end() - address);
  (void)ram_->write({address}, zeroes);
}

void GuestQueue::set_descriptor(std::uint16_t index, std::uint64_t address, std::uint32_t length,
                                std::uint16_t flags, std::uint16_t next) {
  const vring_desc descriptor{address, length, flags, next};
  (void)ram_->store({descriptors() + index * 16U}, descriptor);
}

void GuestQueue::add(std::uint16_t head, const std::vector<Buffer>& buffers) {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const bool last = i + 1 == buffers.size();
    const unsigned flags =
        (last ? 0U : VRING_DESC_F_NEXT) | (buffers[i].device_writes ? VRING_DESC_F_WRITE : 0U);
    const auto index = static_cast<std::uint16_t>((head + i) % size_);
    set_descriptor(index, buffers[i].address, buffers[i].length, static_cast<std::uint16_t>(flags),
                   static_cast<std::uint16_t>((index + 1) % size_));
  }
  make_available(head);
}

void GuestQueue::add_indirect(std::uint16_t head, std::uint64_t table,
                              const std::vector<Buffer>& buffers) {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const bool last = i + 1 == buffers.size();
    const unsigned flags =
        (last ? 0U : VRING_DESC_F_NEXT) | (buffers[i].device_writes ? VRING_DESC_F_WRITE : 0U);
    const vring_desc descriptor{buffers[i].address, buffers[i].length,
                                static_cast<std::uint16_t>(flags),
                                static_cast<std::uint16_t>(i + 1)};
    (void)ram_->store({table + i * 16}, descriptor);
  }
  set_descriptor(head, table, static_cast<std::uint32_t>(buffers.size() * 16),
                 VRING_DESC_F_INDIRECT, 0);
  make_available(head);
}

void GuestQueue::make_available(std::uint16_t head) {
  (void)ram_->store({available() + 4 + (available_index_ % size_) * 2U}, head);
  set_available_index(static_cast<std::uint16_t>(available_index_ + 1));
}

void GuestQueue::set_available_index(std::uint16_t index) {
  available_index_ = index;
  (void)ram_->store({available() + 2}, index);
}

void GuestQueue::set_used_event(std::uint16_t event) {
  (void)ram_->store({available() + 4 + size_ * 2U}, event);
}

void GuestQueue::set_available_flags(std::uint16_t flags) {
  (void)ram_->store({available()}, flags);
}

std::uint16_t GuestQueue::used_index() const { return *ram_->load<std::uint16_t>({used() + 2}); }

std::uint16_t GuestQueue::available_event() const {
  return *ram_->load<std::uint16_t>({used() + 4 + size_ * 8U});
}

std::uint16_t GuestQueue::used_flags() const { return *ram_->load<std::uint16_t>({used()}); }

std::optional<GuestQueue::Used> GuestQueue::take_used() {
  if (used_index() == used_seen_) return std::nullopt;
  const auto entry = ram_->load<Used>({used() + 4 + (used_seen_ % size_) * 8U});
  ++used_seen_;
  set_used_event(used_seen_);  // Interrupt on the next.
  return entry;
}

GuestDriver::GuestDriver(TestMachine& machine, unsigned device_number)
    : machine_(machine), function_(std::uint64_t{device_number} << 15) {
  probe();
}

void GuestDriver::probe() {
  set_config<std::uint16_t>(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  bar_ = config<std::uint32_t>(PCI_BASE_ADDRESS_0) & ~0xfU;
  for (std::uint8_t at = config<std::uint8_t>(PCI_CAPABILITY_LIST); at != 0;
       at = config<std::uint8_t>(at + 1U)) {
    const auto id = config<std::uint8_t>(at);
    if (id == PCI_CAP_ID_MSIX) {
      msix_capability = at;
      table_ = config<std::uint32_t>(at + PCI_MSIX_TABLE) & PCI_MSIX_TABLE_OFFSET;
    }
    if (id != PCI_CAP_ID_VNDR) continue;
    const auto offset = config<std::uint32_t>(at + VIRTIO_PCI_CAP_OFFSET + 0U);
    switch (config<std::uint8_t>(at + VIRTIO_PCI_CAP_CFG_TYPE + 0U)) {
      case VIRTIO_PCI_CAP_COMMON_CFG:
        common_ = offset;
        break;
      case VIRTIO_PCI_CAP_NOTIFY_CFG:
        notify_ = offset;
        break;
      case VIRTIO_PCI_CAP_ISR_CFG:
        isr_ = offset;
        break;
      case VIRTIO_PCI_CAP_DEVICE_CFG:
        device_ = offset;
        break;
      case VIRTIO_PCI_CAP_PCI_CFG:
        window_capability = at;
        break;
      default:
        break;
    }
  }
}

void GuestDriver::enable_msix() {
  const unsigned vectors = (config<std::uint16_t>(msix_capability + 2) & PCI_MSIX_FLAGS_QSIZE) + 1U;
  set_config<std::uint16_t>(msix_capability + 2,
                            static_cast<std::uint16_t>(PCI_MSIX_FLAGS_ENABLE | (vectors - 1)));
  for (unsigned vector = 0; vector < vectors; ++vector) {
    const std::uint64_t entry = bar_offset() + table_ + vector * 16U;
    bus_write<std::uint32_t>(machine_.bridge.window(), entry, 0xfee00000);
    bus_write<std::uint32_t>(machine_.bridge.window(), entry + 4, 0);
    bus_write<std::uint32_t>(machine_.bridge.window(), entry + 8, 0x100 + vector);
    bus_write<std::uint32_t>(machine_.bridge.window(), entry + 12, 0);
  }
}

std::uint64_t GuestDriver::offered() {
  set_common<std::uint32_t>(0, 0);
  std::uint64_t features = common<std::uint32_t>(4);
  set_common<std::uint32_t>(0, 1);
  features |= std::uint64_t{common<std::uint32_t>(4)} << 32;
  return features;
}

void GuestDriver::accept(std::uint64_t features) {
  set_common<std::uint32_t>(8, 0);
  set_common<std::uint32_t>(0xc, static_cast<std::uint32_t>(features));
  set_common<std::uint32_t>(8, 1);
  set_common<std::uint32_t>(0xc, static_cast<std::uint32_t>(features >> 32));
}

bool GuestDriver::negotiate(std::uint64_t features) {
  enable_msix();
  set_status(1);
  set_status(3);
  accept(features | std::uint64_t{1} << VIRTIO_F_VERSION_1);
  set_status(0x0b);
  set_common<std::uint16_t>(0x10, 0);
  return (status() & 8) != 0;
}

void GuestDriver::enable(unsigned index, const GuestQueue& queue) {
  set_common<std::uint16_t>(0x16, static_cast<std::uint16_t>(index));
  set_common<std::uint16_t>(0x18, queue.size());
  set_common<std::uint16_t>(0x1a, static_cast<std::uint16_t>(index + 1));
  set_common<std::uint64_t>(0x20, queue.descriptors());
  set_common<std::uint64_t>(0x28, queue.available());
  set_common<std::uint64_t>(0x30, queue.used());
  set_common<std::uint16_t>(0x1c, 1);
}

void GuestDriver::reset() {
  set_status(0);
  (void)machine_.run_until([this] { return status() == 0; });
}

void GuestDriver::kick(unsigned index) {
  if (machine_.doorbells.ring(doorbell(index))) return;
  bus_write<std::uint16_t>(machine_.bridge.window(),
                           doorbell(index) - memory::layout::kPciWindow.start,
                           static_cast<std::uint16_t>(index));
}

}  // namespace hive::device::test
