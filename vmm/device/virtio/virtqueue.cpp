#include "vmm/device/virtio/virtqueue.h"

#include <atomic>
#include <bit>
#include <cstring>

#include "vmm/base/units.h"
#include "vmm/device/virtio/ring_abi.h"

namespace hive::device {
namespace {

// Offsets within the two rings (virtio 1.2, 2.7.6 and 2.7.8): flags, index, entries, and after
// them the other side's event index.
constexpr std::size_t kFlags = 0;
constexpr std::size_t kIndex = 2;
constexpr std::size_t kEntries = 4;
constexpr std::size_t kAvailableEntry = 2;
constexpr std::size_t kUsedEntry = 8;
constexpr std::size_t kUsedLength = 4;
constexpr std::size_t kDescriptorSize = 16;
constexpr std::uint64_t kMaxChainBytes = std::uint64_t{4} * kGiB;

constexpr std::size_t used_event(std::size_t size) { return kEntries + size * kAvailableEntry; }
constexpr std::size_t available_event(std::size_t size) { return kEntries + size * kUsedEntry; }

// Ring words are read and written whole: enable() has checked their alignment.
template <typename T>
T load(std::byte* address, std::memory_order order) {
  return std::atomic_ref(*reinterpret_cast<T*>(address)).load(order);
}
template <typename T>
void store(std::byte* address, T value, std::memory_order order) {
  std::atomic_ref(*reinterpret_cast<T*>(address)).store(value, order);
}

}  // namespace

struct Virtqueue::Descriptor {
  std::uint64_t address;
  std::uint32_t length;
  std::uint16_t flags;
  std::uint16_t next;
};

/// Where a walk along a chain is.
struct Virtqueue::Walk {
  const std::byte* table;
  std::uint32_t table_size;
  std::uint16_t index;
  bool indirect = false;
  bool at_end = false;
  std::uint16_t length = 0;  ///< Descriptors with a buffer so far.
};

bool Virtqueue::enable(const VirtqueueSetup& setup, Rules rules) {
  disable();
  const std::uint16_t size = setup.size;
  if (!std::has_single_bit(size) || size > max_size_) {
    return refuse("queue size is not a power of two or too large");
  }
  // Alignment: virtio 1.2, 2.7.
  if (!is_aligned(setup.descriptors, 16) || !is_aligned(setup.available, 2) ||
      !is_aligned(setup.used, 4)) {
    return refuse("ring is misaligned");
  }
  const auto descriptors = memory_.window({setup.descriptors}, size * kDescriptorSize);
  const auto available = memory_.window({setup.available}, used_event(size) + 2);
  const auto used = memory_.window({setup.used}, available_event(size) + 2);
  if (!descriptors || !available || !used) return refuse("ring is not in memory");
  descriptors_ = descriptors->data();
  available_ = available->data();
  used_ = used->data();
  size_ = size;
  rules_ = rules;
  enabled_ = true;
  return true;
}

void Virtqueue::disable() {
  enabled_ = false;
  fault_ = {};
  seen_available_ = next_available_ = next_used_ = shown_ = published_ = 0;
}

void Virtqueue::fail(std::string_view reason) {
  if (!broken()) fault_ = reason;
}

bool Virtqueue::refuse(std::string_view reason) {
  fail(reason);
  return false;
}

void Virtqueue::look_for_available() {
  // Acquire: pairs with the driver's release of the index (virtio 1.2, 2.7.13.3). Ring entries,
  // descriptors and buffers that it wrote before are seen by the reads that follow.
  seen_available_ = load<std::uint16_t>(available_ + kIndex, std::memory_order_acquire);
}

bool Virtqueue::take_head(std::uint16_t& head) {
  if (next_available_ == seen_available_) {
    look_for_available();
    const auto ahead = static_cast<std::uint16_t>(seen_available_ - next_available_);
    if (ahead == 0) return false;
    if (ahead > size_) return refuse("available index runs ahead of the ring");
  }
  // A chain has at least one descriptor, so there cannot be more chains than descriptors.
  if (static_cast<std::uint16_t>(next_available_ - next_used_) >= size_) {
    return refuse("more chains than descriptors");
  }
  const std::size_t entry = next_available_ & (size_ - 1U);
  head = load<std::uint16_t>(available_ + kEntries + entry * kAvailableEntry,
                             std::memory_order_relaxed);
  if (head >= size_) return refuse("available ring names a descriptor out of range");
  ++next_available_;
  return true;
}

bool Virtqueue::pop(Chain& chain) {
  if (!enabled_ || broken()) return false;
  std::uint16_t head = 0;
  if (!take_head(head)) return false;
  chain.head = head;
  chain.readable = chain.writable = 0;
  chain.writer = nullptr;
  chain.readable_bytes = chain.writable_bytes = 0;
  Walk walk{.table = descriptors_, .table_size = size_, .index = head};
  while (!walk.at_end) {
    if (!step(walk, chain)) return false;
  }
  return true;
}

bool Virtqueue::step(Walk& walk, Chain& chain) {
  if (walk.index >= walk.table_size) return refuse("descriptor index out of range");
  Descriptor descriptor;
  static_assert(sizeof descriptor == kDescriptorSize);
  std::memcpy(&descriptor, walk.table + walk.index * kDescriptorSize, sizeof descriptor);
  if ((descriptor.flags & VRING_DESC_F_INDIRECT) != 0) return enter_indirect(descriptor, walk);
  // Also what ends a chain that loops.
  if (++walk.length > size_) return refuse("descriptor chain is longer than the queue");
  if (!add_buffer(descriptor, chain)) return false;
  walk.at_end = (descriptor.flags & VRING_DESC_F_NEXT) == 0;
  walk.index = descriptor.next;
  return true;
}

/// Virtio 1.2, 2.7.5.3: an indirect table ends its chain and cannot hold another.
bool Virtqueue::enter_indirect(const Descriptor& descriptor, Walk& walk) {
  if (!rules_.indirect) return refuse("indirect descriptor without the feature");
  if (walk.indirect) return refuse("indirect descriptor within an indirect table");
  if ((descriptor.flags & VRING_DESC_F_NEXT) != 0) return refuse("indirect descriptor with a next");
  const std::uint32_t entries = descriptor.length / kDescriptorSize;
  if (entries == 0 || descriptor.length % kDescriptorSize != 0) {
    return refuse("indirect table is not a whole number of descriptors");
  }
  const auto table = memory_.window({descriptor.address}, descriptor.length);
  if (!table) return refuse("indirect table is not in memory");
  walk.table = table->data();
  walk.table_size = entries;
  walk.index = 0;
  walk.indirect = true;
  return true;
}

bool Virtqueue::add_buffer(const Descriptor& descriptor, Chain& chain) {
  const bool writable = (descriptor.flags & VRING_DESC_F_WRITE) != 0;
  if (!writable && chain.writable != 0) return refuse("readable buffer after a writable one");
  if (descriptor.length == 0) return true;
  if (chain.readable_bytes + chain.writable_bytes + descriptor.length > kMaxChainBytes) {
    return refuse("descriptor chain has more than 4 GiB");
  }
  const auto window = memory_.dma_window({descriptor.address}, descriptor.length);
  if (!window) return refuse("buffer is not in memory");
  const std::size_t place = std::size_t{chain.readable} + chain.writable;
  if (place >= chain.storage.size())
    return refuse("descriptor chain is longer than its device takes");
  chain.storage[place] = {window->bytes.data(), window->bytes.size()};
  if (writable && window->writer != nullptr) chain.writer = window->writer;
  ++(writable ? chain.writable : chain.readable);
  (writable ? chain.writable_bytes : chain.readable_bytes) += descriptor.length;
  return true;
}

void Virtqueue::push(std::uint16_t head, std::uint32_t written) {
  if (!enabled_ || broken()) return;
  std::byte* entry = used_ + kEntries + (next_used_ & (size_ - 1U)) * kUsedEntry;
  store<std::uint32_t>(entry, head, std::memory_order_relaxed);
  store<std::uint32_t>(entry + kUsedLength, written, std::memory_order_relaxed);
  ++next_used_;
}

bool Virtqueue::publish() {
  if (!enabled_ || broken() || published_ == next_used_) return false;
  const std::uint16_t before = std::exchange(published_, next_used_);
  show();
  if (!rules_.event_index) {
    const auto flags = load<std::uint16_t>(available_ + kFlags, std::memory_order_seq_cst);
    return (flags & VRING_AVAIL_F_NO_INTERRUPT) == 0;
  }
  // Virtio 1.2, 2.7.10: interrupt when the index has moved past the driver's event.
  const auto event = load<std::uint16_t>(available_ + used_event(size_), std::memory_order_seq_cst);
  return static_cast<std::uint16_t>(published_ - event - 1) <
         static_cast<std::uint16_t>(published_ - before);
}

void Virtqueue::show() {
  if (!enabled_ || broken() || shown_ == next_used_) return;
  shown_ = next_used_;
  // Release part: the entries and the buffers' content are seen by a driver that sees this index.
  // seq_cst, here and on the loads in publish(): the driver's wish for an interrupt is read after
  // the index is visible (virtio 1.2, 2.7.10). The driver stores its wish, then loads the index, so
  // that at least one of the two sees what the other has written.
  store(used_ + kIndex, shown_, std::memory_order_seq_cst);
}

void Virtqueue::suppress_kicks() {
  // With event indexes, the event that is in the past suffices.
  if (!enabled_ || broken() || rules_.event_index) return;
  // Relaxed: a hint. A signal that comes all the same is harmless.
  store<std::uint16_t>(used_ + kFlags, VRING_USED_F_NO_NOTIFY, std::memory_order_relaxed);
}

bool Virtqueue::want_kicks() {
  if (!enabled_ || broken()) return false;
  // seq_cst, on store and load: the driver can see the wish before its index is read again (virtio
  // 1.2, 2.7.10). The driver stores its index, then loads the wish, so that a chain is either seen
  // here or signalled.
  if (rules_.event_index) {
    store(used_ + available_event(size_), next_available_, std::memory_order_seq_cst);
  } else {
    store<std::uint16_t>(used_ + kFlags, 0, std::memory_order_seq_cst);
  }
  const auto index = load<std::uint16_t>(available_ + kIndex, std::memory_order_seq_cst);
  return index != next_available_;
}

}  // namespace hive::device
