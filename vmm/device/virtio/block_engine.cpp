#include "vmm/device/virtio/block_engine.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/virtio_blk.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "vmm/base/units.h"

namespace hive::device {
namespace {

using Kind = BlockRequest::Kind;

constexpr unsigned kRingEntries = 128;
constexpr std::size_t kMaxInFlight = 64;
constexpr unsigned kTurn = 256;  // Chains taken before others get their turn.
// What is read into global memory goes through here, this much at a time.
constexpr std::size_t kBounce = 128 * kKiB;
constexpr unsigned kMaxRetries = 16;  // Of an operation that the host asks to repeat.

// What is written where the host's file system cannot zero a range. Never stored to, so that it
// takes no memory.
constexpr std::size_t kZeroBlock = 64 * kKiB;
alignas(kPageSize) std::byte zero_block[kZeroBlock];

BlockOperation operation_of(Kind kind) {
  switch (kind) {
    case Kind::kRead:
      return BlockOperation::kRead;
    case Kind::kWrite:
      return BlockOperation::kWrite;
    case Kind::kFlush:
      return BlockOperation::kFlush;
    case Kind::kDiscard:
    case Kind::kWriteZeroes:
      return BlockOperation::kDiscard;
    case Kind::kIdentify:
    case Kind::kRefused:
      break;
  }
  return BlockOperation::kOther;
}

}  // namespace

VirtioBlock::Engine::Engine(DiskImage image, std::string serial, BlockCounters* counters)
    : image_(std::move(image)),
      serial_(std::move(serial)),
      name_("disk " + image_.path()),
      counters_(counters) {}

VirtioBlock::Engine::~Engine() {
  // The kernel writes to guest memory until then. Its answers interest nobody any more; nor does
  // what it has not even taken.
  while (in_flight_ != 0 && in_flight_ > ring_->waiting()) {
    ring_->wait();
    while (ring_->take()) --in_flight_;
  }
}

void VirtioBlock::Engine::attach(VirtioTransport& transport) {
  transport_ = &transport;
  timer_.emplace(transport.loop());
  ring_.emplace(transport.loop(), kRingEntries,
                [this] { transport_->run([this] { completed(); }); });
}

void VirtioBlock::Engine::activate(std::uint64_t features) {
  write_through_ = (features & (std::uint64_t{1} << VIRTIO_BLK_F_FLUSH)) == 0;
}

void VirtioBlock::Engine::reset() {
  starved_ = false;
  for (const auto& [due, slot] : held_) free_.push_back(slot);
  held_.clear();
}

void VirtioBlock::Engine::set_fault(const DiskFault& fault) {
  faults_.set(fault, FaultClock::now());
}

void VirtioBlock::Engine::process() {
  starved_ = false;
  start_held();
  queue().suppress_kicks();
  for (unsigned turn = 0; turn < kTurn; ++turn) {
    if (take_next()) continue;
    flush();
    // Where the host could finish at once, there are slots again but no completion to come.
    if (!starved_ || in_flight_ == kMaxInFlight) return;
    starved_ = false;
    start_held();
  }
  flush();
  transport_->poke(0);
}

bool VirtioBlock::Engine::take_next() {
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
  if (!parse_block_request(chain, {image_.sectors(), image_.read_only()}, slot->request)) {
    queue().fail("request without header or status");
    free_.push_back(slot);
    return false;
  }
  slot->head = chain.head;
  slot->zeroing = slot->request.may_unmap ? Zeroing::kDeallocate : Zeroing::kZeroRange;
  slot->retries = 0;
  slot->done = 0;
  slot->syncing = slot->fails = slot->torn = false;
  admit(*slot);
  return true;
}

VirtioBlock::Engine::Slot* VirtioBlock::Engine::acquire() {
  if (in_flight_ == kMaxInFlight) return nullptr;
  if (free_.empty()) {
    free_.reserve(slots_.size() + 1);
    slots_.push_back(std::make_unique<Slot>());
    return slots_.back().get();
  }
  Slot* slot = free_.back();  // The last one freed: its memory is warm.
  free_.pop_back();
  return slot;
}

void VirtioBlock::Engine::admit(Slot& slot) {
  if (!faults_.any()) return start(slot);
  BlockRequest& request = slot.request;
  const FaultClock::time_point now = FaultClock::now();
  const BlockVerdict verdict = faults_.judge(request.kind, request.length, now);
  slot.fails = verdict.fails;
  if (verdict.stored) {
    request.data = drop_back(request.data, request.length - *verdict.stored);
    request.length = *verdict.stored;
    slot.torn = !verdict.reports_done;
  }
  if (verdict.delay.count() == 0) return start(slot);
  held_.emplace(now + verdict.delay, &slot);
  arm_timer();
}

void VirtioBlock::Engine::start_held() {
  if (held_.empty()) return;
  const FaultClock::time_point now = FaultClock::now();
  while (!held_.empty() && held_.begin()->first <= now) {
    if (in_flight_ == kMaxInFlight) {
      starved_ = true;
      return;
    }
    start(*held_.extract(held_.begin()).mapped());
  }
  if (!held_.empty()) arm_timer();
}

void VirtioBlock::Engine::arm_timer() {
  if (timer_->expiry() == held_.begin()->first) return;
  timer_->expires_at(held_.begin()->first);
  timer_->async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired()) return;
    // What is due while the queue may not be looked at goes on with the next process().
    transport_->run([this] {
      if (transport_->running()) process();
    });
  });
}

