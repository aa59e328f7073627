#include "vmm/device/virtio/block.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/virtio_blk.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "vmm/base/units.h"
#include "vmm/device/virtio/block_request.h"
#include "vmm/device/virtio/io_ring.h"

namespace hive::device {
namespace {

using Kind = BlockRequest::Kind;

constexpr std::uint16_t kQueueSize = 128;
constexpr std::array<std::uint16_t, 1> kQueueSizes{kQueueSize};
constexpr unsigned kRingEntries = 128;
constexpr std::size_t kMaxInFlight = 64;
constexpr unsigned kTurn = 256;       // Chains taken before others get their turn.
constexpr unsigned kMaxRetries = 16;  // Of an operation that the host asks to repeat.
constexpr std::uint32_t kMaxRangeSectors = 0x3f'ffff;  // Of a discard: just below 2 GiB.
constexpr std::uint32_t kPhysicalBlockExponent = 3;    // 4 KiB blocks serve most hosts best.

// What is written where the host's file system cannot zero a range. Never stored to, so that it
// takes no memory.
constexpr std::size_t kZeroBlock = 64 * kKiB;
alignas(kPageSize) std::byte zero_block[kZeroBlock];

constexpr std::uint64_t bit(unsigned feature) { return std::uint64_t{1} << feature; }

}  // namespace

class VirtioBlock::Engine {
 public:
  Engine(DiskImage image, std::string serial)
      : image_(std::move(image)), serial_(std::move(serial)), name_("disk " + image_.path()) {}

  ~Engine() {
    aborted_ = true;
    while (in_flight_ != 0) {
      ring_->wait();
      while (const auto completion = ring_->take()) {
        advance(*static_cast<Slot*>(completion->owner), completion->result);
      }
    }
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void attach(VirtioTransport& transport) {
    transport_ = &transport;
    ring_.emplace(transport.loop(), kRingEntries,
                  [this] { transport_->run([this] { completed(); }); });
  }
  void activate(std::uint64_t features) {
    write_through_ = (features & bit(VIRTIO_BLK_F_FLUSH)) == 0;
  }
  void reset() { starved_ = false; }

  [[nodiscard]] const DiskImage& image() const { return image_; }
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] bool idle() const { return in_flight_ == 0; }

  void process() {
    starved_ = false;
    queue().suppress_kicks();
    for (unsigned turn = 0; turn < kTurn; ++turn) {
      if (take_next()) continue;
      flush();
      // Where the host could finish at once, there are slots again but no completion to come.
      if (!starved_ || free_.empty()) return;
      starved_ = false;
    }
    flush();
    transport_->poke(0);
  }

 private:
  /// A request in flight.
  struct Slot {
    BlockRequest request;
    std::uint16_t head = 0;
    std::uint8_t attempt = 0;  ///< Which way of zeroing is tried.
    unsigned retries = 0;
    std::uint64_t done = 0;  ///< Bytes transferred or zeroed.
    std::array<iovec, kQueueSize> buffers;
  };

  [[nodiscard]] Virtqueue& queue() { return transport_->queue(0); }

  /// Starts the next request. False when there is none, or none can be taken now.
  bool take_next() {
    Slot* slot = acquire();
    if (slot == nullptr) {
      starved_ = true;  // No kick is wanted: a completion goes on with the queue.
      return false;
    }
    Chain chain{.storage = slot->buffers};
    if (!queue().pop(chain)) {
      free_.push_back(slot);
      return queue().want_kicks();
    }
    slot->head = chain.head;
    slot->attempt = 0;
    slot->retries = 0;
    slot->done = 0;
    if (!parse_block_request(chain, {image_.sectors(), image_.read_only()}, slot->request)) {
      queue().fail("request without header or status");
      free_.push_back(slot);
      return false;
    }
    start(*slot);
    return true;
  }

  Slot* acquire() {
    if (free_.empty()) {
      if (slots_.size() == kMaxInFlight) return nullptr;
      slots_.push_back(std::make_unique<Slot>());
      free_.reserve(kMaxInFlight);
      return slots_.back().get();
    }
    Slot* slot = free_.back();  // The last one freed: its memory is warm.
    free_.pop_back();
    return slot;
  }

