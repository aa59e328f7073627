#include "vmm/device/virtio/balloon.h"

#include <linux/virtio_balloon.h>

#include <optional>

#include "vmm/base/units.h"

namespace hive::device {
namespace {

/// Page numbers of CHAIN, as many as FRAMES has room for.
std::span<const std::uint32_t> frames_of(const Chain& chain, std::span<std::uint32_t> frames) {
  const std::size_t bytes = copy_from(chain.to_read(), 0, std::as_writable_bytes(frames));
  return frames.first(bytes / sizeof(std::uint32_t));
}

}  // namespace

VirtioBalloon::VirtioBalloon(const memory::GuestMemory& memory, std::atomic<std::uint64_t>& held)
    : memory_(memory), held_(held), pages_(memory.size() / kPageSize) {}

void VirtioBalloon::set_target(std::uint32_t pages) {
  if (pages == target_) return;
  target_ = pages;
  transport_->run([this] { transport_->config_changed(); });
}

void VirtioBalloon::read_config(std::uint64_t offset, std::span<std::byte> data) const {
  virtio_balloon_config config{};
  config.num_pages = target_;
  config.actual = static_cast<std::uint32_t>(held_.load(std::memory_order_relaxed));
  read_config_struct(config, offset, data);
}

std::optional<std::uint64_t> VirtioBalloon::page_of(std::uint32_t frame) const {
  const auto window = memory_.window({std::uint64_t{frame} * kPageSize}, kPageSize);
  if (!window) return std::nullopt;
  return static_cast<std::uint64_t>(window->data() - memory_.regions()[0].host) / kPageSize;
}

void VirtioBalloon::inflate(std::span<const std::uint32_t> frames) {
  // Neighbours go together: the guest mostly has them, and a call for each page would be dear.
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  const auto release = [&] {
    if (count != 0) memory_.release(first * kPageSize, count * kPageSize);
    count = 0;
  };
  for (const std::uint32_t frame : frames) {
    const auto page = page_of(frame);
    if (!page || !pages_.add(*page)) continue;
    if (count != 0 && *page == first + count) {
      ++count;
    } else if (count != 0 && *page + 1 == first) {
      --first;
      ++count;
    } else {
      release();
      first = *page;
      count = 1;
    }
  }
  release();
}

void VirtioBalloon::deflate(std::span<const std::uint32_t> frames) {
  for (const std::uint32_t frame : frames) {
    if (const auto page = page_of(frame)) pages_.remove(*page);
  }
}

void VirtioBalloon::process(unsigned index) {
  constexpr unsigned kTurns = 8;  // Then others have theirs: each may release megabytes.
  Virtqueue& queue = transport_->queue(index);
  std::array<iovec, kQueues[0]> storage;
  std::array<std::uint32_t, kMaxPerRequest> room;
  Chain chain{.storage = storage};
  for (unsigned turn = 0; turn < kTurns; ++turn) {
    if (queue.pop(chain)) {
      const auto frames = frames_of(chain, room);
      index == kInflate ? inflate(frames) : deflate(frames);
      held_.store(pages_.count(), std::memory_order_relaxed);
      queue.push(chain.head, 0);
    } else if (!queue.want_kicks()) {
      return;
    }
  }
  transport_->poke(index);
}

void VirtioBalloon::reset() {
  pages_.clear();
  held_.store(0, std::memory_order_relaxed);
}

}  // namespace hive::device
