#include "vmm/device/virtio/rng.h"

#include <sys/random.h>

#include <algorithm>

namespace hive::device {
namespace {

/// fill() for buffers in global memory.
std::uint32_t fill_guarded(const Chain& chain) {
  std::array<std::byte, VirtioRng::kMaxBytes> random;
  const std::size_t wanted = std::min<std::uint64_t>(chain.writable_bytes, random.size());
  const ssize_t got = ::getrandom(random.data(), wanted, GRND_NONBLOCK);
  if (got <= 0) return 0;
  const auto bytes = std::span(random).first(static_cast<std::size_t>(got));
  return store(chain.to_write(), 0, bytes, chain.writer) ? static_cast<std::uint32_t>(got) : 0;
}

/// Fills as much of CHAIN's buffers as one request gets. Returns the bytes written.
std::uint32_t fill(const Chain& chain) {
  if (chain.writer != nullptr) return fill_guarded(chain);
  std::size_t total = 0;
  for (const iovec& buffer : chain.to_write()) {
    const std::size_t wanted = std::min(buffer.iov_len, VirtioRng::kMaxBytes - total);
    if (wanted == 0) break;
    // Never waits: a host that runs cells has seeded its generator. Short when a signal came.
    const ssize_t got = ::getrandom(buffer.iov_base, wanted, GRND_NONBLOCK);
    if (got > 0) total += static_cast<std::size_t>(got);
    if (got != static_cast<ssize_t>(wanted)) break;
  }
  return static_cast<std::uint32_t>(total);
}

}  // namespace

void VirtioRng::read_config(std::uint64_t /*offset*/, std::span<std::byte> data) const {
  std::fill(data.begin(), data.end(), std::byte{0});
}

void VirtioRng::process(unsigned index) {
  Virtqueue& queue = transport_->queue(index);
  std::array<iovec, kQueues[0]> storage;
  Chain chain{.storage = storage};
  // One turn serves at most a queue's worth; a driver that goes on filling it waits its turn.
  for (unsigned turn = 0; turn < kQueues[0]; ++turn) {
    if (queue.pop(chain)) {
      queue.push(chain.head, fill(chain));
    } else if (!queue.want_kicks()) {
      return;
    }
  }
  transport_->poke(index);
}

}  // namespace hive::device