void VirtioBlock::Engine::start(Slot& slot) {
  const BlockRequest& request = slot.request;
  if (slot.fails) return finish(slot, VIRTIO_BLK_S_IOERR);
  if (request.kind == Kind::kRefused) return finish(slot, request.refusal);
  if (request.kind == Kind::kIdentify) return identify(slot);
  if (request.kind != Kind::kFlush && request.length == 0) return finish(slot, VIRTIO_BLK_S_OK);
  ++in_flight_;
  issue(slot);
}

void VirtioBlock::Engine::identify(Slot& slot) {
  std::array<std::byte, VIRTIO_BLK_ID_BYTES> id{};
  std::memcpy(id.data(), serial_.data(), std::min(serial_.size(), id.size()));
  const std::size_t count = std::min<std::uint64_t>(slot.request.room, id.size());
  if (!store(slot.request.data, 0, std::span(id).first(count), slot.request.writer)) {
    return finish(slot, VIRTIO_BLK_S_IOERR);
  }
  slot.done = count;
  finish(slot, VIRTIO_BLK_S_OK);
}

void VirtioBlock::Engine::issue(Slot& slot) {
  const BlockRequest& request = slot.request;
  io_uring_sqe& entry = ring_->prepare();
  switch (slot.syncing ? Kind::kFlush : request.kind) {
    case Kind::kRead:
      if (request.writer != nullptr) {
        prepare_guarded_read(entry, slot);
        break;
      }
      [[fallthrough]];
    case Kind::kWrite:
      prepare_transfer(entry, request.kind == Kind::kWrite, request.data,
                       request.offset + slot.done);
      break;
    case Kind::kFlush:
      ::io_uring_prep_fsync(&entry, image_.fd(), IORING_FSYNC_DATASYNC);
      break;
    case Kind::kDiscard:
      prepare_fallocate(entry, FALLOC_FL_PUNCH_HOLE, slot);
      break;
    default:
      prepare_zeroing(entry, slot);
      break;
  }
  // The device loop must not wait: then the host's kernel begins on a thread of its own.
  if (image_.begins_slowly()) ::io_uring_sqe_set_flags(&entry, IOSQE_ASYNC);
  ::io_uring_sqe_set_data(&entry, &slot);
}

