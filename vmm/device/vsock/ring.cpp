#include "vmm/device/vsock/ring.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "vmm/device/virtio/chain.h"

namespace hive::device::vsock {
namespace {

constexpr std::uint64_t kCapacity = memory::kRingDataBytes;

// All accesses to the pages are sequentially consistent: each end stores its position and then
// loads the other's wish for an event, or stores its wish and then loads the other's position, so
// that at least one of the two sees what the other has written.
std::uint64_t load(std::uint64_t& word) { return std::atomic_ref(word).load(); }
void store(std::uint64_t& word, std::uint64_t value) { std::atomic_ref(word).store(value); }

ProducerPage* producer_page(std::byte* base) { return reinterpret_cast<ProducerPage*>(base); }
ConsumerPage* consumer_page(std::byte* base) {
  return reinterpret_cast<ConsumerPage*>(base + memory::kRingPageBytes);
}
std::byte* data_of(std::byte* base) { return base + 2 * memory::kRingPageBytes; }

/// Whether records may end at PRODUCED where a consumer is at CONSUMED.
bool makes_sense(std::uint64_t produced, std::uint64_t consumed) {
  return produced - consumed <= kCapacity && produced % kRecordUnit == 0;
}

}  // namespace

RingProducer::RingProducer(std::byte* base, Incarnation incarnation)
    : own_(producer_page(base)),
      other_(consumer_page(base)),
      data_(data_of(base)),
      incarnation_(incarnation) {
  const std::uint64_t produced = load(own_->produced);
  const std::uint64_t consumed = load(other_->consumed) & ~(kRecordUnit - 1);
  position_ = published_ = makes_sense(produced, consumed) ? produced : consumed;
  restate();
}

void RingProducer::restate() {
  store(own_->produced, published_);
  store(own_->space_at, published_);
  store(own_->started_at, published_);
  store(own_->session, incarnation_);
}

/// What the consumer has not passed yet. Everything, where it makes no sense.
std::uint64_t RingProducer::used() const {
  const std::uint64_t used = position_ - load(other_->consumed);
  return std::min(used, kCapacity);
}

bool RingProducer::put(const RecordHead& head, std::span<const iovec> payload,
                       std::uint64_t offset) {
  const std::uint64_t size = record_size(head.length);
  if (size > kCapacity - used()) return false;
  std::memcpy(data_ + position_ % kCapacity, &head, sizeof head);
  copy_in(position_ + sizeof head, payload, offset, head.length);
  position_ += size;
  return true;
}

void RingProducer::copy_in(std::uint64_t position, std::span<const iovec> payload,
                           std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t start = position % kCapacity;
  const std::uint64_t first = std::min(length, kCapacity - start);
  (void)copy_from(payload, offset, {data_ + start, first});
  (void)copy_from(payload, offset + first, {data_, length - first});
}

bool RingProducer::publish() {
  const std::uint64_t before = published_;
  if (position_ == before) return false;
  published_ = position_;
  store(own_->produced, published_);
  return load(other_->wake_at) - before < published_ - before;
}

bool RingProducer::await_space(std::uint64_t length) {
  const std::uint64_t wanted = std::max(record_size(length), kCapacity / 2);
  store(own_->space_at, position_ + wanted - kCapacity);
  return kCapacity - used() >= wanted;
}

RingConsumer::RingConsumer(std::byte* base)
    : other_(producer_page(base)), own_(consumer_page(base)), data_(data_of(base)) {
  move_to(load(other_->produced) & ~(kRecordUnit - 1));
}

void RingConsumer::move_to(std::uint64_t position) {
  position_ = position;
  store(own_->consumed, position_);
  store(own_->wake_at, position_);
}

RingConsumer::State RingConsumer::peek(RecordHead& head) {
  if (broken_) return State::kBroken;
  const std::uint64_t produced = load(other_->produced);
  if (produced == position_) return State::kEmpty;
  if (makes_sense(produced, position_)) {
    std::memcpy(&head, data_ + position_ % kCapacity, sizeof head);
    length_ = head.length;
    if (length_ <= kMaxPayload && record_size(length_) <= produced - position_) {
      return State::kRecord;
    }
  }
  broken_ = true;
  return State::kBroken;
}

std::array<iovec, 2> RingConsumer::payload() const {
  const std::uint64_t start = (position_ + sizeof(RecordHead)) % kCapacity;
  const std::uint64_t first = std::min(length_, kCapacity - start);
  auto* data = const_cast<std::byte*>(data_);  // As iovec has it.
  return {iovec{data + start, first}, iovec{data, length_ - first}};
}

bool RingConsumer::pop() {
  const std::uint64_t before = position_;
  position_ += record_size(length_);
  store(own_->consumed, position_);
  // Whether it went over what the producer waits for.
  return load(other_->space_at) - before - 1 < position_ - before;
}

bool RingConsumer::sleep() {
  store(own_->wake_at, position_);
  return load(other_->produced) != position_;
}

std::uint64_t RingConsumer::session() const { return load(other_->session); }

bool RingConsumer::mend(Incarnation incarnation) {
  if (!broken_ || incarnation == 0 || session() != incarnation) return false;
  // Wherever it is: the one that broke the ring may have misled the new one. But for its alignment,
  // peek() checks the rest.
  move_to(load(other_->started_at) & ~(kRecordUnit - 1));
  broken_ = false;
  return true;
}

}  // namespace hive::device::vsock
