#include "vmm/device/vsock/receive_queue.h"

#include <algorithm>

namespace hive::device::vsock {

bool ReceiveQueue::ready() {
  if (held_) return true;
  Virtqueue& queue = transport_.queue(index_);
  do {
    if (!queue.pop(chain_)) continue;
    if (chain_.writable_bytes <= sizeof(Header)) {
      queue.fail("buffer too small for a packet");
      return false;
    }
    held_ = true;
    return true;
  } while (queue.want_kicks());
  return false;
}

bool ReceiveQueue::deliver(const Header& header, std::span<const iovec> payload,
                           std::uint64_t offset) {
  const std::span<iovec> buffers = chain_.to_write();
  held_ = false;
  bool whole = store(buffers, 0, std::as_bytes(std::span(&header, 1)), chain_.writer);
  std::uint64_t done = 0;
  for (const iovec& piece : payload) {
    if (offset >= piece.iov_len) {
      offset -= piece.iov_len;
      continue;
    }
    const std::uint64_t count =
        std::min<std::uint64_t>(piece.iov_len - offset, header.length - done);
    const auto* bytes = static_cast<const std::byte*>(piece.iov_base) + offset;
    whole = whole && store(buffers, sizeof header + done, {bytes, count}, chain_.writer);
    done += count;
    offset = 0;
  }
  Virtqueue& queue = transport_.queue(index_);
  if (!whole) {
    queue.fail("buffer for a packet where the cell may not write");
    return false;
  }
  queue.push(chain_.head, static_cast<std::uint32_t>(sizeof header + done));
  return true;
}

}  // namespace hive::device::vsock