void VirtioBlock::Engine::prepare_transfer(io_uring_sqe& entry, bool write,
                                           std::span<const iovec> buffers, std::uint64_t offset) {
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

void VirtioBlock::Engine::prepare_guarded_read(io_uring_sqe& entry, Slot& slot) {
  const std::uint64_t left = slot.request.length - slot.done;
  slot.bounce.resize(std::min<std::uint64_t>(left, kBounce));
  ::io_uring_prep_read(&entry, image_.fd(), slot.bounce.data(),
                       static_cast<unsigned>(slot.bounce.size()), slot.request.offset + slot.done);
}

void VirtioBlock::Engine::prepare_fallocate(io_uring_sqe& entry, int mode, const Slot& slot) {
  ::io_uring_prep_fallocate(&entry, image_.fd(), mode | FALLOC_FL_KEEP_SIZE,
                            static_cast<off_t>(slot.request.offset),
                            static_cast<off_t>(slot.request.length));
}

void VirtioBlock::Engine::prepare_zeroing(io_uring_sqe& entry, Slot& slot) {
  if (slot.zeroing == Zeroing::kDeallocate) {
    return prepare_fallocate(entry, FALLOC_FL_PUNCH_HOLE, slot);
  }
  if (slot.zeroing == Zeroing::kZeroRange) {
    return prepare_fallocate(entry, FALLOC_FL_ZERO_RANGE, slot);
  }
  std::uint64_t left = slot.request.length - slot.done;
  std::size_t count = 0;
  for (iovec& buffer : slot.buffers) {
    if (left == 0) break;
    buffer = {zero_block, std::min<std::uint64_t>(left, kZeroBlock)};
    left -= buffer.iov_len;
    ++count;
  }
  prepare_transfer(entry, true, std::span(slot.buffers).first(count),
                   slot.request.offset + slot.done);
}

void VirtioBlock::Engine::flush() {
  ring_->submit();
  reap();
}

void VirtioBlock::Engine::completed() {
  reap();
  if (starved_ && transport_->running()) process();
}

void VirtioBlock::Engine::reap() {
  bool again = false;
  while (const auto completion = ring_->take()) {
    again |= advance(*static_cast<Slot*>(completion->owner), completion->result);
  }
  if (again) ring_->submit();
}

bool VirtioBlock::Engine::advance(Slot& slot, std::int32_t result) {
  BlockRequest& request = slot.request;
  if (result < 0) return recover(slot, -result);
  const bool transfers = request.kind == Kind::kRead || request.kind == Kind::kWrite;
  const bool writes_zeroes = request.kind == Kind::kWriteZeroes && slot.zeroing == Zeroing::kWrite;
  if (!transfers && !writes_zeroes) return settle(slot);
  // Nothing at all: the image has become shorter than it was.
  if (result == 0) return end(slot, VIRTIO_BLK_S_IOERR);
  const auto count = static_cast<std::uint64_t>(result);
  if (request.kind == Kind::kRead && request.writer != nullptr &&
      !store(request.data, 0, std::span(slot.bounce).first(count), request.writer)) {
    return end(slot, VIRTIO_BLK_S_IOERR);
  }
  slot.done += count;
  if (slot.done >= request.length) return end(slot, VIRTIO_BLK_S_OK);
  if (transfers) request.data = drop_front(request.data, count);
  issue(slot);
  return true;
}

bool VirtioBlock::Engine::settle(Slot& slot) {
  // fallocate(2) knows no RWF_DSYNC.
  const bool changed =
      slot.request.kind == Kind::kDiscard || slot.request.kind == Kind::kWriteZeroes;
  if (!changed || !write_through_ || slot.syncing) return end(slot, VIRTIO_BLK_S_OK);
  slot.syncing = true;
  issue(slot);
  return true;
}

bool VirtioBlock::Engine::recover(Slot& slot, int error) {
  const Kind kind = slot.request.kind;
  if ((error == EINTR || error == EAGAIN) && slot.retries++ < kMaxRetries) {
    issue(slot);
    return true;
  }
  if (slot.syncing) return end(slot, VIRTIO_BLK_S_IOERR);
  // A discard is a hint: a host that cannot follow it has done no wrong.
  if (error == EOPNOTSUPP && kind == Kind::kDiscard) return end(slot, VIRTIO_BLK_S_OK);
  if (error == EOPNOTSUPP && kind == Kind::kWriteZeroes && slot.zeroing != Zeroing::kWrite) {
    slot.zeroing = slot.zeroing == Zeroing::kDeallocate ? Zeroing::kZeroRange : Zeroing::kWrite;
    issue(slot);
    return true;
  }
  return end(slot, VIRTIO_BLK_S_IOERR);
}

bool VirtioBlock::Engine::end(Slot& slot, std::uint8_t status) {
  --in_flight_;
  finish(slot, slot.torn ? std::uint8_t{VIRTIO_BLK_S_IOERR} : status);
  return false;
}

void VirtioBlock::Engine::count(const Slot& slot, std::uint8_t status) {
  if (counters_ == nullptr) return;
  const bool failed = status != VIRTIO_BLK_S_OK;
  const Kind kind = slot.request.kind;
  const bool is_range = kind == Kind::kDiscard || kind == Kind::kWriteZeroes;
  counters_->note(operation_of(kind), is_range && !failed ? slot.request.length : slot.done,
                  failed);
}

void VirtioBlock::Engine::finish(Slot& slot, std::uint8_t status) {
  count(slot, status);
  const BlockRequest& request = slot.request;
  const std::byte answer{status};
  if (request.writer == nullptr) {
    *request.status = answer;
  } else if (!request.writer->write(request.status, {&answer, 1})) {
    queue().fail("status of a request where the cell may not write");
  }
  // Virtio 1.2, 2.7.8.2: only what was written without a gap from the first byte counts. The status
  // is behind the data.
  const bool fills = request.kind == Kind::kRead || request.kind == Kind::kIdentify;
  const std::uint64_t data = fills ? slot.done : 0;
  queue().push(slot.head, static_cast<std::uint32_t>(data == request.room ? data + 1 : data));
  free_.push_back(&slot);
}

}  // namespace hive::device
