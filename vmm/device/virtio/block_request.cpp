#include "vmm/device/virtio/block_request.h"

#include <linux/virtio_blk.h>

#include <limits>

#include "vmm/base/range.h"
#include "vmm/device/virtio/disk_image.h"

namespace hive::device {
namespace {

using Kind = BlockRequest::Kind;
constexpr std::uint64_t kSector = DiskImage::kSectorSize;

struct Header {
  std::uint32_t type;
  std::uint32_t priority;
  std::uint64_t sector;
};
static_assert(sizeof(Header) == sizeof(virtio_blk_outhdr));
static_assert(sizeof(virtio_blk_discard_write_zeroes) == 16);

template <typename T>
bool copy_struct(std::span<const iovec> buffers, T& out) {
  return copy_from(buffers, 0, std::as_writable_bytes(std::span(&out, 1))) == sizeof out;
}

void refuse(BlockRequest& request, std::uint8_t status) {
  request.kind = Kind::kRefused;
  request.refusal = status;
}

/// Sets a range of the disk, or refuses it.
void set_range(BlockRequest& request, Kind kind, std::uint64_t sector, std::uint64_t length,
               const BlockLimits& limits) {
  // The answer's length, data and status, has 32 bits.
  const bool answerable = length < std::numeric_limits<std::uint32_t>::max();
  if (length % kSector != 0 || !answerable ||
      !fits_within(sector, length / kSector, limits.sectors)) {
    return refuse(request, VIRTIO_BLK_S_IOERR);
  }
  if (kind != Kind::kRead && limits.read_only) return refuse(request, VIRTIO_BLK_S_IOERR);
  request.kind = kind;
  request.offset = sector * kSector;
  request.length = length;
}

/// Discard and write-zeroes: the range is in the data. One range each, as the configuration says.
void set_segment(BlockRequest& request, Kind kind, std::span<const iovec> data, std::uint64_t bytes,
                 const BlockLimits& limits) {
  virtio_blk_discard_write_zeroes segment{};
  if (bytes != sizeof segment || !copy_struct(data, segment)) {
    return refuse(request, VIRTIO_BLK_S_IOERR);
  }
  // Virtio 1.2, 5.2.6.2: unknown flags, and unmap where it has no meaning, are unsupported.
  const std::uint32_t known = kind == Kind::kWriteZeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0U;
  if ((segment.flags & ~known) != 0) return refuse(request, VIRTIO_BLK_S_UNSUPP);
  // The range is not transferred, so that its length may exceed 4 GiB; sectors have 32 bits.
  if (!fits_within(segment.sector, segment.num_sectors, limits.sectors) || limits.read_only) {
    return refuse(request, VIRTIO_BLK_S_IOERR);
  }
  request.kind = kind;
  request.offset = segment.sector * kSector;
  request.length = segment.num_sectors * kSector;
  request.may_unmap = (segment.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0;
}

}  // namespace

bool parse_block_request(Chain& chain, const BlockLimits& limits, BlockRequest& request) {
  Header header{};
  if (chain.writable_bytes == 0 || !copy_struct(chain.to_read(), header)) return false;
  request = BlockRequest{};
  const iovec& last = chain.to_write().back();
  request.status = static_cast<std::byte*>(last.iov_base) + last.iov_len - 1;

  const std::span<iovec> out = drop_front(chain.to_read(), sizeof header);
  const std::uint64_t out_bytes = chain.readable_bytes - sizeof header;
  const std::span<iovec> in = drop_back(chain.to_write(), 1);
  const std::uint64_t in_bytes = chain.writable_bytes - 1;
  request.room = in_bytes;
  request.writer = chain.writer;
  switch (header.type) {
    case VIRTIO_BLK_T_IN:
      request.data = in;
      set_range(request, Kind::kRead, header.sector, in_bytes, limits);
      break;
    case VIRTIO_BLK_T_OUT:
      request.data = out;
      set_range(request, Kind::kWrite, header.sector, out_bytes, limits);
      break;
    case VIRTIO_BLK_T_FLUSH:
      request.kind = Kind::kFlush;
      break;
    case VIRTIO_BLK_T_GET_ID:
      request.kind = Kind::kIdentify;
      request.data = in;
      break;
    case VIRTIO_BLK_T_DISCARD:
      set_segment(request, Kind::kDiscard, out, out_bytes, limits);
      break;
    case VIRTIO_BLK_T_WRITE_ZEROES:
      set_segment(request, Kind::kWriteZeroes, out, out_bytes, limits);
      break;
    default:
      refuse(request, VIRTIO_BLK_S_UNSUPP);
      break;
  }
  return true;
}

}  // namespace hive::device