  void start(Slot& slot) {
    const BlockRequest& request = slot.request;
    if (request.kind == Kind::kRefused) return finish(slot, request.refusal);
    if (request.kind == Kind::kIdentify) return identify(slot);
    if (request.kind != Kind::kFlush && request.length == 0) return finish(slot, VIRTIO_BLK_S_OK);
    ++in_flight_;
    issue(slot);
  }

  void identify(Slot& slot) {
    std::array<std::byte, VIRTIO_BLK_ID_BYTES> id{};
    std::memcpy(id.data(), serial_.data(), std::min(serial_.size(), id.size()));
    slot.done = copy_to(slot.request.data, 0, id);
    finish(slot, VIRTIO_BLK_S_OK);
  }

  /// Hands the request, or what is left of it, to the host.
  void issue(Slot& slot) {
    const BlockRequest& request = slot.request;
    const std::uint64_t offset = request.offset + slot.done;
    const std::uint64_t left = request.length - slot.done;
    io_uring_sqe& entry = ring_->prepare();
    switch (request.kind) {
      case Kind::kRead:
      case Kind::kWrite:
        prepare_transfer(entry, request.kind == Kind::kWrite, request.data, offset);
        break;
      case Kind::kFlush:
        ::io_uring_prep_fsync(&entry, image_.fd(), IORING_FSYNC_DATASYNC);
        break;
      case Kind::kDiscard:
        ::io_uring_prep_fallocate(&entry, image_.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                  static_cast<off_t>(offset), static_cast<off_t>(left));
        break;
      default:
        prepare_zeroing(entry, slot, offset, left);
        break;
    }
    ::io_uring_sqe_set_data(&entry, &slot);
  }

  void prepare_transfer(io_uring_sqe& entry, bool write, std::span<const iovec> buffers,
                        std::uint64_t offset) {
    const auto count = static_cast<unsigned>(buffers.size());
    const iovec& first = buffers.front();
    const auto length = static_cast<unsigned>(first.iov_len);
    if (write && count == 1) {
      ::io_uring_prep_write(&entry, image_.fd(), first.iov_base, length, offset);
    } else if (write) {
      ::io_uring_prep_writev(&entry, image_.fd(), buffers.data(), count, offset);
    } else if (count == 1) {
      ::io_uring_prep_read(&entry, image_.fd(), first.iov_base, length, offset);
    } else {
      ::io_uring_prep_readv(&entry, image_.fd(), buffers.data(), count, offset);
    }
    if (write && write_through_) entry.rw_flags = RWF_DSYNC;
  }

  /// Zeroes by deallocation where the guest allows it, or by the file system's own zeroing; then
  /// the other way, which reads the same; then by writing.
  void prepare_zeroing(io_uring_sqe& entry, Slot& slot, std::uint64_t offset, std::uint64_t left) {
    if (slot.attempt < 2) {
      const bool punch = slot.request.may_unmap == (slot.attempt == 0);
      const int mode = punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
      ::io_uring_prep_fallocate(&entry, image_.fd(), mode | FALLOC_FL_KEEP_SIZE,
                                static_cast<off_t>(offset), static_cast<off_t>(left));
      return;
    }
    unsigned count = 0;
    for (iovec& buffer : slot.buffers) {
      if (left == 0) break;
      buffer = {zero_block, std::min<std::uint64_t>(left, kZeroBlock)};
      left -= buffer.iov_len;
      ++count;
    }
    prepare_transfer(entry, true, std::span(slot.buffers).first(count), offset);
  }

  /// Starts what was prepared, and takes what the host could finish at once.
  void flush() {
    ring_->submit();
    reap();
  }

  void completed() {
    reap();
    if (starved_ && transport_->running()) process();
  }

  void reap() {
    bool again = false;
    while (const auto completion = ring_->take()) {
      again |= advance(*static_cast<Slot*>(completion->owner), completion->result);
    }
    if (again) ring_->submit();
  }

