#include "vmm/device/virtio/block.h"

#include <linux/virtio_blk.h>

#include <array>
#include <utility>

#include "vmm/device/virtio/block_engine.h"
#include "vmm/device/virtio/features.h"

namespace hive::device {
namespace {

constexpr std::uint32_t kMaxRangeSectors = 0x3f'ffff;  // Of a discard: just below 2 GiB.
constexpr std::uint8_t kPhysicalBlockExponent = 3;     // 4 KiB blocks serve most hosts best.

}  // namespace

VirtioBlock::VirtioBlock(DiskImage image, std::string serial, BlockCounters* counters)
    : engine_(std::make_unique<Engine>(std::move(image), std::move(serial), counters)) {}
VirtioBlock::~VirtioBlock() = default;

std::string_view VirtioBlock::name() const { return engine_->name(); }

std::uint64_t VirtioBlock::features() const {
  const std::uint64_t common = feature_bit(VIRTIO_BLK_F_SEG_MAX) |
                               feature_bit(VIRTIO_BLK_F_BLK_SIZE) |
                               feature_bit(VIRTIO_BLK_F_TOPOLOGY);
  if (engine_->image().read_only()) return common | feature_bit(VIRTIO_BLK_F_RO);
  return common | feature_bit(VIRTIO_BLK_F_FLUSH) | feature_bit(VIRTIO_BLK_F_DISCARD) |
         feature_bit(VIRTIO_BLK_F_WRITE_ZEROES);
}

std::span<const std::uint16_t> VirtioBlock::queue_sizes() const {
  static constexpr std::array<std::uint16_t, 1> kSizes{Engine::kQueueSize};
  return kSizes;
}

void VirtioBlock::read_config(std::uint64_t offset, std::span<std::byte> data) const {
  virtio_blk_config config{};
  config.capacity = engine_->image().sectors();
  config.seg_max = Engine::kQueueSize - 2;  // Beside header and status.
  config.blk_size = DiskImage::kSectorSize;
  config.physical_block_exp = kPhysicalBlockExponent;
  config.max_discard_sectors = config.max_write_zeroes_sectors = kMaxRangeSectors;
  config.max_discard_seg = config.max_write_zeroes_seg = 1;
  config.discard_sector_alignment = 1U << kPhysicalBlockExponent;
  config.write_zeroes_may_unmap = 1;
  read_config_struct(config, offset, data);
}

void VirtioBlock::attach(VirtioTransport& transport) { engine_->attach(transport); }
void VirtioBlock::activate(std::uint64_t features) { engine_->activate(features); }
void VirtioBlock::process(unsigned /*index*/) { engine_->process(); }
bool VirtioBlock::idle() const { return engine_->idle(); }
void VirtioBlock::reset_queue(unsigned /*index*/) { engine_->reset(); }
void VirtioBlock::reset() { engine_->reset(); }
void VirtioBlock::set_fault(const DiskFault& fault) { engine_->set_fault(fault); }
bool VirtioBlock::read_only() const { return engine_->image().read_only(); }

}  // namespace hive::device
