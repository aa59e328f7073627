#include "vmm/device/virtio/balloon.h"

#include <linux/virtio_balloon.h>

#include <optional>
#include <utility>

#include "vmm/base/units.h"

namespace hive::device {
namespace {

/// Copies the page numbers of CHAIN, as many as FRAMES has room for; how many that are.
std::size_t copy_frames(const Chain& chain, std::span<std::uint32_t> frames) {
  return copy_from(chain.to_read(), 0, std::as_writable_bytes(frames)) / sizeof(std::uint32_t);
}

}  // namespace

VirtioBalloon::VirtioBalloon(const memory::GuestMemory& memory, std::atomic<std::uint64_t>& held,
                             std::atomic<std::uint64_t>& target)
    : memory_(memory), held_(held), pages_(memory.capacity() / kPageSize), target_(target) {}

void VirtioBalloon::set_target(std::uint32_t pages) {
  if (pages == target_) return;
  target_ = pages;
  transport_->run([this] { transport_->config_changed(); });
}

void VirtioBalloon::read_config(std::uint64_t offset, std::span<std::byte> data) const {
  virtio_balloon_config config{};
  config.num_pages = static_cast<std::uint32_t>(target_.load());
  config.actual = static_cast<std::uint32_t>(held_.load(std::memory_order_relaxed));
  read_config_struct(config, offset, data);
}

std::optional<std::uint64_t> VirtioBalloon::page_of(std::uint32_t frame) const {
  const auto window = memory_.window({std::uint64_t{frame} * kPageSize}, kPageSize);
  if (!window) return std::nullopt;
  return static_cast<std::uint64_t>(window->data() - memory_.regions()[0].host) / kPageSize;
}

void VirtioBalloon::inflate(Request& request) {
  // Neighbours go together: the guest mostly has them, and a call for each page would be dear.
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  for (; request.next < request.count && count < kMostTogether; ++request.next) {
    const auto page = page_of(request.frames.at(request.next));
    if (!page) continue;
    const bool is_above = *page == first + count;
    const bool is_below = *page + 1 == first;
    if (count != 0 && !is_above && !is_below) break;
    if (!pages_.add(*page)) continue;
    if (count == 0 || is_below) first = *page;
    ++count;
  }
  if (memory_.release(first * kPageSize, count * kPageSize)) return;
  // What the host has not taken nobody else can use.
  for (std::uint64_t page = first; page < first + count; ++page) pages_.remove(page);
}

void VirtioBalloon::deflate(Request& request) {
  for (; request.next < request.count; ++request.next) {
    if (const auto page = page_of(request.frames.at(request.next))) pages_.remove(*page);
  }
}

bool VirtioBalloon::take(Virtqueue& queue, Request& request) {
  std::array<iovec, kQueues[0]> storage;
  Chain chain{.storage = storage};
  if (!queue.pop(chain)) return false;
  request.head = chain.head;
  request.next = 0;
  request.count = copy_frames(chain, request.frames);
  return true;
}

void VirtioBalloon::process(unsigned index) {
  Virtqueue& queue = transport_->queue(index);
  Request& request = requests_.at(index);
  for (unsigned step = 0; step < kMostSteps; ++step) {
    if (!request.head && !take(queue, request)) {
      if (!queue.want_kicks()) return;
      continue;
    }
    index == kInflate ? inflate(request) : deflate(request);
    held_.store(pages_.count(), std::memory_order_relaxed);
    if (request.next < request.count) continue;
    queue.push(*std::exchange(request.head, std::nullopt), 0);
  }
  transport_->poke(index);
}

void VirtioBalloon::reset() {
  for (Request& request : requests_) request.head.reset();
  pages_.clear();
  held_.store(0, std::memory_order_relaxed);
}

}  // namespace hive::device