  /// Takes the host's answer. Returns whether something is to be submitted for the rest.
  bool advance(Slot& slot, std::int32_t result) {
    BlockRequest& request = slot.request;
    if (aborted_) {
      --in_flight_;
      return false;
    }
    if (result < 0) return recover(slot, -result);
    const bool transfers = request.kind == Kind::kRead || request.kind == Kind::kWrite;
    const bool by_writing = request.kind == Kind::kWriteZeroes && slot.attempt == 2;
    if (!transfers && !by_writing) {
      slot.done = request.length;
      return end(slot, VIRTIO_BLK_S_OK);
    }
    // Nothing at all: the image has become shorter than it was.
    if (result == 0) return end(slot, VIRTIO_BLK_S_IOERR);
    const auto count = static_cast<std::uint64_t>(result);
    slot.done += count;
    if (slot.done >= request.length) return end(slot, VIRTIO_BLK_S_OK);
    if (transfers) request.data = drop_front(request.data, count);
    issue(slot);
    return true;
  }

  bool recover(Slot& slot, int error) {
    const Kind kind = slot.request.kind;
    if ((error == EINTR || error == EAGAIN) && slot.retries++ < kMaxRetries) {
      issue(slot);
      return true;
    }
    if (error == EOPNOTSUPP && kind == Kind::kDiscard)
      return end(slot, VIRTIO_BLK_S_OK);  // A hint.
    if (error == EOPNOTSUPP && kind == Kind::kWriteZeroes && slot.attempt < 2) {
      ++slot.attempt;
      issue(slot);
      return true;
    }
    return end(slot, VIRTIO_BLK_S_IOERR);
  }

  bool end(Slot& slot, std::uint8_t status) {
    --in_flight_;
    finish(slot, status);
    return false;
  }

  void finish(Slot& slot, std::uint8_t status) {
    const BlockRequest& request = slot.request;
    *request.status = std::byte{status};
    // Virtio 1.2, 2.7.8.2: only what was written without a gap from the first byte counts. The
    // status is behind the data.
    const bool fills = request.kind == Kind::kRead || request.kind == Kind::kIdentify;
    const std::uint64_t data = fills ? slot.done : 0;
    queue().push(slot.head, static_cast<std::uint32_t>(data == request.room ? data + 1 : data));
    free_.push_back(&slot);
  }

  DiskImage image_;
  std::string serial_;
  std::string name_;
  VirtioTransport* transport_ = nullptr;
  bool write_through_ = true;  ///< The driver does not flush, so every write is made durable.
  bool starved_ = false;       ///< Chains wait for a free slot.
  bool aborted_ = false;
  std::size_t in_flight_ = 0;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_;
  std::optional<IoRing> ring_;
};

VirtioBlock::VirtioBlock(DiskImage image, std::string serial)
    : engine_(std::make_unique<Engine>(std::move(image), std::move(serial))) {}
VirtioBlock::~VirtioBlock() = default;

std::string_view VirtioBlock::name() const { return engine_->name(); }

std::uint64_t VirtioBlock::features() const {
  const std::uint64_t common =
      bit(VIRTIO_BLK_F_SEG_MAX) | bit(VIRTIO_BLK_F_BLK_SIZE) | bit(VIRTIO_BLK_F_TOPOLOGY);
  if (engine_->image().read_only()) return common | bit(VIRTIO_BLK_F_RO);
  return common | bit(VIRTIO_BLK_F_FLUSH) | bit(VIRTIO_BLK_F_DISCARD) |
         bit(VIRTIO_BLK_F_WRITE_ZEROES);
}

std::span<const std::uint16_t> VirtioBlock::queue_sizes() const { return kQueueSizes; }

void VirtioBlock::read_config(std::uint64_t offset, std::span<std::byte> data) const {
  virtio_blk_config config{};
  config.capacity = engine_->image().sectors();
  config.seg_max = kQueueSize - 2;  // Beside header and status.
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
void VirtioBlock::reset() { engine_->reset(); }

}  // namespace hive::device
