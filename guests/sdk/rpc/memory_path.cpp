#include "guests/sdk/rpc/memory_path.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "guests/sdk/guard.h"
#include "vmm/base/units.h"

namespace hive::rpc {
namespace {

using sdk::ChannelPlace;
using sdk::ChannelReceiver;
using sdk::ChannelSender;

constexpr std::uint64_t kAlignment = 64;

std::span<const std::byte> as_record(ByteView bytes) { return std::as_bytes(bytes); }

ChannelPlace outgoing(const hive_rpc_setup& own, const hive_rpc_setup& theirs) {
  ChannelPlace place;
  place.ring = {own.cell, own.ring};
  place.credit = {theirs.cell, theirs.credit};
  place.capacity = own.capacity;
  place.content_is_sealed = true;
  return place;
}

}  // namespace

hive_rpc_setup setup_of(std::uint32_t cell, const hive_section& section, std::uint32_t capacity) {
  const std::uint64_t start = section.first * kPageSize;
  return {cell, capacity, start + kRingOffset, start};
}

sdk::Result<hive_rpc_setup> check_setup(const MemoryHub& hub, const hive_rpc_setup& setup) {
  const bool is_ring =
      sdk::is_ring_capacity(setup.capacity) && setup.capacity >= HIVE_RPC_LEAST_RING;
  if (!is_ring || setup.ring % kAlignment != 0 || setup.credit % kAlignment != 0 ||
      setup.cell == hub.cell()) {
    return sdk::Failure{HIVE_INVALID, "that is no place for a link's end"};
  }
  const auto ring = hub.machine().place(setup.cell, setup.ring, sdk::ring_size(setup.capacity));
  if (!ring.ok()) return ring.failure();
  const auto credit = hub.machine().place(setup.cell, setup.credit, sizeof(hive_channel_credit));
  if (!credit.ok()) return credit.failure();
  return setup;
}

bool MemoryPath::clear(MemoryHub& hub, const hive_section& section) {
  constexpr std::size_t kSize = kRingOffset + sizeof(hive_channel_ring);
  constexpr std::array<std::byte, kSize> kZeros{};
  return hub.machine().copy_to(hub.cell(), section.first * kPageSize, kZeros.data(), kSize).ok();
}

std::unique_ptr<MemoryPath> MemoryPath::open(std::shared_ptr<MemoryHub> hub,
                                             std::unique_ptr<OwnedSection> section,
                                             const hive_rpc_setup& theirs, std::uint32_t peer_cid) {
  const hive_rpc_setup own = setup_of(hub->cell(), section->get(), hub->capacity());
  auto sender = ChannelSender::create(hub->machine(), outgoing(own, theirs));
  auto receiver = ChannelReceiver::attach(hub->machine(), outgoing(theirs, own));
  if (!sender.ok() || !receiver.ok()) return nullptr;
  return std::make_unique<MemoryPath>(std::move(hub), std::move(section), own, theirs, peer_cid,
                                      std::move(sender).value(), std::move(receiver).value());
}

MemoryPath::MemoryPath(std::shared_ptr<MemoryHub> hub, std::unique_ptr<OwnedSection> section,
                       const hive_rpc_setup& own, const hive_rpc_setup& theirs,
                       std::uint32_t peer_cid, ChannelSender sender, ChannelReceiver receiver)
    : hub_(std::move(hub)),
      section_(std::move(section)),
      theirs_(theirs),
      peer_cid_(peer_cid),
      peer_incarnation_(hub_->areas().incarnation(theirs.cell)),
      most_piece_(hub_->capacity() / 4 - sizeof(hive_channel_record)),
      data_key_(outgoing(theirs, own).data_key()),
      room_key_(outgoing(own, theirs).room_key()),
      receiver_(std::move(receiver)),
      sender_(std::move(sender)) {
  hub_->enter(peer_cid_);
}

MemoryPath::~MemoryPath() {
  withdraw();
  hub_->leave(peer_cid_);
}

// --- sending ---

Sent MemoryPath::send(const hive_rpc_frame& header, ByteView payload) {
  const std::lock_guard lock(sending_);
  if (sending_failed_) return Sent::kEnded;
  try {
    return send_or_keep(bytes_of(header), payload);
  } catch (const std::bad_alloc&) {
    // A part may have gone.
    failing_ = Failing::kEnded;
    sending_failed_ = true;
    forget_unsent();
    return Sent::kEnded;
  }
}

/// Locked.
Sent MemoryPath::send_or_keep(ByteView head, ByteView payload) {
  if (unsent_size_ > 0) {
    if (unsent_size_ >= kMostUnsent) return Sent::kFull;
    keep(head, payload, 0);
    return Sent::kSent;
  }
  std::size_t done = std::min(payload.size(), most_piece_ - head.size());
  if (!pass(as_record(head), as_record(payload.first(done)))) {
    if (sending_failed_) return Sent::kEnded;
    keep(head, payload, 0);
    return Sent::kSent;
  }
  while (done < payload.size()) {
    const ByteView piece = payload.subspan(done, std::min(payload.size() - done, most_piece_));
    if (!pass({}, as_record(piece))) {
      keep(head, payload, head.size() + done);
      return Sent::kSent;
    }
    done += piece.size();
  }
  return Sent::kSent;
}

/// One record, where there is room. Locked.
bool MemoryPath::pass(std::span<const std::byte> head, std::span<const std::byte> body) {
  const auto sent = sender_.try_send(head, body);
  if (sent.ok()) return sent.value();
  const bool is_nonsense = sent.status() == HIVE_BROKEN;
  failing_ = is_nonsense ? Failing::kBroken : Failing::kEnded;
  sending_failed_ = true;
  forget_unsent();
  return false;
}

void MemoryPath::keep(ByteView head, ByteView payload, std::size_t sent) {
  if (sending_failed_) return;
  Unsent& kept = unsent_.emplace_back();
  kept.frame.reserve(head.size() + payload.size());
  kept.frame.insert(kept.frame.end(), head.begin(), head.end());
  kept.frame.insert(kept.frame.end(), payload.begin(), payload.end());
  kept.sent = sent;
  unsent_size_ += kept.frame.size() - sent;
}

void MemoryPath::forget_unsent() {
  unsent_.clear();
  unsent_size_ = 0;
}

bool MemoryPath::flush() {
  const std::lock_guard lock(sending_);
  bool any = false;
  while (!unsent_.empty() && flush_first()) any = true;
  return any;
}

/// Of the first frame that is unsent. Locked.
std::size_t MemoryPath::next_piece() const {
  return std::min(unsent_.front().frame.size() - unsent_.front().sent, most_piece_);
}

bool MemoryPath::flush_first() {
  Unsent& first = unsent_.front();
  const std::size_t size = next_piece();
  if (!pass(as_record(ByteView(first.frame).subspan(first.sent, size)), {})) return false;
  first.sent += size;
  unsent_size_ -= size;
  if (first.sent == first.frame.size()) unsent_.pop_front();
  return true;
}

bool MemoryPath::can_flush() {
  if (unsent_size_ == 0) return false;
  const std::lock_guard lock(sending_);
  return !unsent_.empty() && sender_.has_room(next_piece());
}

void MemoryPath::close() {
  const std::lock_guard lock(sending_);
  sender_.close();
  sending_failed_ = true;
  failing_ = Failing::kEnded;
  forget_unsent();
}

// --- receiving ---

MemoryPath::Step MemoryPath::read(Frame& frame) {
  if (fault_ != HIVE_RPC_FAULT_NONE) return Step::kBroken;
  bool is_odd = false;
  for (;;) {
    const auto length = receiver_.peek();
    if (session_ == 0) session_ = receiver_.session();
    // Another ring than the one that was agreed on.
    if (receiver_.session() != session_) return Step::kEnded;
    if (!length.ok()) return ended_by(length.status());
    if (!length.value()) {
      if (!receiver_.has_news()) break;
      // An index that moves in a ring without a session: one look more, since it may just begin.
      if (is_odd) return session_ == 0 ? broken(HIVE_RPC_FAULT_FIELD) : Step::kEnded;
      is_odd = true;
      continue;
    }
    is_odd = false;
    const Step step = take_record(*length.value());
    if (receiver_.untold() >= theirs_.capacity / 4) receiver_.give_room();
    if (step == Step::kFrame) return finish(frame);
    if (step != Step::kEmpty) return step;
  }
  receiver_.give_room();
  if (failing_ == Failing::kBroken) return broken(HIVE_RPC_FAULT_FIELD);
  return failing_ == Failing::kEnded ? Step::kEnded : Step::kEmpty;
}

/// kFrame: that was a frame's last.
MemoryPath::Step MemoryPath::take_record(std::uint32_t length) {
  if (!has_header_) return take_first(length);
  const std::size_t left = header_.length - filled_;
  if (length > left || (length < left && length < HIVE_RPC_LEAST_PIECE)) {
    return broken(HIVE_RPC_FAULT_LENGTH);
  }
  const std::span<unsigned char> piece(payload_.data() + filled_, length);
  const auto taken = receiver_.take({}, std::as_writable_bytes(piece));
  if (!taken.ok()) return ended_by(taken.status());
  filled_ += length;
  return filled_ == header_.length ? Step::kFrame : Step::kEmpty;
}

MemoryPath::Step MemoryPath::take_first(std::uint32_t length) {
  if (length < sizeof header_) return broken(HIVE_RPC_FAULT_LENGTH);
  filled_ = length - sizeof header_;
  if (filled_ > HIVE_RPC_MAX_PAYLOAD) return broken(HIVE_RPC_FAULT_LENGTH);
  payload_.resize(filled_);
  const auto taken = receiver_.take(std::as_writable_bytes(std::span(&header_, 1)),
                                    std::as_writable_bytes(std::span(payload_)));
  if (!taken.ok()) return ended_by(taken.status());
  const hive_rpc_fault fault = check_header(header_);
  if (fault != HIVE_RPC_FAULT_NONE) return broken(fault);
  if (filled_ > header_.length || (filled_ < header_.length && filled_ < HIVE_RPC_LEAST_PIECE)) {
    return broken(HIVE_RPC_FAULT_LENGTH);
  }
  has_header_ = filled_ < header_.length;
  payload_.resize(header_.length);
  return has_header_ ? Step::kEmpty : Step::kFrame;
}

MemoryPath::Step MemoryPath::finish(Frame& frame) {
  has_header_ = false;
  const hive_rpc_fault fault = check_payload(header_, payload_);
  if (fault != HIVE_RPC_FAULT_NONE) return broken(fault);
  frame.header = header_;
  std::swap(frame.payload, payload_);
  return Step::kFrame;
}

MemoryPath::Step MemoryPath::broken(hive_rpc_fault fault) {
  fault_ = fault;
  return Step::kBroken;
}

MemoryPath::Step MemoryPath::ended_by(hive_status status) {
  if (status == HIVE_ROTTEN) return broken(HIVE_RPC_FAULT_CHECKSUM);
  if (status == HIVE_BROKEN || status == HIVE_INVALID) return broken(HIVE_RPC_FAULT_FIELD);
  return Step::kEnded;  // Closed, or gone with its home.
}

// --- waiting ---

bool MemoryPath::is_same_peer() const {
  return hub_->areas().incarnation(theirs_.cell) == peer_incarnation_;
}

void MemoryPath::publish() {
  if (!std::exchange(waits_for_data_, true)) hub_->areas().add_waiter(data_key_);
  if (unsent_size_ > 0 && !std::exchange(waits_for_room_, true)) {
    hub_->areas().add_waiter(room_key_);
  }
}

void MemoryPath::withdraw() {
  if (std::exchange(waits_for_data_, false)) hub_->areas().remove_waiter(data_key_);
  if (std::exchange(waits_for_room_, false)) hub_->areas().remove_waiter(room_key_);
}

}  // namespace hive::rpc
